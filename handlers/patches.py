"""Bulk patches: taken as jobs, and applied some patches at a time by whoever has the job.

Jobs of one organization are applied one after the other in the order in which they were accepted, since a later patch of an asset
must win over an earlier one; those of several organizations side by side. What is applied and how far the job is are committed
together, so whatever happens to a worker, each patch is applied once.
"""

import asyncio
from typing import NamedTuple

from handlers.patching import patch_assets
from handlers.ports import Store, Transaction
from handlers.rules.patches import Checked, check_patches, refusal, undeclared
from schemas.errors import ConflictError, StoreUnavailableError
from schemas.patches import AssetPatch, JobStatus, PatchError, PatchJob

# So many are applied in one transaction. Whoever else writes waits as long, and the disk is waited for as often.
CHUNK_PATCHES = 50
# A worker that isn't heard of for so long has lost its job. It hears of that itself before it does any harm.
LEASE_US = 5_000_000

KEY_CHARACTERS_MAX = 255
KEY_TAKEN = "this Idempotency-Key was used for another request"
FAILED = "this asset could not be patched: something went wrong here, and the log says what"


class PatchRequest(NamedTuple):
    """Who asks for what: the request's body, and the key under which it can be repeated."""

    organization_id: str
    client_id: str
    idempotency_key: str | None
    body: bytes


class Applied(NamedTuple):
    """A job after some of its patches were tried, and those on which the program itself failed."""

    job: PatchJob
    failures: tuple[tuple[AssetPatch, Exception], ...]


async def accept(store: Store, request: PatchRequest, assets_max: int, now_us: int) -> PatchJob:
    """The job that a request became, now or when it came first with its key.

    Raises InvalidInputError with every place that is wrong, and ConflictError for a key that another request has used.
    """
    # On a thread: a large request must not hold up everybody else.
    checked = await asyncio.to_thread(check_patches, request.body, assets_max)
    if checked.faults:
        raise await store.read(lambda tx: _refusal(tx, request, checked))
    return await store.write(lambda tx: _accept(tx, request, checked, now_us))


async def _refusal(tx: Transaction, request: PatchRequest, checked: Checked) -> Exception:
    return refusal([*checked.faults, *undeclared(checked.names, await _declared(tx, request.organization_id))])


async def _declared(tx: Transaction, organization_id: str) -> frozenset[str]:
    """The customer-specific fields of an organization."""
    names: list[str] = []
    while page := await tx.registry.references.list_things("custom_field", organization_id, names[-1] if names else "", 1000):
        names += (thing.code for thing in page)
    return frozenset(names)


async def _accept(tx: Transaction, request: PatchRequest, checked: Checked, now_us: int) -> PatchJob:
    if request.idempotency_key is not None:
        known = await tx.patches.find_by_key(request.client_id, request.idempotency_key)
        if known is not None:
            if (known.organization_id, known.fingerprint) != (request.organization_id, checked.fingerprint):
                raise ConflictError(KEY_TAKEN)
            return known
    if faults := list(undeclared(checked.names, await _declared(tx, request.organization_id))):
        raise refusal(faults)
    patches = checked.patches
    job = PatchJob(
        organization_id=request.organization_id,
        job_id=await tx.patches.next_id(),
        client_id=request.client_id,
        idempotency_key=request.idempotency_key,
        fingerprint=checked.fingerprint,
        status="notStarted",
        total=len(patches),
        done=0,
        succeeded=0,
        created_at_us=now_us,
    )
    await tx.patches.put(job, [patches[first : first + CHUNK_PATCHES] for first in range(0, len(patches), CHUNK_PATCHES)])
    return job


async def apply_next(tx: Transaction, job: PatchJob, worker: str, now_us: int, *, each: bool = False) -> Applied | None:
    """Apply the next patches of a job that a worker has claimed; None if it has lost it to another.

    With `each`, every patch in a part of the transaction of its own: for patches that failed when they were applied together.
    """
    current = await tx.patches.take(job, worker)
    if current is None:
        return None
    patches = await tx.patches.patches_from(current)
    failures: list[tuple[AssetPatch, Exception]] = []
    if each:
        messages = [await _patch_one(tx, current, patch, now_us, failures) for patch in patches]
    else:
        messages = await patch_assets(tx, current.organization_id, patches, current.job_id, now_us)
    errors = [
        PatchError(current.done + number, patch.asset_id, message)
        for number, (patch, message) in enumerate(zip(patches, messages, strict=True))
        if message is not None
    ]
    after = _advanced(current, len(patches), len(errors), now_us)
    await tx.patches.advance(after, errors)
    return Applied(after, tuple(failures))


async def _patch_one(
    tx: Transaction, job: PatchJob, patch: AssetPatch, now_us: int, failures: list[tuple[AssetPatch, Exception]]
) -> str | None:
    try:
        async with tx.savepoint():
            (message,) = await patch_assets(tx, job.organization_id, [patch], job.job_id, now_us)
            return message
    except StoreUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other assets must not suffer from it
        failures.append((patch, error))
        return FAILED


def _advanced(job: PatchJob, tried: int, failed: int, now_us: int) -> PatchJob:
    done, succeeded = job.done + tried, job.succeeded + tried - failed
    if done < job.total:
        return job._replace(done=done, succeeded=succeeded, lease_until_us=now_us + LEASE_US)
    return job._replace(
        done=done,
        succeeded=succeeded,
        status=_outcome(succeeded, job.total),
        ended_at_us=now_us,
        worker=None,
        lease_until_us=None,
    )


def _outcome(succeeded: int, total: int) -> JobStatus:
    if succeeded == total:
        return "successful"
    return "partiallySuccessful" if succeeded else "failed"


async def claim(tx: Transaction, worker: str, now_us: int) -> PatchJob | None:
    """The next job for a worker: one that nobody has, or whose worker isn't heard of any more. None if there is none."""
    return await tx.patches.claim(worker, now_us, now_us + LEASE_US)

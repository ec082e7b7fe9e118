"""Runs of providers: asked for or scheduled, claimed by one process, recorded, and gone on with after an interruption.

A provider's runs are one after the other: whoever has the lease of the provider runs it. What became of the lease's last holder
shows in the runs: one that is under way while nobody holds the lease was interrupted.
"""

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from handlers.alerts import alert
from handlers.ports import Transaction
from handlers.rules.recording import IDS_PER_COMMIT
from schemas.ids import run_text
from schemas.provider_rows import RunRow, Trigger
from schemas.wire import to_json_text

# A run that was interrupted so often in a row is left alone until the next one is due or asked for.
ATTEMPTS_MAX = 3
_decode_streams = msgspec.json.Decoder(tuple[str, ...]).decode


class ProviderKey(Struct, frozen=True):
    """A provider of an organization, and the environment that is pulled from."""

    organization_id: str
    provider: str
    environment: str = "production"

    @property
    def lease(self) -> str:
        """The name of the lease on its runs."""
        return f"provider:{self.organization_id}:{self.provider}"


class Claim(Struct, frozen=True):
    """Who wants to run: a holder of leases, until when, and under which definition."""

    holder: str
    until_us: int
    definition_hash: str


Due = Callable[[int], int | None]


def streams_of(run: RunRow) -> tuple[str, ...]:
    """The streams that a run was asked for; none means all."""
    return _decode_streams(run.streams)


async def request_run(tx: Transaction, key: ProviderKey, actor: str, streams: Sequence[str], now_us: int) -> RunRow:
    """A run as soon as one can be made. The same one that waits already, if it was asked for in the same way."""
    await tx.providers.runs.take(key.organization_id, key.provider, now_us)
    asked = to_json_text(sorted(set(streams)))
    for run in await tx.providers.runs.open_runs(key.organization_id, key.provider):
        if (run.status, run.trigger_kind, run.streams) == ("queued", "manual", asked):
            return run
    run = await _new_run(tx, key, "manual", actor, asked, now_us)
    await tx.providers.runs.put(run)
    return run


async def may_start(tx: Transaction, key: ProviderKey, due: Due, now_us: int) -> bool:
    """Whether there is anything to start, or to clear up, without a claim: most of the time there isn't."""
    provider = await tx.providers.runs.find_provider(key.organization_id, key.provider)
    if provider is None:
        return True
    lease = await tx.leases.find(key.lease)
    if lease is not None and lease[1] > now_us:
        return False
    runs = await tx.providers.runs.open_runs(key.organization_id, key.provider)
    if any(run.status == "running" or run.not_before_us <= now_us for run in runs):
        return True
    return due(_since(provider.first_seen_us, provider.scheduled_us)) is not None


async def start_next(tx: Transaction, key: ProviderKey, claim: Claim, due: Due, now_us: int) -> RunRow | None:
    """The run that is to be made now, claimed and started; None if there is none, or another process has the provider.

    `due` gives the scheduled instant that stands for all that passed since another. A run that waits stands for it too.
    """
    runs = tx.providers.runs
    provider = await runs.take(key.organization_id, key.provider, now_us)
    if not await tx.leases.claim(key.lease, claim.holder, now_us, claim.until_us):
        return None
    waiting = await _clear_up(tx, key, now_us)
    scheduled_us = due(_since(provider.first_seen_us, provider.scheduled_us))
    run = next((run for run in waiting if run.not_before_us <= now_us), None)
    if run is None and scheduled_us is not None:
        run = await _new_run(tx, key, "schedule", "schedule", "[]", now_us)
    if run is None:
        await tx.leases.release(key.lease, claim.holder)
        return None
    if scheduled_us is not None and not streams_of(run):
        await runs.set_scheduled(key.organization_id, key.provider, scheduled_us)
        run = run._replace(scheduled_at_us=scheduled_us)
    return await _start(tx, run, claim, now_us)


async def start_now(
    tx: Transaction, key: ProviderKey, claim: Claim, actor: str, streams: Sequence[str], now_us: int
) -> RunRow | None:
    """A run that is made at once, claimed and started; None if another process has the provider."""
    await tx.providers.runs.take(key.organization_id, key.provider, now_us)
    if not await tx.leases.claim(key.lease, claim.holder, now_us, claim.until_us):
        return None
    asked = to_json_text(sorted(set(streams)))
    # One that was interrupted and waits to be gone on with is gone on with by this.
    waiting = [run for run in await _clear_up(tx, key, now_us) if (run.trigger_kind, run.streams) == ("resume", asked)]
    run = waiting[0] if waiting else await _new_run(tx, key, "manual", actor, asked, now_us)
    return await _start(tx, run._replace(environment=key.environment), claim, now_us)


async def end_run(tx: Transaction, run: RunRow, now_us: int, *, not_before_us: int | None = None, in_order: bool = False) -> None:
    """Record how a run ended, as `run` says. One that was rescheduled goes on at its time, one that was interrupted at once.

    An interruption `in_order`, as by a restart of the service, says nothing against the run. One that isn't gone on with is told.
    """
    await tx.providers.runs.put(run._replace(ended_at_us=now_us))
    if run.status == "rescheduled":
        await _again(tx, run, not_before_us or now_us, 1, now_us)
    elif run.status == "interrupted" and (in_order or run.attempt < ATTEMPTS_MAX):
        await _again(tx, run, now_us, run.attempt + (not in_order), now_us)
    elif run.status != "succeeded":
        said = {"provider": run.provider, "runId": run_text(run.run_id), "status": run.status, "error": run.error}
        await alert(tx, "provider.failed", run.organization_id, said, now_us)


def _since(first_seen_us: int, scheduled_us: int | None) -> int:
    return first_seen_us if scheduled_us is None else scheduled_us


async def _clear_up(tx: Transaction, key: ProviderKey, now_us: int) -> list[RunRow]:
    """The runs that wait, after those were ended whose process is gone: the lease is ours, so nobody is at them."""
    for run in await tx.providers.runs.open_runs(key.organization_id, key.provider):
        if run.status == "running":
            await end_run(tx, run._replace(status="interrupted", error="its process ended before it did"), now_us)
    return [run for run in await tx.providers.runs.open_runs(key.organization_id, key.provider) if run.status == "queued"]


async def _again(tx: Transaction, run: RunRow, not_before_us: int, attempt: int, now_us: int) -> None:
    key = ProviderKey(run.organization_id, run.provider, run.environment)
    following = await _new_run(tx, key, "resume", run.actor, run.streams, now_us)
    await tx.providers.runs.put(
        following._replace(not_before_us=not_before_us, attempt=attempt, scheduled_at_us=run.scheduled_at_us)
    )


async def _new_run(tx: Transaction, key: ProviderKey, trigger: Trigger, actor: str, streams: str, now_us: int) -> RunRow:
    return RunRow(
        organization_id=key.organization_id,
        run_id=await tx.journal.begin() * IDS_PER_COMMIT + 1,
        provider=key.provider,
        environment=key.environment,
        trigger_kind=trigger,
        actor=actor,
        streams=streams,
        status="queued",
        attempt=1,
        definition_hash="",
        requested_at_us=now_us,
        scheduled_at_us=None,
        not_before_us=now_us,
        started_at_us=None,
        ended_at_us=None,
        holder="",
        replayed=0,
        error=None,
    )


async def _start(tx: Transaction, run: RunRow, claim: Claim, now_us: int) -> RunRow:
    started = run._replace(status="running", started_at_us=now_us, holder=claim.holder, definition_hash=claim.definition_hash)
    await tx.providers.runs.put(started)
    return started

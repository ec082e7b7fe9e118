"""`drawbar patch`: a bulk patch of assets from a file, into the store or to a running receiver."""

import asyncio
import sys
import uuid
from pathlib import Path
from typing import Annotated

import typer

from handlers.patches import KEY_CHARACTERS_MAX, PatchRequest, accept
from handlers.ports import Store
from handlers.queries.patches import get_bulk_patch
from receiver.batch_files import STANDARD_INPUT, Fault
from receiver.cli.api_client import ApiClient, ClientOption, SecretOption, UrlOption, api_client
from receiver.cli.common import (
    INTERRUPTED,
    PROBLEMS,
    ConfigOption,
    JsonOption,
    OrganizationOption,
    opened_store,
    run,
    settings_of,
    viewer_of,
)
from receiver.cli.output import print_json, say, warn
from receiver.cli.patch_sender import send_patch, wait_for_end
from receiver.cli.summary import FAULTS_SHOWN, Report, progress, show_faults
from receiver.patch_worker import PatchWorker
from receiver.settings import Settings, SettingsError
from receiver.wiring import now_us
from schemas.errors import InvalidInputError
from schemas.patches import BulkPatch, PatchJob

# Whose jobs those are that come this way.
CLIENT_ID = "drawbar patch"
_LOOK_EVERY_S = 0.2


def patch(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON as for PATCH /api/v1/leases/assets, or - for standard input.")
    ],
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    to: UrlOption = None,
    client: ClientOption = "operator",
    secret: SecretOption = None,
    key: Annotated[
        str | None, typer.Option(help="A text under which the same patch can be given again and is done once.")
    ] = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is done; the status is 1 if an asset failed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Patch many assets at once. The whole file is judged first, and nothing of it is taken if any place in it is wrong.

    Without --wait a running service applies it; with --wait, and without --to, this command lends a hand.
    """
    if key is not None and not 0 < len(key) <= KEY_CHARACTERS_MAX:
        raise typer.BadParameter(f"expected 1 to {KEY_CHARACTERS_MAX} characters", param_hint="--key")
    body = _read(file)
    settings = settings_of(config)
    try:
        if to is None:
            organization_id = viewer_of(organization).organization_id
            if organization_id is None:
                raise typer.BadParameter("say whose assets are meant", param_hint="--organization")
            asked = PatchRequest(organization_id, CLIENT_ID, key, body)
            job = run(_into_store(settings, asked, wait=wait))
        else:
            asker = api_client(settings, to, client, secret, organization)
            job = run(_send(asker, body, key or str(uuid.uuid4()), wait=wait))
    except InvalidInputError as error:
        if isinstance(error, SettingsError):
            raise
        show_faults([Fault.of(file, problem) for problem in error.problems])
        raise typer.Exit(PROBLEMS) from None
    except KeyboardInterrupt:
        warn("interrupted: what was accepted goes on in the service")
        raise typer.Exit(INTERRUPTED) from None
    _print(job, as_json=as_json)
    if wait and job.status != "successful":
        raise typer.Exit(PROBLEMS)


def _read(file: str) -> bytes:
    return sys.stdin.buffer.read() if file == STANDARD_INPUT else Path(file).read_bytes()


async def _into_store(settings: Settings, asked: PatchRequest, *, wait: bool) -> BulkPatch:
    async with opened_store(settings) as store:
        job = await accept(store, asked, settings.limits.patch_assets_max, now_us())
        if wait:
            with progress("assets") as report:
                await _work_until_ended(store, job, report)
        viewer = viewer_of(asked.organization_id)
        return await store.read(lambda tx: get_bulk_patch(tx, viewer, str(job.job_id)))


async def _work_until_ended(store: Store, job: PatchJob, report: Report) -> None:
    """Work on what there is, whoever asked for it, until this job has ended here or elsewhere."""

    def tell(seen: PatchJob) -> None:
        if seen.job_id == job.job_id:
            report(seen.done, seen.done / seen.total)

    worker = PatchWorker(store, now_us, asyncio.Event(), tell)
    try:
        while True:
            worked = await worker.work()
            seen = await store.read(lambda tx: tx.patches.find(job.job_id, job.organization_id))
            if seen is None or seen.ended_at_us is not None:
                return
            tell(seen)
            if not worked:
                await asyncio.sleep(_LOOK_EVERY_S)
    finally:
        await worker.release()


async def _send(client: ApiClient, body: bytes, key: str, *, wait: bool) -> BulkPatch:
    async with client:
        job = await send_patch(client, body, key)
        if wait:
            with progress("assets") as report:
                job = await wait_for_end(client, job, report)
        return job


def _print(job: BulkPatch, *, as_json: bool) -> None:
    if as_json:
        print_json(job)
        return
    updated = job.assets_successfully_updated or 0
    say(f"bulk patch {job.id}: {job.status}, {updated} of {job.assets_total} assets updated")
    for failed in job.errors[:FAULTS_SHOWN]:
        warn(f"asset {failed.asset_id}: {' '.join(failed.errors)}")
    if len(job.errors) > FAULTS_SHOWN:
        warn(f"… and {len(job.errors) - FAULTS_SHOWN} more")

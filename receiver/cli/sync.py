"""`drawbar sync`: assets, meters and readings from files, into the store or to a running receiver."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Annotated

import structlog
import typer
from msgspec import Struct, field

from handlers.asset_sync import Synced, sync_assets
from handlers.ports import Transaction
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from receiver.batch_files import Fault
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
from receiver.cli.output import print_json, print_table, warn
from receiver.cli.summary import FAULTS_SHOWN, progress, show_faults
from receiver.cli.sync_sender import send_sync
from receiver.settings import Settings
from receiver.sync_files import SyncBody, sync_bodies
from receiver.wiring import now_us
from schemas.asset_sync import AssetSyncAnswer
from schemas.asset_sync_decoding import decode_sync
from schemas.errors import InvalidInputError, Problem

# Whose syncs those are that come this way, for retries and for histories.
ACTOR = Actor("command", "drawbar sync")
log = structlog.get_logger()
STATUSES = ("CREATED", "UPDATED", "DISABLED", "FAILED")

Send = Callable[[SyncBody], Awaitable[AssetSyncAnswer]]
Sender = Callable[[], AbstractAsyncContextManager[Send]]


class Remark(Struct, frozen=True, rename="camel"):
    """What was said of one asset: why it failed, or a warning."""

    file: str
    external_asset_id: str | None
    message: str


class Total(Struct):
    """What has been done so far."""

    requests: int = 0
    assets: Counter[str] = field(default_factory=Counter)
    errors: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)

    def add(self, place: str, answer: AssetSyncAnswer) -> None:
        """One request more."""
        self.requests += 1
        self.assets.update(result.status for result in answer.results)
        self.assets["FAILED"] += len(answer.errors)
        self.errors += [Remark(place, error.external_asset_id, error.message) for error in answer.errors]
        self.warnings += [Remark(place, one.external_asset_id, text) for one in answer.results for text in one.warnings]


def sync(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="JSON as for POST /api/v1/assets/sync, .csv, or - for JSON on standard input."),
    ],
    config: ConfigOption = None,
    organization: OrganizationOption = None,
    to: UrlOption = None,
    client: ClientOption = "operator",
    secret: SecretOption = None,
    batch_id: Annotated[
        str | None, typer.Option(help="syncBatchId of what is sent: the same files again under it are a retry.")
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Create and update assets, assign meters, bring readings. Files of any size are cut into requests that are taken.

    The exit status is 1 if an asset failed or a row could not be read; everything else is applied all the same.
    """
    settings = settings_of(config)
    total = Total()
    faults: list[Fault] = []
    bodies = sync_bodies(files, settings.limits.sync_assets_max, batch_id, faults)
    try:
        run(_sync(_sender(settings, organization, to, client, secret), bodies, total, faults))
    except KeyboardInterrupt:
        warn(f"interrupted after {total.requests} requests: what they brought stays, and the same command can be given again")
        raise typer.Exit(INTERRUPTED) from None
    _print(total, faults, as_json=as_json)
    if total.errors or faults:
        raise typer.Exit(PROBLEMS)


async def _sync(sender: Sender, bodies: Iterator[SyncBody], total: Total, faults: list[Fault]) -> None:
    done = 0
    async with sender() as send:
        with progress("assets") as report:
            for body in bodies:
                try:
                    total.add(body.place, await send(body))
                except InvalidInputError as error:
                    faults += [Fault.of(body.place, one) for one in error.problems or (Problem("$", error.message),)]
                done += body.assets
                report(done)


def _sender(settings: Settings, organization: str | None, to: str | None, client: str, secret: str | None) -> Sender:
    if to is not None:
        asker = api_client(settings, to, client, secret, organization)
        return lambda: _receiver(asker)
    organization_id = viewer_of(organization).organization_id
    if organization_id is None:
        raise typer.BadParameter("say whose assets they are", param_hint="--organization")
    return lambda: _store(settings, organization_id)


@asynccontextmanager
async def _store(settings: Settings, organization_id: str) -> AsyncIterator[Send]:
    rules = RegistryRules(settings.missing_unit, settings.unit_meters)
    async with opened_store(settings, make=True) as store:

        async def apply(body: SyncBody) -> AssetSyncAnswer:
            asked = decode_sync(body.body, settings.limits.sync_assets_max)

            async def work(tx: Transaction) -> Synced:
                return await sync_assets(tx, organization_id, asked, ACTOR, rules, now_us())

            done = await store.write(work)
            for fault in done.faults:
                log.error("sync.asset_refused_by_store", fault=fault, organization_id=organization_id)
            return done.answer

        yield apply


@asynccontextmanager
async def _receiver(client: ApiClient) -> AsyncIterator[Send]:
    async with client:
        yield partial(send_sync, client)


def _print(total: Total, faults: list[Fault], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "requests": total.requests,
                "assets": {status: total.assets[status] for status in STATUSES},
                "errors": total.errors,
                "warnings": total.warnings,
                "faults": faults,
            }
        )
        return
    row = (total.requests, *(total.assets[status] for status in STATUSES), len(total.warnings))
    print_table("Synced", ("requests", *(status.lower() for status in STATUSES), "warnings"), [row])
    for remarks in (total.errors, total.warnings):
        for one in remarks[:FAULTS_SHOWN]:
            warn(f"{one.file}: {one.external_asset_id or 'an asset without an id'}: {one.message}")
        if len(remarks) > FAULTS_SHOWN:
            warn(f"… and {len(remarks) - FAULTS_SHOWN} more")
    show_faults(faults)

"""`drawbar replay`: batches from files into the store, or to a running receiver."""

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from typing import Annotated

import typer

from handlers.ingest import ingest, ingest_each
from handlers.ports import Store, Transaction
from handlers.preview import Preview, counted, preview, without_body
from handlers.rules.intake import Arrival, Intake, take_in
from handlers.rules.recording import Answer
from receiver.batch_files import BatchFile, BatchReader, Fault, find_files
from receiver.cli.changes import print_changes, shown
from receiver.cli.common import INTERRUPTED, PROBLEMS, ConfigOption, JsonOption, opened_store, run, settings_of
from receiver.cli.interrupts import interruptibly
from receiver.cli.output import warn
from receiver.cli.preview_store import preview_store
from receiver.cli.send import Sender, Target, is_http
from receiver.cli.summary import Report, batches_in, progress, summary
from receiver.secret import Secret
from receiver.settings import DEFAULT_SUBSCRIPTION, SUBSCRIPTION_NAME, Settings
from receiver.source_settings import Subscription
from receiver.wiring import now_us
from schemas.errors import DrawbarError, StoreUnavailableError

# Measured: larger groups are hardly faster, take more memory, and keep a service on the same database waiting for longer.
DELIVERIES_AT_A_TIME = 1000
BYTES_AT_A_TIME = 4 * 1024 * 1024

PathsArgument = Annotated[
    list[str], typer.Argument(metavar="PATH", help="Files (.json, .ndjson, .gz), folders, or - for standard input.")
]


def replay(
    paths: PathsArgument,
    config: ConfigOption = None,
    to: Annotated[
        str | None, typer.Option(metavar="URL", help="Send the batches to this receiver, signed, instead of the store.")
    ] = None,
    subscription: Annotated[str, typer.Option(help="Subscription that the batches count as, or are sent to.")] = (
        DEFAULT_SUBSCRIPTION
    ),
    secret: Annotated[str | None, typer.Option(help="With --to: the secret to sign with, instead of the configured one.")] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Apply event batches from files. Batches that are known already change nothing, so it can be stopped and run again.

    A file that holds no batch is told, and left where it is.
    """
    if to and dry_run:
        raise typer.BadParameter("--dry-run looks into the store, --to sends to another one", param_hint="--dry-run")
    settings = settings_of(config)
    target = _target(settings, to, subscription, secret)
    if target is None:
        _check_subscription(settings, subscription)
    work = _Replay(settings, subscription, BatchReader(find_files(paths), settings.limits.body_bytes_max))
    if dry_run:
        _foretell(work, as_json=as_json)
    else:
        _carry_out(work, target, as_json=as_json)
    if work.faults:
        raise typer.Exit(PROBLEMS)


def _foretell(work: "_Replay", *, as_json: bool) -> None:
    changes = run(work.preview()).changes
    if not as_json:
        print_changes(changes)
    summary("What would happen", work.total, work.faults, as_json=as_json, changes=[shown(change) for change in changes])


def _carry_out(work: "_Replay", target: Target | None, *, as_json: bool) -> None:
    """Apply or send all of it; what was done is told also where it ends early."""
    try:
        run(work.send(target) if target else work.apply())
    except KeyboardInterrupt:
        summary("Replayed before it was interrupted", work.total, work.faults, as_json=as_json)
        warn("interrupted: the same command goes on, what is applied already changes nothing")
        raise typer.Exit(INTERRUPTED) from None
    except DrawbarError:
        summary("Replayed before it failed", work.total, work.faults, as_json=as_json)
        raise
    summary("Replayed", work.total, work.faults, as_json=as_json)


class _Replay:
    """One run: what has become of the batches so far, and what could not be read or was refused."""

    def __init__(self, settings: Settings, name: str, reader: BatchReader) -> None:
        self._settings = settings
        self._name = name
        self._reader = reader
        self.total: Counter[str] = Counter()
        self.faults = reader.faults

    async def apply(self) -> None:
        """Into the store, many deliveries in a transaction."""
        async with opened_store(self._settings, make=True) as store:
            with progress("batches") as report, closing(self._groups()) as groups:
                for group in groups:
                    self.total += counted(await _commit(store, group))
                    self._tell(report)

    async def send(self, target: Target) -> None:
        """To a running receiver."""
        sender = Sender(target, self.total, self.faults)
        with progress("batches") as report, closing(self._decoded()) as decoded:
            await sender.send((batch for batch, _ in decoded), lambda: self._tell(report))

    async def preview(self) -> Preview:
        """Against a snapshot of the store."""
        intakes = [without_body(intake) for _, intake in self._decoded()]
        async with preview_store(self._settings) as store:
            found = await preview(store, intakes, now_us())
        self.total += counted(found.answers)
        return found

    def _tell(self, report: Report) -> None:
        total = self._reader.bytes_total
        report(batches_in(self.total), self._reader.bytes_done / total if total else None)

    def _decoded(self) -> Generator[tuple[BatchFile, Intake], None, None]:
        """Batches with what they say; a body that is no batch is a fault of its file."""
        bound = self._settings.subscriptions.get(self._name, Subscription()).organizations
        most = self._settings.limits.delivery_events_max
        with closing(iter(self._reader)) as batches:
            for batch in interruptibly(batches):
                intake = take_in(Arrival(self._name, "replay", now_us(), batch.body), bound, most)
                if intake.batch is None:
                    self.faults.append(Fault.of(batch.place, intake.problem))
                else:
                    yield batch, intake

    def _groups(self) -> Generator[list[Intake], None, None]:
        group: list[Intake] = []
        size = 0
        with closing(self._decoded()) as decoded:
            for batch, intake in decoded:
                group.append(intake)
                size += len(batch.body)
                if len(group) >= DELIVERIES_AT_A_TIME or size >= BYTES_AT_A_TIME:
                    yield group
                    group, size = [], 0
        if group:
            yield group


async def _commit(store: Store, group: list[Intake]) -> list[Answer]:
    """Apply a group in one transaction; if something in it can't be applied, that goes to quarantine and the rest is applied."""

    async def together(tx: Transaction) -> list[Answer]:
        return await ingest(tx, group, now_us())

    async def each(tx: Transaction) -> list[Answer]:
        return await ingest_each(tx, group, now_us())

    try:
        return await store.write(together)
    except StoreUnavailableError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, one delivery must not keep the others out
        return await store.write(each)


def _target(settings: Settings, url: str | None, name: str, secret: str | None) -> Target | None:
    if url is None:
        if secret is not None:
            raise typer.BadParameter("signs what is sent with --to, and there is none", param_hint="--secret")
        return None
    if not is_http(url):
        raise typer.BadParameter(f"expected http://HOST:PORT or https://HOST, got {url!r}", param_hint="--to")
    if not SUBSCRIPTION_NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} can't be the name of a subscription", param_hint="--subscription")
    subscription = settings.subscriptions.get(name, Subscription())
    if secret:
        return Target(url, name, subscription, Secret(secret))
    if not subscription.secrets:
        raise typer.BadParameter(f"no secret is configured for the subscription {name!r}", param_hint="--secret")
    return Target(url, name, subscription, subscription.secrets[0])


def _check_subscription(settings: Settings, name: str) -> None:
    """A mistyped name would go past the binding of the one that was meant."""
    if settings.subscriptions and name not in settings.subscriptions:
        known = ", ".join(settings.subscriptions)
        raise typer.BadParameter(f"no subscription {name!r} is configured, but {known}", param_hint="--subscription")

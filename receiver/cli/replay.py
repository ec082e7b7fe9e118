"""`drawbar replay` and `drawbar validate`: batches from files."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from handlers.ingest import ingest
from handlers.ports import Store, Transaction
from handlers.preview import counted, preview
from handlers.rules.intake import Arrival, Intake, take_in
from handlers.rules.recording import Answer
from receiver.batch_files import BatchFile, find_files, read_batches
from receiver.cli.common import (
    PROBLEMS,
    ConfigOption,
    JsonOption,
    opened_store,
    print_json,
    run,
    settings_of,
)
from receiver.cli.send import Target, send
from receiver.cli.summary import batches_in, progress, summary
from receiver.settings import DEFAULT_SUBSCRIPTION, Settings
from receiver.wiring import now_us

# Measured: larger groups are no faster, smaller ones wait for the disk more often.
DELIVERIES_AT_A_TIME = 1000
BYTES_AT_A_TIME = 16 * 1024 * 1024

PathsArgument = Annotated[list[str], typer.Argument(help="Files (.json, .ndjson, .gz), folders, or - for standard input.")]
SubscriptionOption = Annotated[str, typer.Option(help="Subscription that the batches count as, or are sent to.")]


def replay(
    paths: PathsArgument,
    config: ConfigOption = None,
    to: Annotated[str | None, typer.Option(help="URL of a running receiver to send the batches to, signed.")] = None,
    subscription: SubscriptionOption = DEFAULT_SUBSCRIPTION,
    secret: Annotated[
        str | None,
        typer.Option(envvar="DRAWBAR_REPLAY_SECRET", help="With --to: the secret to sign with; else the configured one."),
    ] = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would change, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Apply event batches from files. Batches that are known already change nothing, so it can be stopped and run again."""
    if to and dry_run:
        raise typer.BadParameter("--dry-run looks into the store, --to sends to another one", param_hint="--dry-run")
    settings = settings_of(config)
    files = find_files(paths)
    bad: list[str] = []
    if to:
        target = Target(to, subscription, secret or _configured_secret(settings, subscription))
        batches = (batch for batch, _ in _decoded(files, settings, subscription, bad))
        with progress("batches", None) as report:
            total = run(send(target, batches, lambda total: report(batches_in(total))))
    elif dry_run:
        total = run(_dry_run(settings, files, subscription, bad))
    else:
        total = run(_apply(settings, files, subscription, bad))
    summary("What would happen" if dry_run else "Replayed", total, bad, as_json=as_json)
    if bad or total["refused"]:
        raise typer.Exit(PROBLEMS)


def validate(paths: PathsArgument, *, as_json: JsonOption = False) -> None:
    """Check event batches in files without a store: each fault is printed with its file, path and reason."""
    faults: list[dict[str, str]] = []
    batches = events = 0
    for batch in read_batches(find_files(paths)):
        batches += 1
        intake = take_in(Arrival(DEFAULT_SUBSCRIPTION, "replay", 0, batch.body))
        if intake.batch is None:
            problem = intake.problem
            faults.append(
                {"file": batch.place, "path": problem.path if problem else "$", "message": problem.message if problem else ""}
            )
            continue
        events += len(intake.batch.entries)
        faults += [
            {"file": batch.place, "path": entry.problem.path, "message": entry.problem.message}
            for entry in intake.batch.entries
            if entry.problem
        ]
    if as_json:
        print_json({"batches": batches, "events": events, "faults": faults})
    else:
        for fault in faults:
            typer.echo(f"{fault['file']}: {fault['path']}: {fault['message']}")
        typer.echo(f"{batches} batches, {events} events, {len(faults)} faults")
    if faults:
        raise typer.Exit(PROBLEMS)


async def _apply(settings: Settings, files: list[Path], subscription: str, bad: list[str]) -> Counter[str]:
    total: Counter[str] = Counter()
    async with opened_store(settings) as store:
        with progress("batches", None) as report:
            for group in _groups(_decoded(files, settings, subscription, bad)):
                total += counted(await _commit(store, group))
                report(batches_in(total))
    return total


async def _commit(store: Store, group: list[Intake]) -> list[Answer]:
    async def work(tx: Transaction) -> list[Answer]:
        return await ingest(tx, group, now_us())

    return await store.write(work)


async def _dry_run(settings: Settings, files: list[Path], subscription: str, bad: list[str]) -> Counter[str]:
    intakes = [intake for _, intake in _decoded(files, settings, subscription, bad)]
    async with opened_store(settings) as store:
        result = await preview(store, intakes, now_us())
    for change in result.changes:
        typer.echo(f"{change.type} {change.unit_id} {change.data}")
    return counted(result.answers)


def _decoded(files: list[Path], settings: Settings, subscription: str, bad: list[str]) -> Iterator[tuple[BatchFile, Intake]]:
    """Batches with what they say; a body that is no batch is told in `bad` and left where it is."""
    bound = settings.subscriptions[subscription].organizations if subscription in settings.subscriptions else ()
    for batch in read_batches(files):
        intake = take_in(Arrival(subscription, "replay", now_us(), batch.body), bound)
        if intake.batch is None:
            bad.append(f"{batch.place}: {intake.problem.path}: {intake.problem.message}" if intake.problem else batch.place)
        else:
            yield batch, intake


def _groups(decoded: Iterator[tuple[BatchFile, Intake]]) -> Iterator[list[Intake]]:
    group: list[Intake] = []
    size = 0
    for batch, intake in decoded:
        group.append(intake)
        size += len(batch.body)
        if len(group) >= DELIVERIES_AT_A_TIME or size >= BYTES_AT_A_TIME:
            yield group
            group, size = [], 0
    if group:
        yield group


def _configured_secret(settings: Settings, subscription: str) -> str:
    found = settings.subscriptions.get(subscription)
    if found is None or not found.secrets:
        raise typer.BadParameter(f"no secret is configured for subscription {subscription!r}", param_hint="--secret")
    return found.secrets[0].reveal()

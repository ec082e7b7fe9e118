"""`drawbar status`: what is in the database, and what waits for somebody."""

from collections.abc import Mapping

import typer
from msgspec import Struct
from msgspec.structs import asdict

from handlers.ports import Transaction
from receiver.cli.common import PROBLEMS, ConfigOption, JsonOption, missing_database, opened, run, settings_of
from receiver.cli.output import print_json, print_table, say, warn
from receiver.secret import shown_database
from receiver.settings import Settings
from receiver.wiring import now_us
from schemas.service_records import OverviewRecord
from schemas.wire import optional_time_text

STATES = ("paired", "unpaired", "unmatched")


class Migrations(Struct, frozen=True):
    """What was applied to the database, and what `drawbar migrate` would apply."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


class Events(Struct, frozen=True):
    """Entries of batches by what became of them."""

    applied: int
    duplicates: int
    quarantined: int
    ignored: int


class Cases(Struct, frozen=True):
    """Cases to look at: those within their deadline, and those past it."""

    open: int
    escalated: int


class Waiting(Struct, frozen=True):
    """Quarantine entries that wait, and since when the oldest does."""

    waiting: int
    oldest: str | None


class Held(Struct, frozen=True):
    """Deliveries that could not prove who they are, the size of their bodies, and since when the oldest is held."""

    held: int
    bytes: int
    oldest: str | None


class Heard(Struct, frozen=True, rename="camel"):
    """When a subscription last brought something; never if null."""

    last_delivery: str | None


class Counts(Struct, frozen=True):
    """What is in the database."""

    deliveries: int
    batches: int
    events: Events
    units: dict[str, int]
    pairings: int
    cases: Cases
    quarantine: Waiting
    rejected: Held
    clients: int
    subscriptions: dict[str, Heard]


class Status(Struct, frozen=True):
    """The answer of the command; `counts` is null while migrations are pending."""

    database: str
    engine: str
    migrations: Migrations
    counts: Counts | None


def status(config: ConfigOption = None, *, as_json: JsonOption = False) -> None:
    """Show the database, its migrations, and how much of everything is in it, what waits and what was heard last among it."""
    found = run(_status(settings_of(config)))
    if as_json:
        print_json(found)
    else:
        _print(found)
    if found.migrations.pending:
        warn(f"the database lacks {', '.join(found.migrations.pending)}: run `drawbar migrate`")
        raise typer.Exit(PROBLEMS)


async def _status(settings: Settings) -> Status:
    async with opened(settings) as (database, store):
        migrations = Migrations(tuple(await database.applied_migrations()), tuple(await database.pending_migrations()))
        if not migrations.applied:
            raise missing_database(settings)
        counts = None if migrations.pending else await store.read(lambda tx: _count(tx, settings))
        return Status(shown_database(settings.database), database.dialect, migrations, counts)


async def _count(tx: Transaction, settings: Settings) -> Counts:
    found: OverviewRecord = await tx.overview.count(now_us())
    waiting, oldest_us = await tx.quarantine.waiting()
    heard = {name: Heard(optional_time_text(await tx.events.last_delivery(name))) for name in settings.silences()}
    return Counts(
        deliveries=found.deliveries,
        batches=found.batches,
        events=Events(found.applied, found.duplicates, found.quarantined, found.ignored),
        units=dict.fromkeys(STATES, 0) | found.units,
        pairings=found.pairings,
        cases=Cases(found.cases - found.cases_escalated, found.cases_escalated),
        quarantine=Waiting(waiting, optional_time_text(oldest_us)),
        rejected=Held(found.rejected, found.rejected_bytes, optional_time_text(found.rejected_oldest_us)),
        clients=found.clients,
        subscriptions=heard,
    )


def _print(found: Status) -> None:
    say(f"{found.engine} database {found.database}, migrated to {found.migrations.applied[-1]}")
    if found.counts is None:
        return
    counts = found.counts
    waiting, held = counts.quarantine, counts.rejected
    print_table(
        "What is in it",
        ("what", "how many", "of which"),
        [
            ("deliveries", counts.deliveries, None),
            ("batches", counts.batches, None),
            ("events", *_sum_and_parts(asdict(counts.events))),
            ("units", *_sum_and_parts(counts.units)),
            ("pairings", counts.pairings, None),
            ("cases", counts.cases.open + counts.cases.escalated, f"{counts.cases.escalated} escalated"),
            ("quarantine waiting", waiting.waiting, f"oldest of {waiting.oldest}" if waiting.oldest else None),
            ("rejected held", held.held, f"{held.bytes} bytes, oldest of {held.oldest}" if held.oldest else None),
            ("API clients", counts.clients, None),
        ],
    )
    print_table(
        "Subscriptions",
        ("subscription", "last delivery"),
        [(name, heard.last_delivery) for name, heard in counts.subscriptions.items()],
    )


def _sum_and_parts(parts: Mapping[str, int]) -> tuple[int, str]:
    return sum(parts.values()), ", ".join(f"{number} {name}" for name, number in parts.items())

"""Deliveries into a store, and what is in it afterwards, table by table."""

from collections.abc import Sequence
from typing import Any

import pytest

from handlers.ingest import ingest, ingest_each
from handlers.ports import Transaction
from handlers.rules.intake import Arrival, take_in
from handlers.rules.recording import Answer
from schemas.events import Payload
from schemas.facts import Kind, Meaning
from schemas.unit_records import ChangeRecord
from storage.engine import Connection, Row
from storage.engines import sqlite
from storage.engines.sqlite_opening import WRITER_PRAGMAS
from storage.statements import Statement, parse
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, UNIT, A, event_of, minute

NOW_US = minute(100_000)  # after all that the tests deliver
OTHER = "d9d90b90-ad39-4a3d-8b89-c25a22acaa25"  # another organization

# Derived tables, with the columns that say when a row was written rather than what is so.
DERIVED = {"units": (), "pairings": ("updated_at_us",), "cases": (), "aliases": (), "fact_flags": ()}
RECORDED = ("batches", "deliveries", "events", "quarantine", "commits", "changes", "rejected", "statements", "escalations")
PULLED = (
    *("leases", "feed_tokens", "providers", "provider_runs", "provider_run_streams", "provider_watermarks", "provider_entities"),
    *("provider_usage", "provider_usage_history", "meter_counters", "provider_quarantine", "provider_requests"),
)
ALERTS = ("alert_targets", "alert_notices", "alert_messages")
TABLES = (*DERIVED, *RECORDED, *PULLED, *ALERTS)
PATCHES = ("patch_jobs", "patch_chunks", "patch_errors")
REGISTRY = (
    *("assets", "asset_identities", "asset_links", "asset_types", "sites", "meters", "custom_fields"),
    *("asset_meters", "readings", "series", "unit_readings", "missing_meter_attempts"),
    *("asset_history", "meter_history", "syncs", "asset_vin_keys", "datahub_assets", "explicit_links"),
    *("touched_candidates", "case_keys", "announced_candidates"),
)


def dont_wait_for_the_disk(patch: pytest.MonkeyPatch) -> None:
    """Let commits of SQLite in this process not wait for the disk, for tests that aren't about it."""
    patch.setattr(sqlite, "WRITER_PRAGMAS", (*WRITER_PRAGMAS, "PRAGMA synchronous = OFF"))


_COLUMNS = parse(
    """
-- name: columns
-- The names of a table's columns in their order.
-- only: sqlite
SELECT name FROM pragma_table_info(:name) ORDER BY cid
-- only: postgres
SELECT column_name::text FROM information_schema.columns WHERE table_name = :name ORDER BY ordinal_position
"""
)["columns"]


def statement(sql: str) -> Statement:
    """A statement of a test's own."""
    return parse(f"-- name: it\n-- A statement of a test.\n{sql}")["it"]


def pairing(at: float, asset_id: str = A, unit_id: str = UNIT, organization_id: str = ORGANIZATION) -> dict[str, Any]:
    """An entry of a batch: paired at a minute."""
    return _entry("paired", at, asset_id, unit_id, organization_id, Meaning("ManualPair"))


def unpairing(at: float, asset_id: str = A, unit_id: str = UNIT, organization_id: str = ORGANIZATION) -> dict[str, Any]:
    """An entry of a batch: unpaired at a minute."""
    return _entry("unpaired", at, asset_id, unit_id, organization_id, Meaning())


def failure(at: float, unit_id: str = UNIT, organization_id: str = ORGANIZATION, reason: str = "NotFound") -> dict[str, Any]:
    """An entry of a batch: a pairing that failed at a minute."""
    return _entry("failed", at, None, unit_id, organization_id, Meaning(reason, sensor_vin="F3A000001"))


def _entry(kind: Kind, at: float, asset_id: str | None, unit_id: str, organization_id: str, meaning: Meaning) -> dict[str, Any]:
    return event_of(Payload(organization_id, unit_id, kind, minute(at), asset_id, meaning), 2)


async def deliver(
    store: DatabaseStore,
    bodies: Sequence[bytes],
    *,
    group: int = 1,
    each: bool = False,
    now_us: int = NOW_US,
    organizations: Sequence[str] = (),
    **arrival: Any,  # noqa: ANN401 - fields of Arrival
) -> list[Answer]:
    """Bodies in their order, `group` of them in one transaction; `each` takes the way of a group that failed as a whole."""
    facts: dict[str, Any] = {"subscription": "default", "source": "webhook", "received_at_us": now_us} | arrival
    answers: list[Answer] = []
    for start in range(0, len(bodies), group):
        intakes = [take_in(Arrival(body=body, **facts), organizations) for body in bodies[start : start + group]]
        apply = ingest_each if each else ingest

        async def work(tx: Transaction, intakes: Any = intakes, apply: Any = apply) -> list[Answer]:  # noqa: ANN401 - bound early
            done: list[Answer] = await apply(tx, intakes, now_us)
            return done

        answers += await store.write(work)
    return answers


async def rows(store: DatabaseStore, sql: str, **values: object) -> list[Row]:
    """What a query of a test gives."""
    return await store.engine.read(lambda connection: connection.fetch(statement(sql), **values))


async def execute(store: DatabaseStore, *sqls: str, **values: object) -> None:
    """Do to the tables what only a test does: every statement with all the values."""

    async def work(connection: Connection) -> None:
        for sql in sqls:
            await connection.execute(statement(sql), **values)

    await store.engine.write(work)


async def dump(store: DatabaseStore, *tables: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of tables, sorted."""

    async def work(connection: Connection) -> dict[str, list[dict[str, Any]]]:
        found = {}
        for table in tables:
            names = [row[0] for row in await connection.fetch(_COLUMNS, name=table)]
            hidden = DERIVED.get(table, ())
            everything = await connection.fetch(statement(f"SELECT {', '.join(names)} FROM {table}"))  # noqa: S608 - names of ours
            found[table] = [
                {name: value for name, value in zip(names, row, strict=True) if name not in hidden}
                for row in sorted(everything, key=repr)
            ]
        return found

    return await store.engine.read(work)


async def derived(store: DatabaseStore) -> dict[str, list[dict[str, Any]]]:
    """All that follows from what is recorded, other ids of pairings and cases left out: those made on the way stay."""
    return await dump(store, *(table for table in DERIVED if table != "aliases"))


async def feed(store: DatabaseStore, after: tuple[int, int] = (0, 0)) -> list[ChangeRecord]:
    """The change feed from after a place, read in small pages."""

    async def work(tx: Transaction) -> list[ChangeRecord]:
        told: list[ChangeRecord] = []
        place = after
        while page := await tx.changes.after(place, 7, None):
            told += page
            place = page[-1].position, page[-1].n
        return told

    return await store.read(work)


async def wipe(store: DatabaseStore) -> None:
    """Empty all tables: a fresh database at the cost of a few statements."""
    emptied = [f"DELETE FROM {table}" for table in (*TABLES, *PATCHES, *REGISTRY)]  # noqa: S608 - names of ours
    await execute(store, *emptied, "UPDATE counters SET value = 0, known_at_us = 0", "UPDATE rescoring SET position = 0, n = 0")

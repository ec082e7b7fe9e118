"""How the engines go about every statement of the pairing core: nothing is found by reading a table, no list is sorted whole.

SQLite must do so by what `storage.engines.sqlite_planner` tells it alone, PostgreSQL by what it finds in some thousand rows.
"""

import asyncio
import re
from collections.abc import Iterator
from random import Random
from typing import Any, Literal, NamedTuple

import pytest

from schemas.events import Payload
from schemas.facts import Kind, Meaning
from storage import open_engine
from storage.engine import Connection
from storage.migrations import MIGRATIONS_FOLDER, read_migrations
from storage.statements import Statement, load
from storage.store import DatabaseStore
from storage.translation import DIALECTS
from tests.support.facts import ORGANIZATION, body_of, event_of, minute
from tests.support.store import OTHER, deliver, execute, statement, wipe

FILES = (
    "cases",
    "changes",
    "clients",
    "events",
    "histories",
    "journal",
    "links",
    "operator_statements",
    "pairings",
    "quarantine",
    "rejected",
    "rescoring",
    "vin_keys",
)
NEWEST, LAST = 2**63 - 1, "\U0010ffff"

# Columns by which nothing is found: each of their values is shared by a good part of a table.
COARSE = frozenset({"organization_id", "kind", "outcome", "reason", "state", "status", "subscription", "unit_type"})
LISTS = frozenset(
    {"list_units", "list_pairings", "list_cases", "list_events", "list_batches", "list_quarantine", "list_assertions"}
    | {"list_rejected", "held_events", "changes_after"}
)
# Filters that leave so little of a list that it is found by them, and may be sorted.
FINE = frozenset({"unit_id", "asset_id", "asset_ids", "vin"})
# Statements that read all of something, and why they may.
WHOLE = {
    "any_case": "takes the first entry of an index",
    "all_units_after": "merges the first rows of each of its tables",
    "delete_idle_tokens": "takes tokens from the oldest on",
    "delete_tokens_of": "tokens are few, and revoking is rare",
    "drop_bodies": "takes bodies from the oldest on",
    "drop_rejected_before": "the ring is bounded",
    "due": "sorts open cases of one deadline",
    "datahub_ids_after": "merges the first rows of each of its tables",
    "keys_after": "all keys in order, for a rebuild and the digest",
    "links_after": "all links in order, for the digest",
    "notes": "takes the first notes",
    "last_change": "takes the last entry of an index",
    "last_delivery": "takes the last entry of an index",
    "list_clients": "clients are few",
    "quarantine_state": "counts all that waits",
    "trim_rejected": "the ring is bounded",
    "units_naming": "sorts the units that any fact puts on some assets",
}
# Filters that no index serves: the list is walked in its own order until a page is full.
WALKED = {
    "unit_type": "types are few",
    "pattern": "a text within an id has no order",
    "reason": "each holds of a good part of all rows",
    "status": "for an operator of all organizations, each holds of a good part of all units",
    "only_open": "holds of one interval a unit, and of few cases, which have an index",
    "only_closed": "holds of a good part of all intervals",
    "only_resolved": "holds of most cases",
    "only_dismissed": "holds of few cases, which an index for open ones finds",
    "surely_in_force": "holds of one interval a unit, from the time asked for on",
    "possibly_in_force": "the same",
    "updated_since_us": "changes with each write of a hot table; the change feed is there to tell of changes",
    "outcome": "a rare one has an index, and the others hold of a good part of all events",
    "event_type": "types are few",
    "kind": "there are three",
    "from_us": "a time is close to the place in the journal but says nothing of it, and the table is hot",
    "to_us": "the same",
    "due_from_us": "is looked for among open cases",
    "due_before_us": "the same",
    "state": "quarantine is small, and has an index by state for operators",
    "subscription": "subscriptions are few",
    "path": "quarantine is small",
}
# Indexes that a filter must be served by nevertheless.
SERVED = {
    "list_units organization_id status": "units_status",
    "list_cases organization_id only_open": "cases_open",
    "list_events organization_id outcome": "events_outcome",
    "list_events outcome": "events_outcome",
    "held_events organization_id": "events_outcome",
    "held_events": "events_outcome",
    "list_quarantine state": "quarantine_state",
}

ASSET = "00000007-e006-4cea-bfaa-f5a4dcf3a63c"
VALUES: dict[str, Any] = {
    "organization_ids": [ORGANIZATION, OTHER],
    "unit_ids": ["tp:000000007", "tp:8"],
    "asset_ids": [ASSET, "x"],
    "case_ids": ["case_x", "case_y"],
    "keys": ["end:000007", "x"],
    "alias_ids": ["pair_x", "case_x"],
    "datahub_asset_ids": [ASSET, "x"],
    "identities": ["datahub:x", "y"],
    "vins": ["VIN00000000000007", "x"],
    "ids": [ASSET, "x"],
    "event_keys": ["x", "y"],
    "event_batch_ids": [OTHER],
    "batch_ids": [7, 8],
    "organization_id": ORGANIZATION,
    "unit_id": "tp:000000007",
    "asset_id": ASSET,
    "vin": "VIN00000000000007",
    "status": "unmatched",
    "outcome": "quarantined",
    "state": "resolved",
    "limit": 100,
    "before": NEWEST,
    "before_us": NEWEST,
    "before_id": LAST,
    "before_organization_id": LAST,
    "at_us": minute(2_000),
    "used_at_us": NEWEST,
}
NUMBERS = re.compile(
    r".*_us|.*_max|(batch|commit|delivery|note|quarantine|rejected)_id|after|n|position|seq|applied|duplicates|ignored|quarantined"
)


# Find rows by a key; list them in the order of an index; walk a list in its order in search of what a filter leaves.
How = Literal["find", "list", "walk", "anyhow"]


class Case(NamedTuple):
    """A statement with values, and how it must go about; `served` is its name without the file."""

    served: str
    name: str
    statement: Statement
    values: dict[str, Any]
    how: How


def value(name: str) -> Any:  # noqa: ANN401 - the value of a parameter
    """What a test says for a parameter."""
    return VALUES.get(name, 7 if NUMBERS.fullmatch(name) else "x")


def cases() -> Iterator[Case]:
    """Every statement that looks for rows, for one organization and for all, with each filter."""
    for source in FILES:
        for name, found in load(source).items():
            if not found.variant(found.flags, "postgres").sql.startswith(("INSERT", "SELECT nextval")):
                yield from variants(source, name, found)


def variants(source: str, name: str, found: Statement) -> Iterator[Case]:
    """One statement for one organization and for all, with one filter at a time."""
    required = {parameter: value(parameter) for parameter in found.parameters - found.flags}
    scopes: list[dict[str, Any]] = [{}]
    if "organization_id" in found.flags:
        everyone = {"all_organizations": True} if "all_organizations" in found.flags else {}
        scopes = [{"organization_id": ORGANIZATION}, everyone]
    filters = sorted(found.flags - {"organization_id", "all_organizations", "set_aside"})
    for scope in scopes:
        for chosen in filters if name == "find_batch" else (None, *filters):
            values = required | scope
            if chosen:
                values[chosen] = value(chosen) if chosen in found.parameters else True
            if "set_aside" in found.flags:
                values["set_aside"] = chosen in {"outcome", "status"}
            told = " ".join(filter(None, (name, "organization_id" if "organization_id" in scope else "", chosen)))
            yield Case(told, f"{source} {told}", found, values, how(told, name, chosen))


def how(told: str, name: str, chosen: str | None) -> How:
    """How a statement must go about with this filter."""
    if name in WHOLE:
        return "anyhow"
    if name not in LISTS or chosen in FINE:
        return "find"
    return "walk" if chosen in WALKED or told in SERVED else "list"


CASES = list(cases())


def sqlite_faults(plan: list[str], way: How) -> Iterator[str]:
    """What is wrong with a plan of SQLite."""
    for step in plan:
        table = re.match(r"(SCAN|SEARCH) (?!json_each|some_|all_units|named)(\w+)(?:.*?\((.*)\))?$", step)
        if table and table[1] == "SCAN":
            yield f"reads all of {table[2]}"
        elif table and way == "find" and not set(re.findall(r"([\w<>]+)(?:=|\) IN )", table[3] or "")) - COARSE:
            yield f"finds nothing by {table[3]}"
        elif way != "find" and "TEMP B-TREE" in step:
            yield "sorts"


def postgres_faults(plan: list[str], way: How) -> Iterator[str]:
    """What is wrong with a plan of PostgreSQL. How it walks a list is its own choice: it counts what a filter leaves."""
    text = "\n".join(plan)
    yield from (f"reads all of {table}" for table in re.findall(r"Seq Scan on (\w+)", text))
    if way == "list":
        yield from (f"uses {step}" for step in ("Sort", "HashAggregate") if f"{step}  (cost" in text)
    elif way == "find":
        scans = len(re.findall(r"(?:Index Scan|Index Only Scan|Bitmap Index Scan) ", text))
        bounds = re.findall(r"Index Cond: (.*)", text)
        yield from ["reads all of an index"] * (scans - len(bounds))
        for bound in bounds:
            if not set(re.findall(r"(\w+)\"?(?:\(.*?\))?\)? = ", bound)) - COARSE:
                yield f"finds nothing by {bound}"


def batches(count: int) -> list[bytes]:
    """Batches about some thousand units of two organizations on as many assets, with a few entries that can't be understood."""
    random = Random(1)  # noqa: S311 - a fixed draw

    def event(number: int) -> Any:  # noqa: ANN401 - an entry of a batch
        kind: Kind = random.choice(("paired", "paired", "paired", "unpaired", "failed"))
        asset_id = None if kind == "failed" else f"{random.randrange(2_000):08x}-e006-4cea-bfaa-f5a4dcf3a63c"
        vin = f"VIN{random.randrange(2_000):014}"
        reason = {"paired": random.choice(("ManualPair", "AutoPair")), "failed": random.choice(("NotFound", "Unknown"))}.get(kind)
        meaning = Meaning(reason, vin, None if kind == "unpaired" else vin)
        organization_id = random.choice((ORGANIZATION, ORGANIZATION, OTHER))
        unit_id = f"{random.choice(('tp', 'krone'))}:{random.randrange(1_000):09}"
        good = event_of(Payload(organization_id, unit_id, kind, minute(number + random.random()), asset_id, meaning), 2)
        return good if random.random() > 0.15 else good | {"eventVersion": random.choice((3, "2"))}

    return [
        body_of([event(number) for _ in range(4)], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012}")
        for number in range(count)
    ]


MORE_ROWS = (
    """INSERT INTO statements (organization_id, seq, kind, unit_id, event_key, asset_id, fact_at_us, details, actor, note, at_us)
       SELECT organization_id, seq, kind, unit_id, event_key, asset_id, at_us, '{}', 'x', '', at_us
       FROM events WHERE asset_id IS NOT NULL""",
    """INSERT INTO case_keys
       SELECT DISTINCT organization_id, 'end:' || event_key, event_key FROM events WHERE event_key IS NOT NULL""",
    "INSERT INTO asset_vin_keys SELECT organization_id, key, case_id FROM case_keys",
    "INSERT INTO touched_candidates (organization_id, kind, subject) SELECT organization_id, 'vin', key FROM case_keys",
    "INSERT INTO announced_candidates SELECT organization_id, case_id, 'null' FROM case_keys",
    "INSERT INTO clients VALUES ('x', 'x', '*', '', '', 0, NULL)",
    "INSERT INTO tokens SELECT DISTINCT event_key, 'x', at_us FROM events WHERE outcome = 'applied'",
)
PREFER_INDEXES = statement(
    """SELECT set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
              set_config('enable_mergejoin', 'off', true)"""
)


@pytest.fixture(scope="module")
def plans(runner: asyncio.Runner, shared_store: DatabaseStore) -> dict[str, list[str]]:
    """The plans of all cases on a database that holds something."""
    engine = shared_store.engine

    async def explain(connection: Connection) -> dict[str, list[str]]:
        on_sqlite = connection.dialect == "sqlite"
        prefix, column = ("EXPLAIN QUERY PLAN", 3) if on_sqlite else ("EXPLAIN", 0)
        if not on_sqlite:
            # A table of some thousand rows is read whole, and joined whole, unless that looks dear.
            await connection.fetch(PREFER_INDEXES)
        return {
            case.name: [row[column] for row in await connection.fetch(case.statement.prefixed(prefix), **case.values)]
            for case in CASES
        }

    async def fill() -> dict[str, list[str]]:
        await wipe(shared_store)
        await deliver(shared_store, batches(900), group=4)
        await execute(shared_store, *MORE_ROWS)
        if engine.dialect == "postgres":
            await engine.write(lambda connection: connection.script("ANALYZE"))
        try:
            return await engine.read(explain)
        finally:
            await execute(shared_store, "DELETE FROM tokens", "DELETE FROM clients")

    return runner.run(fill())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_rows_are_found_by_an_index(shared_store: DatabaseStore, plans: dict[str, list[str]], case: Case) -> None:
    """A key is looked up and a list comes in the order of an index, up to its limit."""
    plan = plans[case.name]
    faults = sqlite_faults if shared_store.engine.dialect == "sqlite" else postgres_faults
    assert case.how == "anyhow" or list(faults(plan, case.how)) == [], "\n".join(plan)
    assert SERVED.get(case.served, "") in "\n".join(plan)


def test_exceptions_are_still_needed() -> None:
    """Every exception names a statement or a filter that there is."""
    names = {name for source in FILES for name in load(source)}
    filters = {flag for source in FILES for found in load(source).values() for flag in found.flags}
    assert set(WHOLE) | LISTS <= names
    assert set(WALKED) | FINE <= filters
    assert set(SERVED) <= {case.served for case in CASES}


async def test_a_new_database_is_told_of_all_its_indexes(shared_sqlite_url: str) -> None:
    """SQLite assumes something of every index that there is, however empty its table: plans don't change with the rows."""
    engine = open_engine(shared_sqlite_url)
    unknown = await engine.read(lambda connection: connection.fetch(UNKNOWN_INDEXES))
    await engine.close()
    assert unknown == []


UNKNOWN_INDEXES = statement(
    """SELECT name FROM sqlite_schema
       WHERE type = 'index' AND name NOT LIKE 'sqlite!_autoindex!_%' ESCAPE '!' AND name NOT IN (SELECT idx FROM sqlite_stat1)"""
)


def test_both_engines_have_the_same_indexes() -> None:
    """An index of one engine is one of the other, but that SQLite's deliveries and events are tables by their number."""
    found = {
        dialect: {
            index
            for migration in read_migrations(MIGRATIONS_FOLDER, dialect)
            for index in re.findall(r"CREATE (?:UNIQUE )?INDEX[^;]*;", migration.sql)
        }
        for dialect in DIALECTS
    }
    assert found["postgres"] - found["sqlite"] == {
        "CREATE UNIQUE INDEX deliveries_id ON deliveries (delivery_id);",
        "CREATE UNIQUE INDEX events_seq ON events (seq);",
    }
    assert found["sqlite"] <= found["postgres"]

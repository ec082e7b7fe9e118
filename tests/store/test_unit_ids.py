"""Unit ids and VINs of any characters go in, come out, are found, folded and paged through unchanged on both engines."""

import asyncio
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.ports import Transaction
from handlers.rebuild import digest, rebuild
from handlers.unit_ports import Unit
from schemas.events import Payload
from schemas.facts import Meaning
from storage.store import DatabaseStore
from tests.store.test_arrival import PROPERTY, arrive
from tests.support.facts import ORGANIZATION, A, B, body_of, event_of, minute
from tests.support.store import NOW_US, deliver, feed, pairing, unpairing

UNIT_IDS = [
    "tp:\x00",
    "tp:\x00\x00\x1a0",
    "tp:\x1a",
    "tp:\x1a1",
    "tp:\x1ad800",
    "tp:'; DROP TABLE units; --",
    "tp:\"\\'`\n\r\t",
    "tp:%_\\%",
    "tp:\x7f\x80\xff",
    "tp:é",
    "tp:e\u0301",
    "tp:\U0001f69b\ufe0f\u200d",
    "tp:\ufffe\uffff",
    "tp:\U0010ffff",
    "Tp:a",
    "tp:A",
    "tp:a",
    "tp:a ",
    " tp:a",
    "::",
    "a",
    "tp:" + 253 * "\U0001f69b",
    256 * "\x00",
    256 * "\x1a",
]


async def test_unit_ids_read_back_unchanged(store: DatabaseStore) -> None:
    """Each is a unit of its own, wherever it is read: units, intervals, events, flags, changes, and after a late event."""
    await deliver(store, [body_of([pairing(5, A, unit_id), unpairing(9, B, unit_id)]) for unit_id in UNIT_IDS], group=7)
    late = [pairing(0, B, unit_id) for unit_id in UNIT_IDS]
    (answer,) = await deliver(store, [body_of(late, event_batch_id=ORGANIZATION)])
    assert (answer.applied, answer.received) == (len(UNIT_IDS),) * 2

    units = await store.read(list_all_units)
    assert sorted(units) == sorted((ORGANIZATION, unit_id) for unit_id in UNIT_IDS)
    assert sorted(await store.read(lambda tx: tx.histories.all_units(("", ""), 999))) == sorted(units)
    flags = await store.read(lambda tx: tx.histories.stored_flags(units))
    intervals = await store.read(lambda tx: tx.histories.stored_intervals(units))
    told = [msgspec.json.decode(change.data)["unitId"] for change in await feed(store)]
    for unit in units:
        assert [interval.asset_id for interval in intervals[unit]] == [B, A]
        assert list(flags[unit].values()) == [("staleUnpair",)]
        assert await find(store, unit[1]) == [("pairing.opened", unit[1])]
        assert told.count(unit[1]) == 3
    assert (await rebuild(store, lambda: NOW_US)).mended == 0


async def list_all_units(tx: Transaction) -> list[Unit]:
    """All units, read in small pages."""
    units: list[Unit] = []
    while page := await tx.pairings.list_units(units[-1] if units else ("", ""), 5, ORGANIZATION):
        units += [(row.organization_id, row.unit_id) for row in page]
    return units


async def find(store: DatabaseStore, unit_id: str) -> Any:  # noqa: ANN401 - pairs of texts
    """A unit by its id, with its intervals and events; the type of its first change."""
    (row,) = await store.read(lambda tx: tx.pairings.find_units(unit_id, ORGANIZATION))
    (other,) = await store.read(lambda tx: tx.pairings.find_units(unit_id, None))
    assert row == other
    pairings = await store.read(
        lambda tx: tx.pairings.list_pairings((ORGANIZATION, 2**63 - 1, "~"), 9, ORGANIZATION, unit_id=unit_id)
    )
    assert {pairing.unit_id for pairing in pairings} == {unit_id}
    events = await store.read(lambda tx: tx.events.list_events(2**63 - 1, 9, ORGANIZATION, unit_id=unit_id))
    assert [event.unit_id for event in events] == [unit_id] * 3
    first = await store.read(lambda tx: tx.changes.of_event(ORGANIZATION, unit_id, events[-1].seq >> 24))
    return [(change.type, change.unit_id) for change in first[:1]]


async def test_vins_of_any_length_and_characters_are_kept(store: DatabaseStore) -> None:
    """Only decoding may refuse an event, so a VIN that is none is kept as it came, however long it is."""
    vins = ["\x1a\u200b'\"", "V" * 5_000, "\U0001f69b" * 20_000, "1HGCM82633A000001"]
    events = [
        event_of(Payload(ORGANIZATION, f"tp:{number}", "paired", minute(0), A, Meaning("AutoPair", vin, vin)), 2)
        for number, vin in enumerate(vins)
    ]
    (answer,) = await deliver(store, [body_of(events)])
    assert answer.applied == len(vins)
    units = [(ORGANIZATION, f"tp:{number}") for number in range(len(vins))]
    intervals = await store.read(lambda tx: tx.histories.stored_intervals(units))
    assert [intervals[unit][0].meaning.asset_vin for unit in units] == vins
    assert await store.read(lambda tx: find_by_vin(tx, vins)) == [[unit_id] for _, unit_id in units]


async def find_by_vin(tx: Transaction, vins: list[str]) -> list[list[str]]:
    """The units whose pairings have each of these VINs."""
    found = [await tx.pairings.list_pairings(("~", 2**63 - 1, "~"), 9, ORGANIZATION, vin=vin) for vin in vins]
    return [[row.unit_id for row in rows] for rows in found]


@settings(PROPERTY, max_examples=30)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=1, max_size=5, unique=True))
def test_any_unit_id_is_the_same_on_both_engines(
    runner: asyncio.Runner,
    sqlite_store: DatabaseStore,
    postgres_store: DatabaseStore,
    unit_ids: list[str],
) -> None:
    """Units are told apart by code points alone, and both engines keep them in the same order."""

    async def check() -> None:
        bodies = [body_of([pairing(5, A, unit_id), pairing(0, B, unit_id)]) for unit_id in unit_ids]
        seen = []
        for store in (sqlite_store, postgres_store):
            await arrive(store, bodies, [1])
            seen.append((await store.read(lambda tx: tx.histories.all_units(("", ""), 99)), await digest(store)))
        assert seen[0] == seen[1]
        assert {unit_id for _, unit_id in seen[0][0]} == set(unit_ids)

    runner.run(check())

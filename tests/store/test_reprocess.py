"""Quarantine tried again: what becomes of entries and bodies, of their batches' counts, and of the histories they belong to."""

import asyncio
from collections.abc import Collection
from typing import Any

import msgspec
import pytest

from handlers.ingest import ingest
from handlers.quarantine import Reprocessed, discard, reprocess, reprocess_ignored
from handlers.rebuild import digest, rebuild
from handlers.rules.intake import Arrival, take_in
from schemas.errors import ConflictError, NotFoundError
from schemas.event_decoding import DECODERS
from schemas.journal_records import BatchRow, QuarantineRecord
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of, minute
from tests.support.store import NOW_US, OTHER, TABLES, deliver, dump, execute, feed, pairing, rows, unpairing, wipe

LATER_US = NOW_US + 1_000_000
NEWEST = 2**63 - 1


async def waiting(store: DatabaseStore) -> list[QuarantineRecord]:
    """What waits in quarantine, oldest first."""
    return (await store.read(lambda tx: tx.quarantine.list_entries(NEWEST, 100, None, state="waiting")))[::-1]


async def retry(store: DatabaseStore, entry: QuarantineRecord, organizations: Collection[str] = ()) -> Reprocessed:
    """Try an entry again, a second after it came."""
    return await store.write(lambda tx: reprocess(tx, entry.quarantine_id, organizations, LATER_US))


async def batch(store: DatabaseStore, organization_id: str | None = None) -> BatchRow:
    """The only batch."""
    (found,) = await store.read(lambda tx: tx.events.list_batches(NEWEST, 10, organization_id))
    return found


async def state_of(store: DatabaseStore, entry: QuarantineRecord) -> str:
    """What an entry's state is now."""
    found = await store.read(lambda tx: tx.quarantine.find(entry.quarantine_id))
    assert found is not None
    return found.state


async def test_an_entry_that_a_binding_refused_is_applied_once_the_binding_allows_it(store: DatabaseStore) -> None:
    """It is known from then, its batch counts it as applied, history is as if it had come in order, and the feed tells of it."""
    bodies = [body_of([pairing(0, B, organization_id=OTHER), pairing(5, A, organization_id=OTHER), pairing(0)])]
    await deliver(store, bodies, organizations=[ORGANIZATION])
    late, early = (await waiting(store))[::-1]
    assert await retry(store, late, [ORGANIZATION, OTHER]) == Reprocessed("resolved", "applied")
    assert await retry(store, early, [ORGANIZATION, OTHER]) == Reprocessed("resolved", "applied")
    assert (await batch(store))[-4:] == (3, 0, 0, 0)
    assert (await batch(store, OTHER))[-4:] == (2, 0, 0, 0)
    events = await store.read(lambda tx: tx.events.list_events(NEWEST, 10, OTHER))
    assert [(event.at_us, event.outcome, event.known_at_us) for event in events] == [
        (minute(0), "applied", LATER_US),
        (minute(5), "applied", LATER_US),
    ]
    (first,) = await store.read(lambda tx: tx.events.list_events(NEWEST, 10, ORGANIZATION))
    assert first.known_at_us == NOW_US
    assert await waiting(store) == []
    assert [change.type for change in await feed(store) if change.organization_id == OTHER] == [
        "pairing.opened",
        "pairing.opened",
        "pairing.closed",
    ]
    after = await digest(store)
    assert (await rebuild(store, lambda: LATER_US)).mended == 0
    await wipe(store)
    await deliver(store, bodies)
    assert await digest(store) == after


async def test_an_entry_whose_fact_has_come_meanwhile_is_a_duplicate(store: DatabaseStore) -> None:
    """It becomes one more copy of the fact."""
    await deliver(store, [body_of([pairing(0)])], organizations=[OTHER])
    (entry,) = await waiting(store)
    await deliver(store, [body_of([pairing(0)], event_batch_id=OTHER)])
    assert await retry(store, entry) == Reprocessed("resolved", "duplicate")
    copies = await store.read(lambda tx: tx.journal.copies_of([(ORGANIZATION, UNIT)]))
    assert len(copies[ORGANIZATION, UNIT]) == 2


async def test_an_entry_that_still_cannot_be_read_goes_on_waiting(store: DatabaseStore) -> None:
    """Nothing else changes, and the entry says why as of today."""
    await deliver(store, [body_of([pairing(0), {"eventType": "unit.paired"}])], organizations=[OTHER])
    bound, broken = await waiting(store)
    before = await dump(store, *TABLES)
    again = await retry(store, broken)
    assert (again.state, again.path) == ("waiting", "$.eventsData[1]")
    still = await retry(store, bound, [OTHER])
    assert (still.state, still.path) == ("waiting", "$.eventsData[0].eventData.organizationId")
    assert await dump(store, *TABLES) == before


@pytest.mark.parametrize("organization_id", ["", ORGANIZATION])
async def test_an_entry_can_turn_out_to_be_of_an_organization(store: DatabaseStore, organization_id: str) -> None:
    """What named none, or not the one that it is read as now, moves to the organization that it is of, with its count."""
    broken = pairing(0, organization_id=organization_id) | {"eventVersion": "2"}
    await deliver(store, [body_of([broken, unpairing(3, organization_id=ORGANIZATION)])])
    (entry,) = await waiting(store)
    assert entry.organization_id == organization_id
    # A later version of the software could read it: here the entry is mended in its place.
    raw = msgspec.json.encode(pairing(0, organization_id=OTHER))
    await execute(store, "UPDATE quarantine SET raw = :raw", raw=raw)
    assert await retry(store, entry._replace(raw=raw)) == Reprocessed("resolved", "applied")
    assert (await batch(store))[-4:] == (2, 0, 0, 0)
    assert (await batch(store, OTHER))[-4:] == (1, 0, 0, 0)
    assert (await batch(store, ORGANIZATION))[-4:] == (1, 0, 0, 0)
    assert await state_of(store, entry) == "resolved"
    (unit,) = await store.read(lambda tx: tx.pairings.find_units(UNIT, OTHER))
    assert unit.status == "paired"


async def test_an_entry_of_a_type_that_is_not_known_becomes_ignored(store: DatabaseStore) -> None:
    """An entry that a fault kept out resolves to what it is: here something that nobody can decode yet."""
    await deliver(store, [body_of([7])])
    (entry,) = await waiting(store)
    alarm = {"eventType": "alarm.raised", "eventVersion": 1, "eventData": {"organizationId": ORGANIZATION}}
    await execute(store, "UPDATE quarantine SET raw = :raw", raw=msgspec.json.encode(alarm))
    assert await retry(store, entry) == Reprocessed("resolved", "ignored")
    assert (await batch(store))[-4:] == (0, 0, 0, 1)
    (held,) = await store.read(lambda tx: tx.events.held_events(0, 10, ORGANIZATION))
    assert msgspec.json.decode(held.raw or b"") == alarm


async def test_what_was_ignored_is_applied_once_it_can_be_decoded(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new version of an event is kept until there is a decoder for it, and then known from that time."""
    await deliver(store, [body_of([pairing(0) | {"eventVersion": 3}, unpairing(5)])])
    (held,) = await store.read(lambda tx: tx.events.held_events(0, 10, None, event_type="unit.paired"))
    result = await store.write(lambda tx: reprocess_ignored(tx, held, (), LATER_US))
    assert (result.state, result.outcome) == ("waiting", "ignored")
    monkeypatch.setitem(DECODERS, ("unit.paired", 3), DECODERS["unit.paired", 2])
    result = await store.write(lambda tx: reprocess_ignored(tx, held, (), LATER_US))
    assert result == Reprocessed("resolved", "applied")
    assert await store.read(lambda tx: tx.events.held_events(0, 10, None)) == []
    assert (await batch(store))[-4:] == (2, 0, 0, 0)
    (interval,) = (await store.read(lambda tx: tx.histories.stored_intervals([(ORGANIZATION, UNIT)])))[ORGANIZATION, UNIT]
    assert (interval.paired_at_us, interval.unpaired_at_us) == (minute(0), minute(5))
    assert (await rebuild(store, lambda: LATER_US)).mended == 0


async def test_an_entry_can_be_resolved_once(store: DatabaseStore) -> None:
    """Trying it again, or discarding it, is a conflict that changes nothing."""
    await deliver(store, [body_of([pairing(0)])], organizations=[OTHER])
    (entry,) = await waiting(store)
    await retry(store, entry)
    before = await dump(store, *TABLES)
    with pytest.raises(ConflictError, match="resolved already"):
        await retry(store, entry)
    with pytest.raises(ConflictError, match="resolved already"):
        await store.write(lambda tx: discard(tx, entry.quarantine_id))
    assert await dump(store, *TABLES) == before


async def test_a_discarded_entry_stays_what_it_is(store: DatabaseStore) -> None:
    """It keeps its place and its count, and can't be tried again."""
    await deliver(store, [body_of([pairing(0)])], organizations=[OTHER])
    (entry,) = await waiting(store)
    await store.write(lambda tx: discard(tx, entry.quarantine_id))
    assert await state_of(store, entry) == "discarded"
    assert (await batch(store))[-4:] == (0, 0, 1, 0)
    with pytest.raises(ConflictError, match="discarded already"):
        await retry(store, entry)


async def test_an_entry_that_does_not_exist_is_not_found(store: DatabaseStore) -> None:
    """Neither can be done with it."""
    with pytest.raises(NotFoundError):
        await store.write(lambda tx: reprocess(tx, 7, (), NOW_US))
    with pytest.raises(NotFoundError):
        await store.write(lambda tx: discard(tx, 7))


async def quarantine_body(store: DatabaseStore, body: bytes) -> QuarantineRecord:
    """A body that came under a content type that isn't JSON's."""
    await deliver(store, [body], content_type_is_json=False)
    return (await waiting(store))[-1]


async def test_a_body_that_is_a_batch_after_all_is_taken_in(store: DatabaseStore) -> None:
    """Its delivery stays the one that it was, with the batch and the answer that it has now; its events are known from now."""
    events: list[Any] = [pairing(0), 7]
    entry = await quarantine_body(store, body_of(events))
    assert (entry.kind, entry.batch_id) == ("body", None)
    assert await retry(store, entry) == Reprocessed("resolved", "applied")
    taken = await batch(store)
    assert taken[-4:] == (1, 0, 1, 0)
    (delivery,) = await store.read(lambda tx: tx.events.deliveries_of([taken.batch_id]))
    assert (delivery.delivery_id, delivery.received_at_us, delivery.answer) == (entry.delivery_id, NOW_US, "accepted")
    event, _ = (await store.read(lambda tx: tx.events.list_events(NEWEST, 10, None)))[::-1]
    assert event.known_at_us == LATER_US
    assert await state_of(store, entry) == "resolved"
    (inner,) = await waiting(store)
    assert (inner.kind, inner.delivery_id, inner.batch_id) == ("event", entry.delivery_id, taken.batch_id)
    with pytest.raises(ConflictError):
        await retry(store, entry)
    assert len(await rows(store, "SELECT 1 FROM deliveries")) == 1


async def test_a_body_whose_batch_has_come_meanwhile_is_a_duplicate(store: DatabaseStore) -> None:
    """Its delivery joins that batch, and nothing is counted again."""
    entry = await quarantine_body(store, body_of([pairing(0)]))
    await deliver(store, [body_of([pairing(0)])])
    assert await retry(store, entry) == Reprocessed("resolved", "duplicate")
    known = await batch(store)
    assert known[-4:] == (1, 0, 0, 0)
    deliveries = await store.read(lambda tx: tx.events.deliveries_of([known.batch_id]))
    assert [delivery.answer for delivery in deliveries] == ["duplicate", "accepted"]
    assert deliveries[0].delivery_id == entry.delivery_id


async def test_a_body_is_read_under_the_binding_of_today(store: DatabaseStore) -> None:
    """An event in it that the subscription may not bring goes to quarantine by itself."""
    entry = await quarantine_body(store, body_of([pairing(0), pairing(0, organization_id=OTHER)]))
    await retry(store, entry, [ORGANIZATION])
    assert (await batch(store))[-4:] == (1, 0, 1, 0)
    (inner,) = await waiting(store)
    assert (inner.organization_id, inner.bound) == (OTHER, 1)


async def test_a_body_that_still_is_no_batch_goes_on_waiting(store: DatabaseStore) -> None:
    """Nothing else changes."""
    await deliver(store, [b"[]"])
    (entry,) = await waiting(store)
    before = await dump(store, *TABLES)
    result = await retry(store, entry)
    assert (result.state, result.path) == ("waiting", "$")
    assert await dump(store, *TABLES) == before


async def test_an_ignored_entry_is_tried_again_once(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two who read it, the second finds that it isn't ignored any more, and nothing is counted twice."""
    await deliver(store, [body_of([pairing(0) | {"eventVersion": 3}])])
    (held,) = await store.read(lambda tx: tx.events.held_events(0, 10, None))
    monkeypatch.setitem(DECODERS, ("unit.paired", 3), DECODERS["unit.paired", 2])
    tries = [store.write(lambda tx: reprocess_ignored(tx, held, (), LATER_US)) for _ in range(2)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["ConflictError", "Reprocessed"]
    assert (await batch(store))[-4:] == (1, 0, 0, 0)
    assert len(await rows(store, "SELECT 1 FROM events")) == 1


async def test_a_delivery_with_too_many_events_waits_until_it_may_have_so_many(store: DatabaseStore) -> None:
    """It is kept whole and says how many it has; once as many are allowed it is applied as if it had come then."""
    arrival = Arrival("default", "webhook", NOW_US, body_of([pairing(minute) for minute in range(3)]))
    await store.write(lambda tx: ingest(tx, [take_in(arrival, events_max=2)], NOW_US))
    (entry,) = await waiting(store)
    why = "has 3 events: at most 2 are taken in one delivery"
    assert (entry.kind, entry.path, entry.message) == ("body", "$.eventsData", why)
    still = await store.write(lambda tx: reprocess(tx, entry.quarantine_id, (), LATER_US, 2))
    assert still == Reprocessed("waiting", "quarantined", "$.eventsData", why)
    done = await store.write(lambda tx: reprocess(tx, entry.quarantine_id, (), LATER_US, 3))
    assert done == Reprocessed("resolved", "applied")
    assert (await batch(store))[-4:] == (3, 0, 0, 0)

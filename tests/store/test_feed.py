"""The change feed: every change once, in the order of commits, and enough to rebuild the pairings from it."""

import asyncio
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given

from handlers.ports import Transaction
from handlers.rebuild import rebuild
from handlers.rules.recording import IDS_PER_COMMIT
from handlers.rules.views import case_view, pairing_view
from schemas.unit_records import ChangeRecord
from storage.store import DatabaseStore
from tests.store.test_arrival import PROPERTY, arrivals, arrive
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of
from tests.support.store import NOW_US, OTHER, deliver, execute, failure, feed, pairing, rows, unpairing

LAST = ("\U0010ffff", 2**63 - 1, "\U0010ffff")
# What a change needn't be told for: more evidence, and what is computed on reading.
UNTOLD = {"events", "previousPairingId", "state", "mergedInto"}


def told(change: ChangeRecord) -> dict[str, Any]:
    """The pairing or case that a change carries."""
    data: dict[str, Any] = msgspec.json.decode(change.data)
    return data


async def come(store: DatabaseStore, *events: Any) -> list[ChangeRecord]:  # noqa: ANN401 - entries of a batch
    """Deliver events as a batch of its own, and give the changes that it made."""
    before = await store.read(lambda tx: tx.changes.last(None))
    number = (await rows(store, "SELECT count(*) FROM batches"))[0][0]
    await deliver(store, [body_of(events, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012}")])
    return await feed(store, before)


def replay(changes: list[ChangeRecord]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Pairings and cases by id, as someone has them who reads the feed and nothing else."""
    pairings: dict[str, Any] = {}
    cases: dict[str, Any] = {}
    for change in changes:
        data = told(change)
        if change.type.startswith("pairing."):
            pairings.pop(data["previousPairingId"], None)
            held, key = pairings, data["pairingId"]
        else:
            held, key = cases, data["caseId"]
        if change.type.endswith(".removed"):
            del held[key]
        else:
            unknown_start = change.type == "pairing.closed" and data["pairedAt"] is None
            is_new = change.type.endswith(".opened") or unknown_start or data.get("previousPairingId") is not None
            assert (key not in held) == is_new
            held[key] = {name: value for name, value in data.items() if name not in UNTOLD}
    return pairings, cases


async def stored(store: DatabaseStore) -> tuple[dict[str, Any], dict[str, Any]]:
    """The same, as they are stored."""

    def plain(view: Any) -> dict[str, Any]:  # noqa: ANN401 - a message
        return {name: value for name, value in msgspec.json.decode(msgspec.json.encode(view)).items() if name not in UNTOLD}

    pairings = [
        pairing_view(*row[:2], row.interval) for row in await store.read(lambda tx: tx.pairings.list_pairings(LAST, 999, None))
    ]
    units = await store.read(lambda tx: tx.histories.all_units(("", ""), 999))
    episodes = await store.read(lambda tx: tx.histories.stored_episodes(units))
    cases = [case_view(*unit, episode, NOW_US) for unit, found in episodes.items() for episode in found]
    return {view.pairing_id: plain(view) for view in pairings}, {view.case_id: plain(view) for view in cases}


@PROPERTY
@given(arrivals())
def test_the_feed_alone_gives_the_pairings(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, arrival: tuple[list[bytes], list[int]]
) -> None:
    """Applied by id from the start, the changes give exactly the stored pairings and cases; places rise, times never fall."""

    async def check() -> None:
        await arrive(sqlite_store, *arrival)
        changes = await feed(sqlite_store)
        places = [(change.position, change.n) for change in changes]
        assert all(before < after for before, after in pairwise(places))
        assert all(before.at_us <= after.at_us for before, after in pairwise(changes))
        assert replay(changes) == await stored(sqlite_store)

    runner.run(check())


async def test_a_move_is_told_as_a_closing_and_an_opening(store: DatabaseStore) -> None:
    """A pairing with another asset closes the one before, which tells why, and opens the next."""
    (opened,) = await come(store, pairing(0))
    assert (opened.type, told(opened)["assetId"], told(opened)["unpairedAt"]) == ("pairing.opened", A, None)
    closed, following = await come(store, pairing(5, B))
    assert (closed.type, told(closed)["pairingId"], told(closed)["endedBy"]) == (
        "pairing.closed",
        told(opened)["pairingId"],
        "superseded",
    )
    assert (following.type, told(following)["assetId"]) == ("pairing.opened", B)
    (end,) = await come(store, unpairing(9, B))
    assert (end.type, told(end)["endedBy"], told(end)["unpairedAt"]) == ("pairing.closed", "unpaired", "2025-05-12T22:29:00Z")


async def test_what_begins_and_ends_in_one_commit_is_told_as_both(store: DatabaseStore) -> None:
    """Nobody has to guess that an interval which came closed was ever open."""
    opened, closed = await come(store, pairing(0), unpairing(5))
    assert (opened.type, told(opened)["unpairedAt"]) == ("pairing.opened", None)
    assert (closed.type, told(closed)["pairingId"]) == ("pairing.closed", told(opened)["pairingId"])


async def test_an_unknown_start_is_told_as_closed(store: DatabaseStore) -> None:
    """There was no opening that anyone knows of."""
    (closed,) = await come(store, unpairing(5))
    assert (closed.type, told(closed)["pairedAt"], told(closed)["reason"]) == ("pairing.closed", None, None)


async def test_evidence_alone_is_not_told(store: DatabaseStore) -> None:
    """Pairing a unit again with the asset that it is on changes nothing for anyone, nor does a copy of a known event."""
    await come(store, pairing(0))
    assert await come(store, pairing(5)) == []
    assert await come(store, pairing(0)) == []


async def test_a_late_fact_revises(store: DatabaseStore) -> None:
    """An earlier pairing with the same asset moves the start: the id is another, and the change names the one before."""
    (opened,) = await come(store, pairing(5))
    (revised,) = await come(store, pairing(0))
    assert revised.type == "pairing.revised"
    assert told(revised)["previousPairingId"] == told(opened)["pairingId"] != told(revised)["pairingId"]
    assert told(revised)["pairedAt"] == "2025-05-12T22:20:00Z"
    found = await store.read(lambda tx: tx.pairings.find_pairing(told(opened)["pairingId"], ORGANIZATION))
    assert found is not None
    assert found.pairing_id == told(revised)["pairingId"]


async def test_a_late_fact_can_remove(store: DatabaseStore) -> None:
    """An interval of unknown start is no more when it turns out that the asset had been held before."""
    (closed,) = await come(store, unpairing(9, B))
    changes = await come(store, pairing(0, B), unpairing(3, B))
    assert [change.type for change in changes] == ["pairing.removed", "pairing.opened", "pairing.closed"]
    assert told(changes[0])["pairingId"] == told(closed)["pairingId"]


async def test_a_late_fact_reopens(store: DatabaseStore) -> None:
    """The same id comes to another end: revised, without another id."""
    opened, closed = await come(store, pairing(0), unpairing(9))
    (revised,) = await come(store, unpairing(5))
    assert (revised.type, told(revised)["previousPairingId"]) == ("pairing.revised", None)
    assert told(revised)["pairingId"] == told(opened)["pairingId"] == told(closed)["pairingId"]
    assert told(revised)["unpairedAt"] == "2025-05-12T22:25:00Z"


async def test_cases_are_told(store: DatabaseStore) -> None:
    """A case opens, is updated by more failures and resolved by a success; one that comes in between splits it."""
    (opened,) = await come(store, failure(10))
    assert (opened.type, told(opened)["state"], told(opened)["attempts"]) == ("case.opened", "escalated", 1)
    (updated,) = await come(store, failure(20))
    assert (updated.type, told(updated)["attempts"], told(updated)["caseId"]) == ("case.updated", 2, told(opened)["caseId"])
    paired, resolved = await come(store, pairing(30))
    assert (paired.type, resolved.type, told(resolved)["resolvedBy"]) == ("pairing.opened", "case.resolved", "paired")
    assert [change.type for change in await come(store, failure(40))] == ["case.opened"]
    split = await come(store, pairing(15, B))
    assert [change.type for change in split] == [
        "pairing.opened",
        "pairing.closed",
        "case.updated",
        "case.opened",
        "case.resolved",
    ]


async def test_a_case_that_began_earlier_is_another_case(store: DatabaseStore) -> None:
    """The one with the later beginning is removed and names the one that took its failures over."""
    (opened,) = await come(store, failure(0))
    removed, earlier = await come(store, failure(-5))
    assert (removed.type, earlier.type) == ("case.removed", "case.opened")
    assert told(removed)["caseId"] == told(opened)["caseId"]
    assert told(removed)["mergedInto"] == told(earlier)["caseId"]


async def test_changes_of_an_event(store: DatabaseStore) -> None:
    """What the transaction that applied an event told of its unit, and of no other unit or time."""
    await come(store, pairing(0), pairing(0, B, "tp:other"))
    await come(store, pairing(5, B))

    async def work(tx: Transaction) -> list[list[str]]:
        events = await tx.events.list_events(2**63 - 1, 10, None, unit_id=UNIT)
        found = [await tx.changes.of_event(ORGANIZATION, UNIT, event.seq // IDS_PER_COMMIT) for event in events]
        assert {change.unit_id for changes in found for change in changes} == {UNIT}
        return [[change.type for change in changes] for changes in found]

    assert await store.read(work) == [["pairing.closed", "pairing.opened"], ["pairing.opened"]]


async def test_an_organization_reads_its_own_changes(store: DatabaseStore) -> None:
    """In the same places, and none of another's."""
    await come(store, pairing(0), pairing(1, organization_id=OTHER))
    await come(store, unpairing(5, organization_id=OTHER))
    everything = await feed(store)
    theirs = await store.read(lambda tx: tx.changes.after((0, 0), 100, OTHER))
    assert theirs == [change for change in everything if change.organization_id == OTHER]
    assert [change.type for change in theirs] == ["pairing.opened", "pairing.closed"]
    assert await store.read(lambda tx: tx.changes.last(None)) == (everything[-1].position, everything[-1].n)
    assert await store.read(lambda tx: tx.changes.last(ORGANIZATION)) == (everything[0].position, everything[0].n)


async def test_the_clock_can_go_backwards(store: DatabaseStore) -> None:
    """A change is never told to be known before the one before it."""
    for number, clock in enumerate((500, 400, 600, 100)):
        body = body_of([pairing(number, (A, B)[number % 2])], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012}")
        await deliver(store, [body], now_us=NOW_US + clock)
    changes = await feed(store)
    assert [change.at_us - NOW_US for change in changes] == [500, 500, 500, 600, 600, 600, 600]
    assert len({change.position for change in changes}) == 4


async def test_rebuild_tells_only_what_was_wrong(store: DatabaseStore) -> None:
    """The feed goes on from what it told: a mended interval is a revision, and nothing is told of the others."""
    await come(store, pairing(0), unpairing(5), pairing(0, B, "tp:other"))
    last = await store.read(lambda tx: tx.changes.last(None))
    await execute(store, "DELETE FROM pairings WHERE unit_id = 'tp:other'")
    await rebuild(store, lambda: NOW_US)
    (change,) = await feed(store, last)
    assert (change.type, change.unit_id, told(change)["pairedAt"]) == ("pairing.opened", "tp:other", "2025-05-12T22:20:00Z")

"""Answers of the Feed in the store: each a batch of its own, and every event counts once beside the webhook."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.ingest import ingest, ingest_each
from handlers.ports import Transaction
from handlers.quarantine import reprocess
from handlers.rebuild import digest, rebuild
from handlers.rules.intake import Arrival, refused, take_in_feed
from handlers.rules.recording import Answer
from schemas.errors import Problem
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, SUBSCRIPTIONS, UNIT, UNITS, A, Delivery, body_of, deliveries, minute
from tests.support.store import NOW_US, OTHER, deliver, derived, execute, failure, pairing, rows, unpairing, wipe

FEED_ID = "feed-7"
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


def answer_of(entries: Sequence[Any], *, more: bool = False) -> bytes:
    """The body of an answer with these events."""
    return msgspec.json.encode({"items": list(entries), "hasNext": more})


async def pull(
    store: DatabaseStore, *bodies: bytes, at_us: int = NOW_US, organizations: Sequence[str] = (), each: bool = False
) -> list[Answer]:
    """Take answers in, one after the other, received a microsecond apart."""
    became: list[Answer] = []
    apply = ingest_each if each else ingest
    for number, body in enumerate(bodies):
        arrival = Arrival("datahub", "feed", at_us + number, body, remote=FEED_ID)
        intake = take_in_feed(arrival, FEED_ID, organizations)
        became += await store.write(lambda tx, intake=intake: apply(tx, [intake], NOW_US))  # type: ignore[misc] # bound early
    return became


@st.composite
def sent_twice(draw: st.DrawFn) -> tuple[list[Delivery], list[int], list[bool]]:
    """Deliveries by the webhook, the places of those that the feed brings too, and whether it does so before them or after.

    A feed brings what one subscription does, each batch in one answer: its batches are those of which the first copy came by it.
    """
    made = draw(deliveries(UNITS, max_size=6))
    first: dict[tuple[object, ...], int] = {}
    for number, delivery in enumerate(made):
        first.setdefault((delivery.event_batch_id, delivery.entries), number)
    of_feed = [number for number in first.values() if made[number].event_subscription_id == SUBSCRIPTIONS[0]]
    chosen = [number for number in draw(st.permutations(of_feed)) if draw(st.booleans())]
    return made, chosen, draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))


@PROPERTY
@given(sent=sent_twice())
def test_webhook_and_feed_together_count_once(
    shared_store: DatabaseStore, runner: asyncio.Runner, sent: tuple[list[Delivery], list[int], list[bool]]
) -> None:
    """What the feed brings beside the webhook, before or after it, changes nothing: not a pairing, not a case, not an attempt."""
    made, chosen, first = sent

    async def from_feed(*, early: bool) -> None:
        for number, is_first in zip(chosen, first, strict=True):
            if is_first == early:
                entries = msgspec.json.decode(made[number].body)["eventsData"]
                await pull(shared_store, answer_of(entries), at_us=made[number].batch_time_us + number)

    async def play() -> None:
        await wipe(shared_store)
        for delivery in made:
            await deliver(shared_store, [delivery.body])
        alone = await derived(shared_store)
        await wipe(shared_store)
        await from_feed(early=True)
        for delivery in made:
            await deliver(shared_store, [delivery.body])
        await from_feed(early=False)
        together = await derived(shared_store)
        for table in ("pairings", "cases", "fact_flags"):
            assert together[table] == alone[table]
        repeated = await rows(
            shared_store,
            "SELECT event_key FROM events WHERE outcome = 'applied' GROUP BY organization_id, event_key HAVING COUNT(*) > 1",
        )
        assert repeated == []
        before = await digest(shared_store)
        assert (await rebuild(shared_store, lambda: NOW_US)).mended == 0
        assert await digest(shared_store) == before

    runner.run(play())


async def test_every_answer_is_a_batch_of_its_own(store: DatabaseStore) -> None:
    """Two answers that say the same are two batches, the second without anything new; the same answer offered again is one."""
    body = answer_of([pairing(0)])
    [first, second] = await pull(store, body, body)
    assert (first.message, first.applied) == ("accepted", 1)
    assert (second.message, second.applied, second.duplicates) == ("accepted", 0, 1)
    assert first.event_batch_id != second.event_batch_id
    [again] = await pull(store, body)
    assert (again.message, again.duplicates) == ("duplicate", 1)
    batches = await rows(
        store, "SELECT source, subscription, event_subscription_id, event_batch_time_us FROM batches ORDER BY batch_id"
    )
    assert batches == [("feed", "datahub", FEED_ID, NOW_US), ("feed", "datahub", FEED_ID, NOW_US + 1)]
    kept = await rows(store, "SELECT answer, remote, body FROM deliveries ORDER BY delivery_id")
    assert kept == [("accepted", FEED_ID, body), ("accepted", FEED_ID, body), ("duplicate", FEED_ID, body)]


async def test_hourly_failures_by_both_ways_are_the_same_attempts(store: DatabaseStore) -> None:
    """Three attempts that webhook and feed both tell of are three; a fourth that the feed alone brings is one more."""
    for hour in range(3):
        entry = failure(0)
        await deliver(store, [body_of([entry], event_batch_id=f"31fccdce-725e-4c87-a91b-{hour:012x}")])
        await pull(store, answer_of([entry]), at_us=NOW_US + hour * 1000)
    attempts = "SELECT episode_json FROM cases"
    assert [msgspec.json.decode(row[0])["attempts"] for row in await rows(store, attempts)] == [3]
    await pull(store, answer_of([failure(0)]), at_us=NOW_US + 9000)
    assert [msgspec.json.decode(row[0])["attempts"] for row in await rows(store, attempts)] == [4]


async def test_bad_items_are_quarantined_with_their_place(store: DatabaseStore) -> None:
    """An item that is no event goes to quarantine with its path, its siblings are applied, unknown types are kept."""
    broken = pairing(1) | {"eventData": {"organizationId": ORGANIZATION}}
    entries = [pairing(0), broken, "no event", {"eventType": "alarm.raised", "eventVersion": 1, "eventData": {}}]
    [became] = await pull(store, answer_of(entries))
    assert (became.applied, became.quarantined, became.ignored, became.received) == (1, 2, 1, 4)
    found = await rows(store, "SELECT path, subscription, kind FROM quarantine ORDER BY quarantine_id")
    assert found == [("$.items[1].eventData", "datahub", "event"), ("$.items[2]", "datahub", "event")]


async def test_an_answer_that_cannot_be_read_is_kept_and_can_be_tried_again(store: DatabaseStore) -> None:
    """Its body waits in quarantine; once it can be read its events come in as the feed's."""
    [became] = await pull(store, b'{"events": []}')
    assert (became.message, became.quarantined) == ("quarantined", 1)
    entry = (await rows(store, "SELECT quarantine_id, kind, path, raw FROM quarantine"))[0]
    assert entry[1:] == ("body", "$", b'{"events": []}')
    assert (await store.write(lambda tx: reprocess(tx, entry[0], (), NOW_US))).state == "waiting"
    await execute(store, "UPDATE quarantine SET raw = :raw", raw=answer_of([pairing(0)]))
    done = await store.write(lambda tx: reprocess(tx, entry[0], (), NOW_US))
    assert (done.state, done.outcome) == ("resolved", "applied")
    assert await rows(store, "SELECT source, event_subscription_id FROM batches") == [("feed", FEED_ID)]


async def test_another_organizations_events_wait_for_a_wider_binding(store: DatabaseStore) -> None:
    """A feed that is bound to organizations keeps others' events in quarantine, where a wider binding lets them in."""
    [became] = await pull(store, answer_of([pairing(0), pairing(0, organization_id=OTHER)]), organizations=[ORGANIZATION])
    assert (became.applied, became.quarantined) == (1, 1)
    [(quarantine_id, path)] = await rows(store, "SELECT quarantine_id, path FROM quarantine")
    assert path == "$.items[1].eventData.organizationId"

    async def again(tx: Transaction, *organizations: str) -> str:
        return (await reprocess(tx, quarantine_id, organizations, NOW_US)).path

    assert await store.write(lambda tx: again(tx, ORGANIZATION)) == path
    assert await store.write(lambda tx: again(tx, ORGANIZATION, OTHER)) == ""
    assert len(await rows(store, "SELECT unit_id FROM units")) == 2


async def test_a_time_far_after_the_receipt_is_flagged(store: DatabaseStore) -> None:
    """A Feed answer has no batch time: the time of its receipt stands in for it."""
    await pull(store, answer_of([pairing(0, A), unpairing(11.5, A)]), at_us=minute(1))
    flagged = await rows(store, "SELECT flags FROM fact_flags")
    assert flagged == [('["clockSkew"]',)]


async def test_an_answer_that_cannot_be_applied_is_kept_whole(store: DatabaseStore) -> None:
    """Every item of it waits in quarantine with its place and the reason."""
    arrival = Arrival("datahub", "feed", NOW_US, answer_of([pairing(0), pairing(1)]), remote=FEED_ID)
    intake = refused(take_in_feed(arrival, FEED_ID), "ValueError: no")
    await store.write(lambda tx: ingest(tx, [intake], NOW_US))
    found = await rows(store, "SELECT path, message FROM quarantine ORDER BY quarantine_id")
    assert found == [("$.items[0]", "ValueError: no"), ("$.items[1]", "ValueError: no")]


async def test_a_text_with_a_lone_surrogate_spoils_its_item_alone(store: DatabaseStore) -> None:
    """JSON allows it, the decoder doesn't: the other items of the answer come in."""
    bad = msgspec.json.encode(pairing(1)).replace(b'"unitId":"tp', b'"unitId":"\\ud800tp')
    body = b'{"items":[' + msgspec.json.encode(pairing(0)) + b"," + bad + b'],"hasNext":false}'
    [became] = await pull(store, body)
    assert (became.applied, became.quarantined) == (1, 1)
    assert [row[0] for row in await rows(store, "SELECT unit_id FROM units")] == [UNIT]


def test_the_source_is_the_feed() -> None:
    """Copies name the feed as their source, so that no subscription's batches are counted with the feed's."""
    intake = take_in_feed(Arrival("datahub", "feed", NOW_US, answer_of([pairing(0)])), FEED_ID)
    assert intake.batch is not None
    copy = intake.batch.entries[0].copy
    assert copy is not None
    assert (copy.source, copy.batch_time_us) == (FEED_ID, NOW_US)
    assert FEED_ID not in SUBSCRIPTIONS


def test_an_answer_with_too_many_events_is_no_batch_as_a_whole() -> None:
    """It is kept whole, says how many it has, and is one once as many are allowed."""
    arrival = Arrival("datahub", "feed", NOW_US, answer_of([pairing(0), pairing(1)]))
    intake = take_in_feed(arrival, FEED_ID, events_max=1)
    assert intake.batch is None
    assert intake.problem == Problem("$.items", "has 2 events: at most 1 are taken in one delivery")
    assert take_in_feed(arrival, FEED_ID, events_max=2).batch

"""Several receivers over one PostgreSQL database: what they are sent at once comes out as if one had got it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby, pairwise
from random import Random
from typing import Any

import pytest
import pytest_asyncio

from handlers.quarantine import reprocess
from handlers.rebuild import digest, rebuild
from schemas.errors import ConflictError
from schemas.unit_records import ChangeRecord
from storage import open_engine
from storage.store import DatabaseStore
from tests.store.test_arrival import copies_in
from tests.support.facts import ASSETS, SUBSCRIPTIONS, body_of, minute
from tests.support.store import NOW_US, OTHER, deliver, derived, failure, feed, pairing, rows, unpairing, wipe

UNIT_IDS = [f"tp:{number}" for number in range(5)]
TIMEOUT_S = 60


@pytest_asyncio.fixture
async def receivers(shared_postgres_url: str) -> AsyncIterator[list[DatabaseStore]]:
    """Two receivers, each with connections of its own, over one empty database."""
    stores = [DatabaseStore(open_engine(shared_postgres_url, connections=3)) for _ in range(2)]
    await wipe(stores[0])
    yield stores
    for store in stores:
        await store.engine.close()


def some_batches(seed: int, count: int) -> list[bytes]:
    """Batches about few units in few moments, so that nearly every one touches what another does."""
    random = Random(seed)  # noqa: S311 - a fixed draw

    def event() -> dict[str, Any]:
        at, unit_id, asset_id = random.randrange(12), random.choice(UNIT_IDS), random.choice(ASSETS)
        return random.choice((pairing(at, asset_id, unit_id), unpairing(at, asset_id, unit_id), failure(at, unit_id)))

    return [
        body_of(
            [event() for _ in range(random.randint(1, 6))],
            event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012}",
            event_subscription_id=random.choice(SUBSCRIPTIONS),
            batch_time_us=minute(random.randrange(20)),
        )
        for number in range(count)
    ]


async def send(store: DatabaseStore, bodies: Sequence[bytes], seed: int) -> None:
    """Deliver in groups of several sizes, up to three groups at a time."""
    random = Random(seed)  # noqa: S311 - a fixed draw
    left = list(bodies)
    while left:
        groups = [[left.pop() for _ in range(min(random.randint(1, 4), len(left)))] for _ in range(3)]
        await asyncio.gather(*(deliver(store, group, group=len(group)) for group in groups if group))


@asynccontextmanager
async def a_reader(store: DatabaseStore) -> AsyncIterator[list[ChangeRecord]]:
    """Someone who follows the feed all the while; what they have read once everything has been sent."""
    collected: list[ChangeRecord] = []
    done = asyncio.Event()

    async def follow() -> None:
        last_round = False
        while not last_round:
            last_round = done.is_set()
            place = (collected[-1].position, collected[-1].n) if collected else (0, 0)
            collected.extend(await feed(store, place))
            await asyncio.sleep(0)

    task = asyncio.create_task(follow())
    try:
        yield collected
    finally:
        done.set()
        await task


@pytest.mark.parametrize("seed", range(3))
async def test_two_receivers_are_as_good_as_one(receivers: list[DatabaseStore], sqlite_copy: DatabaseStore, seed: int) -> None:
    """Interleaved deliveries about the same units, a third of them sent to both: every fact once, and a reader misses nothing.

    The state is that of one receiver on SQLite that got everything in another order.
    """
    bodies = some_batches(seed, 60)
    random = Random(seed)  # noqa: S311 - a fixed draw
    halves = [bodies[:40], bodies[20:]]
    for half in halves:
        random.shuffle(half)
    async with asyncio.timeout(TIMEOUT_S), a_reader(receivers[0]) as collected:
        await asyncio.gather(*(send(store, half, seed) for store, half in zip(receivers, halves, strict=True)))
    store = receivers[0]
    everything = await feed(store)
    assert collected == everything
    assert all((a.position, a.n) < (b.position, b.n) and a.at_us <= b.at_us for a, b in pairwise(everything))

    facts = {copy.event_key for found in copies_in(bodies).values() for copy in found}
    applied = await rows(store, "SELECT event_key FROM events WHERE outcome = 'applied'")
    assert sorted(key for (key,) in applied) == sorted(facts)
    contents = await rows(store, "SELECT content_key, count(*) FROM batches GROUP BY content_key")
    assert len(contents) == len(bodies)
    assert {count for _, count in contents} == {1}
    assert await rows(store, "SELECT count(*) FROM deliveries") == [(80,)]

    journal = await rows(
        store,
        "SELECT unit_id, position FROM events JOIN commits ON commit_id = seq >> 24 ORDER BY unit_id, seq",
    )
    for _, places in groupby(journal, key=lambda row: row[0]):
        assert all(before[1] <= after[1] for before, after in pairwise(places))

    await deliver(sqlite_copy, bodies)
    assert await derived(store) == await derived(sqlite_copy)
    assert await digest(store) == await digest(sqlite_copy)
    assert (await rebuild(store, lambda: NOW_US)).mended == 0


@pytest_asyncio.fixture
async def sqlite_copy(shared_sqlite_url: str, without_waiting: None) -> AsyncIterator[DatabaseStore]:  # noqa: ARG001 - for its effect
    """An empty store on SQLite."""
    engine = open_engine(shared_sqlite_url)
    store = DatabaseStore(engine)
    await wipe(store)
    yield store
    await engine.close()


def the_same_batch(events: list[object]) -> Iterator[tuple[bytes, bytes]]:
    """A batch twice: as it is, and in the envelope of another subscription."""
    for number in range(12):
        event_batch_id = f"31fccdce-725e-4c87-a91b-{number:012}"
        yield (body_of(events, event_batch_id=event_batch_id),) * 2
        yield (
            body_of(events, event_batch_id=event_batch_id.replace("31f", "41f")),
            body_of(events, event_batch_id=event_batch_id.replace("31f", "41f"), event_subscription_id=SUBSCRIPTIONS[1]),
        )


async def test_the_very_same_batch_at_once_is_accepted_once(receivers: list[DatabaseStore]) -> None:
    """One receiver accepts it, the other says duplicate, whichever comes second; what is bad in it is in quarantine once."""
    sent = 0
    for one, two in the_same_batch([pairing(0), 7]):
        async with asyncio.timeout(TIMEOUT_S):
            (first,), (second,) = await asyncio.gather(*(deliver(s, [b]) for s, b in zip(receivers, (one, two), strict=True)))
        assert sorted((first.message, second.message)) == ["accepted", "duplicate"]
        assert sorted((first.quarantined, second.quarantined)) == [0, 1]
        sent += 1
    assert await rows(receivers[0], "SELECT count(*) FROM quarantine") == [(sent,)]


async def test_the_very_same_batch_without_a_fact_is_accepted_once(receivers: list[DatabaseStore]) -> None:
    """The same where there is no unit to wait for: what both try to write at once is written once."""
    for number in range(20):
        body = body_of([7], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012}")
        async with asyncio.timeout(TIMEOUT_S):
            answers = await asyncio.gather(*(deliver(store, [body]) for store in receivers * 2))
        assert sorted(answer.message for (answer,) in answers) == ["accepted", "duplicate", "duplicate", "duplicate"]
    assert await rows(receivers[0], "SELECT count(*) FROM quarantine") == [(20,)]


async def test_groups_that_failed_as_a_whole_get_on(
    receivers: list[DatabaseStore], sqlite_copy: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delivery by delivery in one transaction, several receivers at once, about the same units: nobody waits in a circle."""
    monkeypatch.setattr("storage.engines.postgres.ATTEMPTS", 1)
    first = body_of([pairing(0, unit_id=unit_id) for unit_id in UNIT_IDS], event_batch_id=OTHER)
    await deliver(receivers[0], [first])
    bodies = some_batches(3, 40)
    shuffled = [Random(seed).sample(bodies, len(bodies)) for seed in range(3)]  # noqa: S311 - a fixed order
    async with asyncio.timeout(TIMEOUT_S):
        await asyncio.gather(
            *(deliver(receivers[number % 2], order, group=5, each=True) for number, order in enumerate(shuffled))
        )
    facts = {copy.event_key for found in copies_in([first, *bodies]).values() for copy in found}
    assert await rows(receivers[0], "SELECT count(*) FROM events WHERE outcome = 'applied'") == [(len(facts),)]
    await deliver(sqlite_copy, [first, *bodies])
    assert await digest(receivers[0]) == await digest(sqlite_copy)


async def test_deliveries_can_come_during_a_rebuild(receivers: list[DatabaseStore], sqlite_copy: DatabaseStore) -> None:
    """Both end, nothing was wrong, and nothing is wrong afterwards."""
    bodies = some_batches(7, 60)
    await deliver(receivers[0], bodies[:20], group=5)
    async with asyncio.timeout(TIMEOUT_S):
        result, *_ = await asyncio.gather(
            rebuild(receivers[1], lambda: NOW_US),
            send(receivers[0], bodies[20:], 7),
        )
    assert result.mended == 0
    await deliver(sqlite_copy, bodies, group=60)
    assert await digest(receivers[0]) == await digest(sqlite_copy)


async def test_an_entry_is_reprocessed_once(receivers: list[DatabaseStore]) -> None:
    """Of two who try the same entry at once, one resolves it and the other is told that it is resolved."""
    for number in range(10):
        await deliver(
            receivers[0],
            [body_of([pairing(number)], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012}")],
            organizations=[OTHER],
        )
        (entry,) = await receivers[0].read(lambda tx: tx.quarantine.list_entries(2**63 - 1, 10, None, state="waiting"))
        async with asyncio.timeout(TIMEOUT_S):
            results = await asyncio.gather(
                *(
                    store.write(lambda tx, found=entry.quarantine_id: reprocess(tx, found, (), NOW_US))  # type: ignore[misc]
                    for store in receivers
                ),
                return_exceptions=True,
            )
        assert sorted(isinstance(result, ConflictError) for result in results) == [False, True]
    assert await rows(receivers[0], "SELECT count(*) FROM events") == [(10,)]

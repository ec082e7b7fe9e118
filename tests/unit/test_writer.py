"""Groups of deliveries: what arrives together is committed together, and nothing waits for what doesn't come."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from handlers.ports import Result, Work
from handlers.rejected import Rejection
from receiver.limit_settings import Limits
from receiver.metrics import Metrics
from receiver.writer import IDLE_ROUNDS, Writer
from schemas.errors import StoreUnavailableError
from storage import open_engine
from storage.store import DatabaseStore


class CountingStore(DatabaseStore):
    """Keeps nothing, and holds each transaction until it may end."""

    def __init__(self) -> None:
        super().__init__(open_engine("never opened"))
        self.transactions = 0
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def write(self, work: Work[Result]) -> Result:  # noqa: ARG002 - nothing is done
        """Count a transaction."""
        self.transactions += 1
        await self.may_end.wait()
        result: Result = []  # type: ignore[assignment] # the answers to no deliveries
        return result


@pytest.fixture
def store() -> CountingStore:
    """A store that counts."""
    return CountingStore()


@pytest_asyncio.fixture
async def writer(store: CountingStore) -> AsyncIterator[Writer]:
    """A writer at work on it, for at most 20 at a time."""
    writer = Writer(store, Limits(group_deliveries_max=20), Metrics(), lambda: 0, lambda: None)
    writer.start()
    yield writer
    await writer.stop()


async def send(writer: Writer, rounds: int) -> None:
    """Something to write that arrives after so many rounds of the event loop."""
    for _ in range(rounds):
        await asyncio.sleep(0)
    await writer.reject(Rejection("default", 0, None, "mismatch", "[]", b"{}"))


async def test_what_arrives_together_is_one_transaction(store: CountingStore, writer: Writer) -> None:
    """Twelve that come in twelve rounds of the event loop are committed together."""
    await asyncio.sleep(0.01)
    async with asyncio.TaskGroup() as group:
        for number in range(12):
            group.create_task(send(writer, number))
    assert store.transactions == 1


async def test_a_group_is_full_at_its_limit(store: CountingStore, writer: Writer) -> None:
    """Of thirty at once the first twenty don't wait for more."""
    async with asyncio.TaskGroup() as group:
        for _ in range(30):
            group.create_task(send(writer, 0))
    assert store.transactions == 2


async def test_a_group_has_no_more_events_than_a_delivery_may_have(store: CountingStore) -> None:
    """Of ten at once with an event each, four are one transaction, four the next, and two the last."""
    writer = Writer(store, Limits(delivery_events_max=4), Metrics(), lambda: 0, lambda: None)
    writer.start()
    async with asyncio.TaskGroup() as group:
        for _ in range(10):
            group.create_task(send(writer, 0))
    await writer.stop()
    assert store.transactions == 3


async def test_one_alone_waits_for_no_time(store: CountingStore, writer: Writer) -> None:
    """A single one is committed after a few rounds of the event loop, in which no time passes."""
    await asyncio.sleep(0.01)
    task = asyncio.create_task(send(writer, 0))
    for _ in range(IDLE_ROUNDS + 4):
        await asyncio.sleep(0)
    assert store.transactions == 1
    await task


async def test_what_comes_during_a_commit_is_the_next_transaction(store: CountingStore, writer: Writer) -> None:
    """While one transaction runs, all that arrives waits for the next one."""
    store.may_end.clear()
    async with asyncio.TaskGroup() as group:
        group.create_task(send(writer, 0))
        await asyncio.sleep(0.01)
        for _ in range(5):
            group.create_task(send(writer, 0))
        await asyncio.sleep(0.01)
        assert store.transactions == 1
        store.may_end.set()
    assert store.transactions == 2


async def test_nothing_is_queued_behind_a_store_that_does_not_answer(store: CountingStore) -> None:
    """Once a transaction takes longer than a delivery may wait, what comes is refused; afterwards all goes on."""
    writer = Writer(store, Limits(commit_timeout_s=1), Metrics(), lambda: 0, lambda: None)
    writer.start()
    store.may_end.clear()
    first = asyncio.create_task(send(writer, 0))
    await asyncio.sleep(1.1)
    assert writer.stalled
    with pytest.raises(StoreUnavailableError, match="has not answered for 1 s"):
        await send(writer, 0)
    store.may_end.set()
    await first
    await send(writer, 0)
    await writer.stop()
    assert store.transactions == 2


async def test_a_store_that_does_not_answer_does_not_hold_up_the_end(store: CountingStore) -> None:
    """What such a store holds up is refused, so that it comes again, and so is what waits behind it."""
    writer = Writer(store, Limits(commit_timeout_s=1, group_deliveries_max=1), Metrics(), lambda: 0, lambda: None)
    writer.start()
    store.may_end.clear()
    waiting = [asyncio.create_task(send(writer, 0)) for _ in range(3)]
    await asyncio.sleep(0.01)
    async with asyncio.timeout(30):
        await writer.stop()
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(error) for error in ended] == ["the service is shutting down"] * 3
    assert store.transactions == 1


async def test_nothing_is_taken_after_the_end(store: CountingStore) -> None:
    """A writer that was stopped refuses, so that the sender tries again."""
    writer = Writer(store, Limits(), Metrics(), lambda: 0, lambda: None)
    writer.start()
    await writer.stop()
    with pytest.raises(StoreUnavailableError):
        await send(writer, 0)

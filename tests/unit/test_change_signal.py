"""Waiting for commits: of this process, of others, and for the end."""

import asyncio

import pytest

from receiver import change_signal
from receiver.change_signal import ChangeSignal


class Feed:
    """A feed that counts how often it is looked at, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.last = self.looks = self.faults = 0

    async def look(self) -> int:
        """Its last place."""
        self.looks += 1
        if self.faults:
            self.faults -= 1
            raise OSError("gone")
        return self.last


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_signal, "LOOK_EVERY_S", 0.05)


async def wait(signal: ChangeSignal, feed: Feed, timeout_s: float = 5, stop: asyncio.Event | None = None) -> bool:
    """Whether the count moved."""
    count = signal.count
    async with asyncio.timeout(10):
        await signal.wait(count, timeout_s, stop or asyncio.Event(), feed.look)
    return signal.count != count


async def test_a_notice_wakes_all_who_wait() -> None:
    """One notice ends every wait, and a wait that begins after it waits for the next."""
    signal, feed = ChangeSignal(), Feed()
    await wait(signal, feed)
    waiting = [asyncio.create_task(wait(signal, feed)) for _ in range(5)]
    await asyncio.sleep(0.01)
    assert signal.waiting == 5
    signal.notify()
    assert await asyncio.gather(*waiting) == [True] * 5
    assert signal.waiting == 0


async def test_a_notice_before_the_wait_counts() -> None:
    """Whoever took the count before a notice doesn't wait at all."""
    signal, feed = ChangeSignal(), Feed()
    count = signal.count
    signal.notify()
    async with asyncio.timeout(1):
        await signal.wait(count, 60, asyncio.Event(), feed.look)
    assert feed.looks == 0


async def test_the_commit_of_another_process_is_seen() -> None:
    """What grows without a notice is found by looking."""
    signal, feed = ChangeSignal(), Feed()
    await wait(signal, feed)
    waiting = asyncio.create_task(wait(signal, feed))
    await asyncio.sleep(0.12)
    assert not waiting.done()
    feed.last = 1
    assert await waiting


async def test_time_and_the_end_end_a_wait() -> None:
    """A wait returns when its time is up, or when the service ends, without a move."""
    signal, feed, stop = ChangeSignal(), Feed(), asyncio.Event()
    await wait(signal, feed)
    assert not await wait(signal, feed, 0.12)
    waiting = asyncio.create_task(wait(signal, feed, 60, stop))
    await asyncio.sleep(0.01)
    stop.set()
    assert not await waiting
    assert not await wait(signal, feed, 60, stop)


async def test_one_of_those_who_wait_looks() -> None:
    """The store is looked at as often for many as for one, also when the one that looked goes away."""
    signal, feed = ChangeSignal(), Feed()
    await wait(signal, feed)
    feed.looks = 0
    waiting = [asyncio.create_task(wait(signal, feed, 0.1 + n / 100)) for n in range(20)]
    assert not any(await asyncio.gather(*waiting))
    assert 3 <= feed.looks <= 7


async def test_a_fault_of_the_store_reaches_one_and_the_others_go_on() -> None:
    """The error of a look passes to whoever looked; the others wait on and hear of the next notice."""
    signal, feed = ChangeSignal(), Feed()
    await wait(signal, feed)
    waiting = [asyncio.create_task(wait(signal, feed, 60)) for _ in range(4)]
    feed.faults = 1
    (failed,), others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    with pytest.raises(OSError, match="gone"):
        await failed
    assert len(others) == 3
    signal.notify()
    assert all(await asyncio.gather(*others))


async def test_a_wait_that_is_given_up_disturbs_nobody() -> None:
    """Cancelling one wait leaves the others waiting, and the count of those who wait right."""
    signal, feed = ChangeSignal(), Feed()
    first, second = (asyncio.create_task(wait(signal, feed)) for _ in range(2))
    await asyncio.sleep(0.08)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert signal.waiting == 1
    signal.notify()
    assert await second

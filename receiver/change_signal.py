"""Wakes those who wait for the change feed to grow."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

# Another process may commit, which nobody tells this one of.
LOOK_EVERY_S = 0.75


class ChangeSignal:
    """A count of commits that can be waited for.

    Who reads the count before looking at the store, and then waits for the count to move on, misses nothing: a commit between the
    two has moved it already. However many wait, one of them looks at the store for what other processes committed.
    """

    def __init__(self) -> None:
        self.count = 0
        self.waiting = 0
        self._next: asyncio.Future[None] | None = None
        self._looked_at = float("-inf")
        self._seen: object = None

    def notify(self) -> None:
        """Something was committed. Call it on the event loop, after the commit."""
        self.count += 1
        if self._next is not None:
            self._next.set_result(None)
            self._next = None

    async def wait(self, count: int, timeout_s: float, stop: asyncio.Event, look: Callable[[], Awaitable[object]]) -> None:
        """Return once the count isn't `count` any more, `stop` is set, or the time is up.

        `look` gives what changes whenever the feed grows, such as its last place; its errors pass. The first look of all is a
        move, since nobody knows what was so before it.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        stopping = asyncio.ensure_future(stop.wait())
        self.waiting += 1
        try:
            while self.count == count and not stop.is_set() and (now := loop.time()) < end:
                due = self._looked_at + LOOK_EVERY_S
                if now < due:
                    futures: set[asyncio.Future[Any]] = {self._moved(), stopping}
                    await asyncio.wait(futures, timeout=min(end, due) - now, return_when=asyncio.FIRST_COMPLETED)
                    continue
                self._looked_at = now
                seen = await look()
                if seen != self._seen:
                    self._seen = seen
                    self.notify()
        finally:
            self.waiting -= 1
            stopping.cancel()

    def _moved(self) -> asyncio.Future[None]:
        """Done at the next move; one for all who wait, so it must not be cancelled (`asyncio.wait` doesn't)."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        return self._next

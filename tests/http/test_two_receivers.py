"""Two receivers, each a process of its own, over one PostgreSQL database behind a load balancer."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx2

from handlers.rebuild import digest
from storage.store import DatabaseStore
from tests.support.batches import batch, digest_in, on_store
from tests.support.receiver_process import post, receiver
from tests.support.store import deliver

BATCHES = 60
UNITS = 6
AT_ONCE = 8
TIMEOUT_S = 120


class Reader:
    """Follows the change feed of one receiver by long poll, from its beginning."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._cursor: str | None = None
        self.items: list[dict[str, Any]] = []

    async def read(self, wait_s: int) -> int:
        """Take the next page; how much was on it."""
        after = {"after": self._cursor} if self._cursor else {}
        answer = await self._client.get("/api/v1/changes", params={"wait": wait_s, "limit": 50, **after})
        page = answer.raise_for_status().json()
        self.items += page["items"]
        self._cursor = page["nextCursor"]
        return len(page["items"])

    async def follow(self, done: asyncio.Event) -> None:
        """Read while it is written, and then to the end."""
        while not done.is_set():
            await self.read(1)
        while await self.read(0):
            pass


async def test_two_processes_are_as_good_as_one(postgres_url: str, sqlite_url: str, tmp_path: Path) -> None:
    """Both take deliveries about the same units at once, every other one both of them: each batch counts once.

    A reader of the one misses nothing that the other commits, a late reader of the other is told the same in the same order, and
    what has come out is what a single receiver makes of the same batches, also after a rebuild.
    """
    bodies = [batch(number, units=UNITS) for number in range(BATCHES)]
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    messages: dict[int, list[str]] = {number: [] for number in range(BATCHES)}
    async with (
        asyncio.timeout(TIMEOUT_S),
        receiver(postgres_url, folders[0]) as one,
        receiver(postgres_url, folders[1]) as two,
        one.client() as first,
        two.client() as second,
    ):
        places = asyncio.Semaphore(AT_ONCE)

        async def send(client: httpx2.AsyncClient, number: int) -> None:
            async with places:
                answer = (await post(client, bodies[number])).raise_for_status().json()
            messages[number].append(answer["message"])
            assert answer["received"] == answer["applied"] + answer["duplicates"] == 3

        reader, done = Reader(first), asyncio.Event()
        following = asyncio.create_task(reader.follow(done))
        sent = [(client, number) for number in range(BATCHES) for client in ((first, second) if number % 2 else (first,))]
        sent += [(second, number) for number in range(0, BATCHES, 4)]
        Random(1).shuffle(sent)  # noqa: S311 - an order of no meaning
        await asyncio.gather(*(send(client, number) for client, number in sent))
        done.set()
        await following

        said = Counter(tuple(sorted(found)) for found in messages.values())
        assert set(said) == {("accepted",), ("accepted", "duplicate")}
        late = Reader(second)
        while await late.read(0):
            pass
        assert late.items == reader.items
        assert len({item["cursor"] for item in late.items}) == len(late.items)
        assert [await running.terminate() for running in (one, two)] == [0, 0]

    def alone() -> str:
        async def work(store: DatabaseStore) -> str:
            await deliver(store, bodies, group=BATCHES)
            return await digest(store)

        return on_store(sqlite_url, work)

    assert await asyncio.to_thread(digest_in, postgres_url) == await asyncio.to_thread(alone)

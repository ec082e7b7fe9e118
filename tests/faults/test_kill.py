"""A receiver that is killed at random moments, under load."""

import asyncio
import contextlib
import itertools
import random
import uuid
from pathlib import Path

import httpx2
import msgspec

from handlers.rebuild import digest, rebuild
from receiver.wiring import now_us
from storage import open_engine
from storage.engine import Connection, Engine, Row
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.receiver_process import ReceiverProcess, post, start
from tests.support.serving import eventually
from tests.support.store import pairing, statement, unpairing

ROUNDS = {"sqlite": 20, "postgres": 4}
SENDERS = 8
UNITS = 40
LONGEST_S = 0.4

_DELIVERED = statement(
    "SELECT b.event_batch_id, count(DISTINCT b.batch_id), count(DISTINCT d.delivery_id) FROM batches b "
    "JOIN deliveries d ON d.batch_id = b.batch_id GROUP BY b.event_batch_id"
)
_INTEGRITY = statement("PRAGMA integrity_check")
_KEYS = statement("SELECT event_key, count(*) FROM events WHERE outcome = 'applied' GROUP BY event_key HAVING count(*) > 1")


class Load:
    """Sends signed batches until the receiver is gone, and remembers which ones it promised to keep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - which moment, not which secret
        self._minutes = itertools.count()
        self.promised: set[str] = set()
        self.sent: set[str] = set()

    def _body(self) -> tuple[str, bytes]:
        batch_id = str(uuid.UUID(int=self._random.getrandbits(128)))
        entries = []
        for _ in range(self._random.choice((1, 1, 3, 20))):
            minute, unit = next(self._minutes), f"tp:{self._random.randrange(UNITS)}"
            asset = str(uuid.UUID(int=self._random.randrange(UNITS)))
            entries.append(self._random.choice((pairing, unpairing))(minute, asset, unit))
        return batch_id, _envelope(batch_id, entries)

    async def _sender(self, url: str) -> None:
        async with httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
            while True:
                batch_id, body = self._body()
                self.sent.add(batch_id)
                try:
                    answer = await post(client, body)
                except httpx2.TransportError:
                    return
                if answer.status_code == 200:
                    self.promised.add(batch_id)

    async def until_killed(self, running: ReceiverProcess) -> None:
        """Send from several connections at once and kill the receiver at a random moment after its first answer."""
        async with asyncio.TaskGroup() as group:
            for _ in range(SENDERS):
                group.create_task(self._sender(running.url))
            promised = len(self.promised)
            with contextlib.suppress(TimeoutError):  # a slow machine is killed all the same
                await eventually(lambda: len(self.promised) > promised)
            await asyncio.sleep(self._random.uniform(0, LONGEST_S))
            await running.kill()


def _envelope(batch_id: str, entries: list[dict[str, object]]) -> bytes:
    return msgspec.json.encode(
        {
            "eventBatchId": batch_id,
            "eventSubscriptionId": ORGANIZATION,
            "eventBatchTime": "2030-01-01T00:00:00Z",
            "eventsData": entries,
        }
    )


async def test_what_was_answered_200_survives_a_kill(database_url: str, tmp_path: Path) -> None:
    """Killed again and again under load, a receiver has what it answered 200 exactly once, and state that agrees."""
    load = Load(seed=1)
    for _ in range(ROUNDS["sqlite" if database_url.startswith("sqlite") else "postgres"]):
        await load.until_killed(await start(database_url, tmp_path))
    assert len(load.promised) > SENDERS
    engine = open_engine(database_url)
    try:
        await _check(engine, load)
    finally:
        await engine.close()


async def _check(engine: Engine, load: Load) -> None:
    store = DatabaseStore(engine)

    async def counts(connection: Connection) -> tuple[list[Row], list[Row], list[Row]]:
        fetch = connection.fetch
        return await fetch(_DELIVERED), await fetch(_KEYS), await fetch(_INTEGRITY) if engine.dialect == "sqlite" else []

    delivered, repeated, integrity = await engine.read(counts)
    kept = {batch_id for batch_id, _, _ in delivered}
    assert load.promised <= kept <= load.sent
    assert all(batches == deliveries == 1 for _, batches, deliveries in delivered)
    assert not repeated
    assert [tuple(row) for row in integrity] in ([], [("ok",)])
    before = await digest(store)
    rebuilt = await rebuild(store, now_us)
    assert rebuilt.mended == 0
    assert rebuilt.digest_before == rebuilt.digest_after == before

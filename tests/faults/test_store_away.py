"""A running receiver whose store can't be written for a while: deliveries are 503 to be sent again, and nothing is lost."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
import httpx2

from tests.support.batches import batch
from tests.support.postgres import PostgresServer
from tests.support.receiver_process import ReceiverProcess, post, receiver

READY_S = 30


@contextmanager
def full_disk(running: ReceiverProcess) -> Iterator[None]:
    """No file of the process can grow: the database, its log of changes, and what it writes to the log."""
    _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (1, hard))
    yield
    resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def unreachable(server: PostgresServer, name: str) -> Iterator[None]:
    """The database ends all connections and takes no more."""
    server.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    server.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608 - our own name
    yield
    server.sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


@asynccontextmanager
async def stalled(url: str) -> AsyncIterator[None]:
    """The database goes on, but lets nobody record a delivery: somebody's transaction has the table for itself."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def _sent_again(client: httpx2.AsyncClient, body: bytes) -> str:
    answer = await post(client, body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["message"])


async def _checks(client: httpx2.AsyncClient, status: int) -> dict[str, bool]:
    """What is ready, once this is the answer."""
    async with asyncio.timeout(READY_S):
        while (answer := await client.get("/readyz")).status_code != status:  # noqa: ASYNC110 - the other side is being tested
            await asyncio.sleep(0.05)
    return dict(answer.json()["checks"])


async def _refused(client: httpx2.AsyncClient, body: bytes) -> None:
    """Also a delivery with a wrong signature: it could not be held, so it must not be told that it was looked at."""
    for headers in ({}, {"X-SCALAR-Signature": "sha256=" + "0" * 64}):
        answer = await post(client, body, **headers)
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert int(answer.headers["retry-after"]) > 0
        assert answer.json()["requestId"] == answer.headers["x-request-id"]
    assert (await client.get("/healthz")).status_code == 200


async def test_a_full_disk(sqlite_url: str, tmp_path: Path) -> None:
    """While no file can grow a delivery is 503; once there is room the same one is taken, and what was there is still there."""
    async with receiver(sqlite_url, tmp_path) as running, running.client() as client:
        assert await _sent_again(client, batch(0)) == "accepted"
        with full_disk(running):
            await _refused(client, batch(1))
            assert (await client.get("/readyz")).status_code == 503
            assert len((await client.get("/api/v1/batches")).json()["items"]) == 1
        assert [await _sent_again(client, batch(number)) for number in (0, 1)] == ["duplicate", "accepted"]
        assert (await client.get("/readyz")).status_code == 200
        assert await running.terminate() == 0


async def test_a_database_that_went_away(postgres_server: PostgresServer, postgres_template: str, tmp_path: Path) -> None:
    """While PostgreSQL lets nobody in a delivery is 503 and the metrics say so; afterwards all goes on without a restart."""
    name = postgres_server.create(postgres_template)
    async with receiver(postgres_server.url(name), tmp_path) as running, running.client() as client:
        assert await _sent_again(client, batch(0)) == "accepted"
        with unreachable(postgres_server, name):
            await _refused(client, batch(1))
            assert (await client.get("/readyz")).status_code == 503
            assert (await client.get("/api/v1/units")).status_code == 503
            metrics = (await client.get("/metrics")).text
            assert 'drawbar_deliveries_total{answer="503",subscription="default"} 2.0' in metrics
            assert "drawbar_store_available 0.0" in metrics
        assert [await _sent_again(client, batch(number)) for number in (0, 1)] == ["duplicate", "accepted"]
        assert (await client.get("/readyz")).status_code == 200
        assert "drawbar_store_available 1.0" in (await client.get("/metrics")).text
        assert await running.terminate() == 0
    postgres_server.drop(name)


async def test_a_database_that_does_not_answer(postgres_server: PostgresServer, postgres_template: str, tmp_path: Path) -> None:
    """A delivery that waits too long is 503, the next ones at once; what was given up is known when it comes again."""
    name = postgres_server.create(postgres_template)
    url = postgres_server.url(name)
    settings = {"DRAWBAR_LIMITS_COMMIT_TIMEOUT_S": "5"}
    async with receiver(url, tmp_path, settings) as running, running.client() as client:
        assert await _sent_again(client, batch(0)) == "accepted"
        async with stalled(url):
            waited = await asyncio.gather(post(client, batch(1)), post(client, batch(2)))
            assert [answer.json()["error"] for answer in waited] == ["the store did not answer within 5 s"] * 2
            assert await _checks(client, 503) == {"writer": False, "store": True, "migrations": True}
            await _refused(client, batch(3))
        assert all((await _checks(client, 200)).values())
        assert [await _sent_again(client, batch(number)) for number in (1, 2, 3)] == ["duplicate", "duplicate", "accepted"]
        assert await running.terminate() == 0
    postgres_server.drop(name)

"""Workers on bulk patches: each patch once, whatever happens to workers and to the store."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import pytest
from structlog.testing import capture_logs

from handlers import patches
from handlers.patches import FAILED, PatchRequest, accept
from handlers.patching import patch_assets
from handlers.ports import Transaction, Work
from receiver.patch_worker import PatchWorker
from schemas.errors import StoreUnavailableError
from schemas.patches import AssetPatch, PatchJob
from schemas.wire import to_json
from storage import open_engine
from storage.engine import Connection
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.patched_assets import asset, asset_history, get_assets, put_assets
from tests.support.store import NOW_US, OTHER, execute, statement, wipe

Result = TypeVar("Result")
CHUNK = 3


class Clock:
    """A clock that goes on by itself, a millisecond at each look, and can be moved."""

    def __init__(self) -> None:
        self.now_us = NOW_US

    def __call__(self) -> int:
        """Microseconds since 1970."""
        self.now_us += 1000
        return self.now_us


class Flaky(DatabaseStore):
    """A store that now and then fails before a transaction, within it, or when it is committed already."""

    def __init__(self, inner: DatabaseStore, seed: int) -> None:
        super().__init__(inner.engine)
        self._random = random.Random(seed)  # noqa: S311 - which moment, not which secret
        self.failures = 0

    async def write(self, work: Work[Result]) -> Result:
        """Run a transaction, or fail."""
        fate = self._random.random()
        if fate < 0.15:
            self._fail()
        if fate < 0.3:

            async def undone(tx: Transaction) -> Result:
                await work(tx)
                self._fail()
                raise AssertionError

            return await super().write(undone)
        result = await super().write(work)
        if fate < 0.45:
            self._fail()
        return result

    def _fail(self) -> None:
        self.failures += 1
        raise StoreUnavailableError("the disk is full")


class Interrupted(DatabaseStore):
    """A store in which something else happens before the write of a certain number."""

    def __init__(self, inner: DatabaseStore, number: int, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(inner.engine)
        self._left = number
        self._happens = happens

    async def write(self, work: Work[Result]) -> Result:
        """Run a transaction."""
        self._left -= 1
        if self._left == 0:
            await self._happens()
        return await super().write(work)


def worker(store: DatabaseStore, clock: Clock, told: Callable[[PatchJob], None] = lambda _: None) -> PatchWorker:
    """A worker that isn't started."""
    return PatchWorker(store, clock, asyncio.Event(), told)


async def submit(store: DatabaseStore, numbers: Sequence[int], location: str, organization_id: str = ORGANIZATION) -> PatchJob:
    """Accept a job that sets a location."""
    body = to_json([{"assetId": number, "location": location} for number in numbers])
    return await accept(store, PatchRequest(organization_id, "a client", None, body), 10_000, NOW_US)


async def find(store: DatabaseStore, job: PatchJob) -> PatchJob:
    """A job as it stands."""
    found = await store.read(lambda tx: tx.patches.find(job.job_id, None))
    assert found
    return found


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "CHUNK_PATCHES", CHUNK)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each patch leaves a row in the table `applied`, in its transaction."""
    insert = statement("INSERT INTO applied (job_id, asset_id) VALUES (:job_id, :asset_id)")

    async def counting(
        tx: Transaction, organization_id: str, many: Sequence[AssetPatch], job_id: int, now_us: int
    ) -> list[str | None]:
        connection: Connection = tx._connection  # type: ignore[attr-defined]
        await connection.execute_many(insert, [(job_id, patch.asset_id) for patch in many])
        return await patch_assets(tx, organization_id, many, job_id, now_us)

    monkeypatch.setattr(patches, "patch_assets", counting)


async def applied(store: DatabaseStore) -> list[tuple[int, int]]:
    """(job, asset) of each patch that was applied, in order."""
    select = statement("SELECT job_id, asset_id FROM applied ORDER BY job_id, asset_id")
    return [(row[0], row[1]) for row in await store.engine.read(lambda connection: connection.fetch(select))]


@asynccontextmanager
async def table_of_applied(store: DatabaseStore) -> AsyncIterator[None]:
    """The table `applied`: what was applied in transactions that were committed, a row for each patch of each try."""
    await execute(store, "CREATE TABLE applied (job_id BIGINT, asset_id BIGINT)")
    try:
        yield
    finally:
        await execute(store, "DROP TABLE applied")


async def test_a_key_that_comes_twice_at_once_is_one_job(store: DatabaseStore) -> None:
    """Requests with one key that arrive together become one job, on either engine."""
    body = to_json([{"assetId": 1}])
    asked = PatchRequest(ORGANIZATION, "a client", "k", body)
    jobs = await asyncio.gather(*(accept(store, asked, 10, NOW_US) for _ in range(6)))
    assert len({job.job_id for job in jobs}) == 1
    assert len(await store.read(lambda tx: tx.patches.list_jobs(2**62, 10, None, status=None))) == 1


async def test_progress_is_told_and_kept(store: DatabaseStore) -> None:
    """A job is worked on chunk by chunk, and after each the store says how far it is."""
    await put_assets(store, *map(asset, range(1, 8)))
    job = await submit(store, range(1, 9), "x")
    told: list[tuple[int, int, str]] = []
    assert await worker(store, Clock(), lambda job: told.append((job.done, job.succeeded, job.status))).work()
    assert told == [(3, 3, "inProgress"), (6, 6, "inProgress"), (8, 7, "partiallySuccessful")]
    ended = await find(store, job)
    assert ended.worker is None
    assert ended.created_at_us < (ended.started_at_us or 0) < (ended.ended_at_us or 0)
    assert not await worker(store, Clock()).work()


async def test_what_fails_on_one_asset_is_that_assets_error(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """An asset on which the program fails gets an error, which the log explains; the others of its chunk are patched once."""

    async def failing(
        tx: Transaction, organization_id: str, many: Sequence[AssetPatch], job_id: int, now_us: int
    ) -> list[str | None]:
        messages = await patch_assets(tx, organization_id, many, job_id, now_us)
        if any(patch.asset_id == 5 for patch in many):
            raise ZeroDivisionError("a fault of the program")
        return messages

    monkeypatch.setattr(patches, "patch_assets", failing)
    await put_assets(store, *map(asset, range(1, 8)))
    job = await submit(store, range(1, 8), "x")
    with capture_logs() as logs:
        assert await worker(store, Clock()).work()
    assert "ZeroDivisionError: a fault of the program" in [entry.get("error") for entry in logs]
    (error,) = (await store.read(lambda tx: tx.patches.errors_of([job])))[job.job_id]
    assert (error.place, error.asset_id, error.message) == (4, 5, FAILED)
    assert (await find(store, job)).succeeded == 6
    assert [number for number, each in (await get_assets(store, *range(1, 8))).items() if each.location is None] == [5]
    assert [len(await asset_history(store, number)) for number in range(1, 8)] == [1, 1, 1, 1, 0, 1, 1]


async def test_a_worker_that_stops_leaves_the_rest(store: DatabaseStore) -> None:
    """A stop comes between two chunks; another worker goes on at once, and nothing is applied twice."""
    await put_assets(store, *map(asset, range(1, 10)))
    job = await submit(store, range(1, 10), "x")
    clock = Clock()
    stopping: list[asyncio.Task[None]] = []
    first = worker(store, clock, lambda _: stopping.append(asyncio.ensure_future(first.stop())))
    await first.work()
    await asyncio.gather(*stopping)
    left = await find(store, job)
    assert (left.done % CHUNK, 0 < left.done < 9, left.worker, left.status) == (0, True, None, "inProgress")
    assert not await first.work()
    assert await worker(store, clock).work()
    assert (await find(store, job)).succeeded == 9
    assert {len(await asset_history(store, number)) for number in range(1, 10)} == {1}


async def test_a_worker_that_was_given_up_does_no_harm(store: DatabaseStore) -> None:
    """Once another has taken its job, a worker that comes back finds that out before it writes anything."""
    await put_assets(store, *map(asset, range(1, 10)))
    job = await submit(store, range(1, 10), "x")
    clock = Clock()

    async def overtake() -> None:
        clock.now_us += patches.LEASE_US
        taken = await store.write(lambda tx: patches.claim(tx, "other", clock()))
        assert taken is not None
        assert taken.done == CHUNK

    with capture_logs() as logs:
        assert await worker(Interrupted(store, 3, overtake), clock).work()
    assert [entry["event"] for entry in logs] == ["patch.started", "patch.lost"]
    left = await find(store, job)
    assert (left.done, left.worker) == (CHUNK, "other")
    clock.now_us += patches.LEASE_US
    assert await worker(store, clock).work()
    assert (await find(store, job)).succeeded == 9
    assert {len(await asset_history(store, number)) for number in range(1, 10)} == {1}


async def test_jobs_are_found_without_being_told(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A running worker is woken by a job taken here, finds one taken elsewhere by itself, and survives a store that fails."""
    monkeypatch.setattr("receiver.patch_worker.LOOK_EVERY_S", 0.02)
    await put_assets(store, asset(1))
    ended: asyncio.Queue[PatchJob] = asyncio.Queue()
    flaky = Flaky(store, 3)
    clock = Clock()
    running = PatchWorker(flaky, clock, asyncio.Event(), ended.put_nowait)
    running.start()
    try:
        for number in range(5):
            job = await submit(store, [1], str(number))
            async with asyncio.timeout(10):
                while (await find(store, job)).ended_at_us is None:
                    clock.now_us += patches.LEASE_US
                    await asyncio.sleep(0.01)
    finally:
        await running.stop()
    assert (await get_assets(store, 1))[1].location == "4"
    assert len(await asset_history(store, 1)) == 5


@pytest.mark.parametrize("seed", range(8))
async def test_each_patch_is_applied_once_whatever_fails(store: DatabaseStore, counted: None, seed: int) -> None:  # noqa: ARG001 - for its effect
    """Workers die before, within and after commits, and others take over: in the end every patch was applied exactly once."""
    await put_assets(store, *map(asset, range(1, 12)))
    jobs = [await submit(store, range(first, first + 8), f"{first}") for first in (1, 5)]
    flaky, clock = Flaky(store, seed), Clock()
    async with table_of_applied(store):
        with capture_logs():
            for _ in range(200):
                try:
                    if not await worker(flaky, clock).work():
                        clock.now_us += patches.LEASE_US // 2
                except StoreUnavailableError:
                    clock.now_us += patches.LEASE_US // 3
                if all([(await find(store, job)).ended_at_us for job in jobs]):
                    break
        assert flaky.failures
        assert await applied(store) == [
            (job.job_id, number) for job, first in zip(jobs, (1, 5), strict=True) for number in range(first, first + 8)
        ]
    assert [(job.done, job.succeeded) for job in [await find(store, job) for job in jobs]] == [(8, 8), (8, 7)]
    places = {number: each.location for number, each in (await get_assets(store, *range(1, 12))).items()}
    assert places == {number: "1" if number < 5 else "5" for number in range(1, 12)}


async def test_several_workers_share_the_work(shared_postgres_url: str, counted: None) -> None:  # noqa: ARG001 - for its effect
    """On PostgreSQL, workers with connections of their own share jobs of several organizations; each patch is applied once."""
    engines = [open_engine(shared_postgres_url, connections=3) for _ in range(3)]
    stores = [DatabaseStore(engine) for engine in engines]
    clock = Clock()
    organizations = [ORGANIZATION, OTHER, *(f"00000000-0000-0000-0000-{number:012x}" for number in range(4))]
    async with AsyncExitStack() as opened:
        for engine in engines:
            opened.push_async_callback(engine.close)
        await wipe(stores[0])
        await opened.enter_async_context(table_of_applied(stores[0]))
        expected: list[tuple[int, int]] = []
        names: set[tuple[int, int]] = set()
        for place, organization_id in enumerate(organizations):
            numbers = range(20 * place + 1, 20 * place + 11)
            await put_assets(stores[0], *map(asset, numbers), organization_id=organization_id)
            for text in ("a", "b"):
                job = await submit(stores[0], numbers, text, organization_id)
                expected += [(job.job_id, number) for number in numbers]

        def named(number: int) -> Callable[[PatchJob], None]:
            return lambda job: names.add((job.job_id, number))

        busy = [worker(stores[number % 3], clock, named(number)) for number in range(6)]

        async def until_all_is_done(one: PatchWorker) -> None:
            while len(await applied(stores[0])) < len(expected):
                await one.work()

        async with asyncio.timeout(30):
            await asyncio.gather(*map(until_all_is_done, busy))
        assert await applied(stores[0]) == sorted(expected)
        assert len({number for _, number in names}) > 1
        for place, organization_id in enumerate(organizations):
            found = await get_assets(stores[0], *range(20 * place + 1, 20 * place + 11), organization_id=organization_id)
            assert [each.location for each in found.values()] == ["b"] * 10

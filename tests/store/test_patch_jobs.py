"""Bulk jobs in the store: who gets which, how far they are, and when they are forgotten."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import TypeVar

import pytest

from handlers.service_ports import PatchJobs
from receiver.duties import DAY_US, Duties
from receiver.limit_settings import Retention
from receiver.metrics import Metrics
from receiver.settings import Settings
from schemas.errors import ConflictError
from schemas.patches import AssetPatch, PatchError, PatchJob
from storage import open_engine
from storage.patches import SQL
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.store import OTHER, rows, wipe

Result = TypeVar("Result")

NOW = 1_000_000_000
LEASE = 1_000


async def on_jobs(store: DatabaseStore, work: Callable[[PatchJobs], Awaitable[Result]]) -> Result:
    """Run something on the jobs in one transaction."""
    return await store.write(lambda tx: work(tx.patches))


async def put(
    store: DatabaseStore, organization_id: str = ORGANIZATION, *, key: str | None = None, chunks: int = 2, client: str = "c"
) -> PatchJob:
    """Add a job of so many chunks of two patches each."""

    async def work(jobs: PatchJobs) -> PatchJob:
        job = PatchJob(organization_id, await jobs.next_id(), client, key, "fingerprint", "notStarted", 2 * chunks, 0, 0, NOW)
        patches = [[AssetPatch(2 * number + 1), AssetPatch(2 * number + 2)] for number in range(chunks)]
        await jobs.put(job, patches)
        return job

    return await on_jobs(store, work)


async def claim(store: DatabaseStore, worker: str, now_us: int = NOW) -> int | None:
    """The id of the job that a worker gets, for LEASE microseconds."""
    job = await on_jobs(store, lambda jobs: jobs.claim(worker, now_us, now_us + LEASE))
    return job.job_id if job else None


async def end(store: DatabaseStore, job: PatchJob, now_us: int = NOW) -> None:
    """End a job."""
    ended = job._replace(done=job.total, succeeded=job.total, status="successful", ended_at_us=now_us)
    await on_jobs(store, lambda jobs: jobs.advance(ended, []))


async def test_a_job_reads_back(store: DatabaseStore) -> None:
    """Jobs are numbered from 1 on; job and patches are as they were put, null told from what wasn't sent."""
    patch = AssetPatch(7, serial_number=None, location="\0 ж", customer_specific_fields={"a": Decimal("25000.10"), "b": None})

    async def work(jobs: PatchJobs) -> tuple[PatchJob, PatchJob | None, tuple[AssetPatch, ...]]:
        job = PatchJob(ORGANIZATION, await jobs.next_id(), "c", "key", "f", "notStarted", 1, 0, 0, NOW)
        await jobs.put(job, [[patch]])
        return job, await jobs.find(job.job_id, ORGANIZATION), await jobs.patches_from(job)

    job, found, patches = await on_jobs(store, work)
    assert job.job_id == 1
    assert found == job
    assert patches == (patch,)
    assert await on_jobs(store, lambda jobs: jobs.find(1, OTHER)) is None
    assert await on_jobs(store, lambda jobs: jobs.find(1, None)) == job
    assert await on_jobs(store, lambda jobs: jobs.find_by_key("c", "key")) == job
    assert await on_jobs(store, lambda jobs: jobs.find_by_key("d", "key")) is None


async def test_a_key_is_one_job_of_a_client(store: DatabaseStore) -> None:
    """Two clients can have the same key, one client can't have it twice; without a key nothing is unique."""
    await put(store, key="k")
    await put(store, key="k", client="d")
    await put(store)
    await put(store)
    with pytest.raises(ConflictError):
        await put(store, key="k")


async def test_jobs_are_listed_newest_first(store: DatabaseStore) -> None:
    """Pages follow each other without a gap; organization and status filter."""
    first, second, third = await put(store), await put(store, OTHER), await put(store)
    await end(store, first)

    async def listed(before: int = 2**62, limit: int = 9, organization_id: str | None = None, **filters: object) -> list[int]:
        found = await on_jobs(store, lambda jobs: jobs.list_jobs(before, limit, organization_id, **({"status": None} | filters)))
        return [job.job_id for job in found]

    assert await listed() == [third.job_id, second.job_id, first.job_id]
    assert await listed(limit=2) == [third.job_id, second.job_id]
    assert await listed(before=second.job_id) == [first.job_id]
    assert await listed(organization_id=ORGANIZATION) == [third.job_id, first.job_id]
    assert await listed(status="successful") == [first.job_id]


async def test_jobs_of_one_organization_come_one_after_the_other(store: DatabaseStore) -> None:
    """A worker gets the first job of each organization; the second only once the first has ended."""
    first, second, other = await put(store), await put(store), await put(store, OTHER)
    assert await claim(store, "a") == first.job_id
    assert await claim(store, "b") == other.job_id
    assert await claim(store, "c") is None
    await end(store, first)
    assert await claim(store, "c") == second.job_id


async def test_a_claimed_job_is_in_progress(store: DatabaseStore) -> None:
    """Its start is that of the first claim, also when another worker goes on with it."""
    await put(store)
    assert await claim(store, "a", NOW + 5) == 1
    assert await claim(store, "b", NOW + 5 + LEASE - 1) is None
    assert await claim(store, "b", NOW + 5 + LEASE) == 1
    job = await on_jobs(store, lambda jobs: jobs.find(1, None))
    assert job
    assert (job.status, job.started_at_us, job.worker) == ("inProgress", NOW + 5, "b")


async def test_who_has_lost_a_job_can_not_go_on(store: DatabaseStore) -> None:
    """Only the worker that claimed a job last takes it, and nobody one that has ended."""
    job = await put(store)
    await claim(store, "a")
    await claim(store, "b", NOW + LEASE)
    assert await on_jobs(store, lambda jobs: jobs.take(job, "a")) is None
    taken = await on_jobs(store, lambda jobs: jobs.take(job, "b"))
    assert taken is not None
    await end(store, taken)
    assert await on_jobs(store, lambda jobs: jobs.take(job, "b")) is None


async def test_a_released_job_is_anybodys(store: DatabaseStore) -> None:
    """A worker that ends leaves its job to the next one at once, as far as it came."""
    job = await put(store)
    await claim(store, "a")

    async def work(jobs: PatchJobs) -> None:
        taken = await jobs.take(job, "a")
        assert taken
        await jobs.advance(taken._replace(done=2, succeeded=1), [PatchError(1, 2, "no")])
        await jobs.release("a")

    await on_jobs(store, work)
    assert await on_jobs(store, lambda jobs: jobs.is_waiting(NOW))
    resumed = await on_jobs(store, lambda jobs: jobs.claim("b", NOW, NOW + LEASE))
    assert resumed
    assert (resumed.done, resumed.succeeded) == (2, 1)
    assert [patch.asset_id for patch in await on_jobs(store, lambda jobs: jobs.patches_from(resumed))] == [3, 4]
    assert not await on_jobs(store, lambda jobs: jobs.is_waiting(NOW))


async def test_errors_are_in_the_order_of_the_request(store: DatabaseStore) -> None:
    """What went wrong comes back by job, in the order in which the assets were named."""
    first, second = await put(store), await put(store, OTHER)
    await on_jobs(store, lambda jobs: jobs.advance(first, [PatchError(11, 5, "b"), PatchError(2, 900, "a")]))
    await on_jobs(store, lambda jobs: jobs.advance(first, [PatchError(3, 1, "c")]))
    await on_jobs(store, lambda jobs: jobs.advance(second, [PatchError(0, 1, "d")]))
    assert await on_jobs(store, lambda jobs: jobs.errors_of([first, second])) == {
        first.job_id: [PatchError(2, 900, "a"), PatchError(3, 1, "c"), PatchError(11, 5, "b")],
        second.job_id: [PatchError(0, 1, "d")],
    }


async def test_jobs_that_ended_are_forgotten_with_all_of_theirs(store: DatabaseStore) -> None:
    """What ended before a time goes, with patches and errors; what ended at it, or hasn't, stays."""
    old, young, running = await put(store), await put(store), await put(store)
    for job in (old, young, running):
        await on_jobs(store, lambda jobs, job=job: jobs.advance(job, [PatchError(0, 1, "no")]))  # type: ignore[misc]
    await end(store, old, NOW)
    await end(store, young, NOW + 1)
    assert await on_jobs(store, lambda jobs: jobs.drop_ended(NOW + 1)) == 1
    assert await on_jobs(store, lambda jobs: jobs.drop_ended(NOW + 1)) == 0
    for table in ("patch_jobs", "patch_chunks", "patch_errors"):
        kept = await rows(store, f"SELECT DISTINCT job_id FROM {table} ORDER BY job_id")  # noqa: S608 - names of ours
        assert [job_id for (job_id,) in kept] == [young.job_id, running.job_id]


VALUES: dict[str, object] = {
    "organization_id": ORGANIZATION,
    "client_id": "c",
    "idempotency_key": "k",
    "status": "failed",
    "job_ids": [1, 2],
    "organization_ids": [ORGANIZATION, OTHER],
    "worker": "w",
    "lock": False,
}


@pytest.mark.parametrize("without", [(), ("organization_id",), ("status",), ("organization_id", "status")])
@pytest.mark.parametrize("name", [name for name in SQL if not name.startswith("insert_")])
async def test_nothing_is_found_by_reading_a_table(shared_sqlite_url: str, name: str, without: tuple[str, ...]) -> None:
    """Every statement goes by an index, whichever filters are given; none sorts, and a whole index is read of open jobs alone."""
    asked = SQL[name]
    left_out = [flag for flag in without if flag in asked.flags]
    values = {each: VALUES.get(each, 1) for each in (*asked.parameters, *asked.flags)} | dict.fromkeys(left_out)
    engine = open_engine(shared_sqlite_url)
    try:
        plan = await engine.read(lambda connection: connection.fetch(asked.prefixed("EXPLAIN QUERY PLAN"), **values))
    finally:
        await engine.close()
    steps = [row[3] for row in plan]
    assert not [step for step in steps if "TEMP B-TREE" in step]
    whole = [step for step in steps if step.startswith("SCAN") and "json_each" not in step]
    assert all(re.fullmatch("SCAN (job|patch_jobs) USING INDEX patch_jobs_(open|next)", step) for step in whole)


async def test_the_service_forgets_jobs_in_time(store: DatabaseStore) -> None:
    """Jobs go so many days after their end, however many there are; without a setting none does."""
    jobs = [await put(store, chunks=1) for _ in range(105)]
    for number, job in enumerate(jobs):
        await end(store, job, NOW + (number == 104))
    clock = NOW + 90 * DAY_US + 1
    for days, left in ((None, 105), (91, 105), (90, 1)):
        settings = Settings(retention=Retention(patches_days=days))
        await Duties(store, settings, Metrics(), lambda: clock).once()
        assert len(await rows(store, "SELECT job_id FROM patch_jobs")) == left
    assert Retention().patches_days == 90


async def test_no_two_workers_get_one_job(shared_postgres_url: str) -> None:
    """On PostgreSQL workers that claim at the same time each get another job, and none waits for another's transaction."""
    engines = [open_engine(shared_postgres_url, connections=4) for _ in range(3)]
    stores = [DatabaseStore(engine) for engine in engines]
    try:
        await wipe(stores[0])
        made = {(await put(stores[0], f"00000000-0000-0000-0000-{number:012x}")).job_id for number in range(9) for _ in range(2)}
        claimed = await asyncio.gather(*(claim(stores[number % 3], f"w{number}") for number in range(12)))
        assert sorted(job for job in claimed if job is not None) == sorted(made)[::2]
    finally:
        for engine in engines:
            await engine.close()


async def test_ids_become_visible_in_their_order(shared_postgres_url: str) -> None:
    """On PostgreSQL a job is not numbered before the one ahead of it is committed: later patches can't run first."""
    engine = open_engine(shared_postgres_url)
    store = DatabaseStore(engine)
    try:
        await wipe(store)
        numbered, go_on = asyncio.Event(), asyncio.Event()

        async def slow(jobs: PatchJobs) -> int:
            job_id = await jobs.next_id()
            numbered.set()
            await go_on.wait()
            return job_id

        first = asyncio.create_task(on_jobs(store, slow))
        await numbered.wait()
        second = asyncio.create_task(put(store))
        await asyncio.sleep(0.1)
        assert not second.done()
        go_on.set()
        assert (await first, (await second).job_id) == (1, 2)
    finally:
        await engine.close()

"""A receiver that is killed, or asked to end, in the middle of a bulk patch."""

import asyncio
import random
from pathlib import Path
from typing import Any

import httpx2

from handlers.patches import LEASE_US
from storage import open_engine
from storage.engine import Connection
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.patched_assets import asset, put_assets
from tests.support.patching import JOBS, PATH, entries
from tests.support.receiver_process import ReceiverProcess, start
from tests.support.store import execute, rows

ASSETS = 10_000
MISSING = (7, 5_432, 9_999)  # ids that no asset has
KILLS = {"sqlite": 3, "postgres": 2}
DEADLINE_S = 40

# Each step of a job leaves a row in its own transaction.
_WATCH = {
    "sqlite": """
CREATE TABLE steps (was INTEGER, now INTEGER);
CREATE TRIGGER watch AFTER UPDATE OF done ON patch_jobs WHEN new.done <> old.done
BEGIN INSERT INTO steps VALUES (old.done, new.done); END;
""",
    "postgres": """
CREATE TABLE steps (was BIGINT, now BIGINT);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN INSERT INTO steps VALUES (OLD.done, NEW.done); RETURN NULL; END';
CREATE TRIGGER watch AFTER UPDATE OF done ON patch_jobs FOR EACH ROW WHEN (NEW.done <> OLD.done) EXECUTE FUNCTION watch();
""",
}


async def progress(client: httpx2.AsyncClient) -> dict[str, Any]:
    """The job as it stands."""
    job: dict[str, Any] = (await client.get(f"{JOBS}/1")).raise_for_status().json()
    return job


async def until(running: ReceiverProcess, updated: int) -> dict[str, Any]:
    """The job once so many assets are updated, or once it has ended."""
    async with running.client() as client, asyncio.timeout(DEADLINE_S):
        while True:
            job = await progress(client)
            if job.get("assetsSuccessfullyUpdated", 0) >= updated or "endDate" in job:
                return job
            await asyncio.sleep(0.002)


async def test_a_job_survives_its_receiver(database_url: str, tmp_path: Path) -> None:
    """Receivers that are killed in the middle of a job, and one that is ended, bring it to its end: each asset exactly once."""
    engine = open_engine(database_url)
    store = DatabaseStore(engine)
    try:
        await put_assets(store, *(asset(number) for number in range(1, ASSETS + 1) if number not in MISSING))

        async def watch(connection: Connection) -> None:
            await connection.script(_WATCH[engine.dialect])

        await engine.write(watch)
        running = await start(database_url, tmp_path)
        try:
            async with running.client() as client:
                body = entries(range(1, ASSETS + 1), location="yard 7")
                answer = await client.patch(PATH, json=body, params={"organizationId": ORGANIZATION})
                assert answer.status_code == 202, answer.text
            running = await _through_kills(running, database_url, tmp_path, store)
            job = await until(running, ASSETS)
        finally:
            await running.kill()
        await _check(store, job)
    finally:
        await engine.close()


async def _through_kills(running: ReceiverProcess, database_url: str, folder: Path, store: DatabaseStore) -> ReceiverProcess:
    moments = random.Random(1)  # noqa: S311 - which moment, not which secret
    kills = KILLS[store.engine.dialect]
    done = 0
    for number in range(1, kills + 1):
        job = await until(running, done + ASSETS // (kills + 3))
        await asyncio.sleep(moments.uniform(0, 0.03))
        assert job["status"] == "inProgress"
        if number == kills:
            # Ended in order, it gives the job back, and the next one goes on without waiting.
            assert await running.terminate() == 0
            assert await rows(store, "SELECT worker FROM patch_jobs") == [(None,)]
        else:
            await running.kill()
        ((done,),) = await rows(store, "SELECT done FROM patch_jobs")
        if number == 1:
            # As if the time had passed in which nothing is heard of who was killed; the other times it does.
            await execute(store, "UPDATE patch_jobs SET lease_until_us = lease_until_us - :us", us=LEASE_US)
        running = await start(database_url, folder)
    return running


async def _check(store: DatabaseStore, job: dict[str, Any]) -> None:
    assert (job["status"], job["assetsSuccessfullyUpdated"]) == ("partiallySuccessful", ASSETS - len(MISSING))
    assert [error["assetId"] for error in job["errors"]] == list(MISSING)
    steps = await rows(store, "SELECT was, now FROM steps ORDER BY was, now")
    assert [was for was, _ in steps] == [0, *(now for _, now in steps[:-1])]
    assert steps[-1][1] == ASSETS
    history = await rows(store, "SELECT asset_id, actor, changes FROM asset_history ORDER BY asset_id")
    expected = sorted(asset(number).asset_id for number in range(1, ASSETS + 1) if number not in MISSING)
    assert [row[0] for row in history] == expected
    assert {row[1:] for row in history} == {("1", '[{"field":"location","from":null,"to":"yard 7"}]')}

"""The service as a process of its own tells of what Datahub delivers, and goes on after it was killed."""

import asyncio
from pathlib import Path

import httpx2

from storage import open_engine
from storage.store import DatabaseStore
from tests.support.alert_receiver import ALERT_SECRET, PATH, Answer, alert_receiver
from tests.support.facts import body_of
from tests.support.receiver_process import post, receiver
from tests.support.serving import TIMEOUT_S, eventually
from tests.support.store import execute, failure

UNITS = 100
PARALLEL = 4  # the default
# The cases of these tests are old, so they escalate too, at a moment of their own.
ONLY_OPENED = {"DRAWBAR_ALERTS_OPS_EVENTS": "case.opened"}


async def test_the_service_tells(database_url: str, tmp_path: Path) -> None:
    """From the delivery of a webhook to the message; ending takes no longer than usual, and the log shows no secret."""
    with alert_receiver() as told:
        async with receiver(database_url, tmp_path, told.settings() | ONLY_OPENED) as running:
            async with running.client() as client:
                assert (await post(client, body_of([failure(0)]))).status_code == 200
                await eventually(lambda: told.types() == ["case.opened"])
                delivered = 'drawbar_alerts_total{outcome="delivered",target="ops"} 1.0'
                metrics = await _metrics_with(client, delivered)
            assert await running.terminate() == 0
    assert 'drawbar_alerts_sending{target="ops"} 1.0' in metrics
    log = (tmp_path / "serve.log").read_text()
    assert "alerts.sending" in log
    for hidden in (ALERT_SECRET, ALERT_SECRET.removeprefix("whsec_"), PATH):
        assert hidden not in log


async def _metrics_with(client: httpx2.AsyncClient, line: str) -> str:
    """The metrics once they hold a line: an answer is counted after it was given. TimeoutError if they never do."""
    async with asyncio.timeout(TIMEOUT_S):
        while line not in (text := (await client.get("/metrics")).text):  # noqa: ASYNC110 - the other side is tested
            await asyncio.sleep(0.05)
    return text


async def without_leases(database_url: str) -> None:
    """The next process would wait for the dead one's lease to end."""
    engine = open_engine(database_url)
    await execute(DatabaseStore(engine), "DELETE FROM leases")
    await engine.close()


async def test_a_kill_loses_nothing(database_url: str, tmp_path: Path) -> None:
    """Killed again and again while it sends, the service tells of everything; what comes twice has the same id."""
    with alert_receiver() as told:
        told.usual = Answer(pause_s=0.01)
        settings = told.settings() | ONLY_OPENED
        async with receiver(database_url, tmp_path, settings) as running:
            async with running.client() as client:
                answer = await post(client, body_of([failure(0, f"tp:{number}") for number in range(UNITS)]))
                assert answer.json()["applied"] == UNITS
            await eventually(lambda: len(told.taken) >= UNITS // 4)
            await running.kill()
        await without_leases(database_url)
        async with receiver(database_url, tmp_path, settings) as running:
            await eventually(lambda: len(told.taken) >= UNITS // 2)
            await running.kill()
        await without_leases(database_url)
        async with receiver(database_url, tmp_path, settings) as running:
            await eventually(lambda: len({one.message_id for one in told.taken}) == UNITS)
            assert await running.terminate() == 0
    assert {one.alert["data"]["unitId"] for one in told.taken} == {f"tp:{number}" for number in range(UNITS)}
    assert len(told.taken) <= UNITS + 2 * PARALLEL, "a kill repeats what was under way, not all that was told"

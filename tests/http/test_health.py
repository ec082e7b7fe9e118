"""What those who run the service watch: readiness, metrics, alarms for silence, and duties that go on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import structlog

from handlers.escalation import announce_escalations
from receiver import duties as module
from receiver.duties import Duties
from receiver.metrics import Metrics
from receiver.secret import Secret
from receiver.settings import Settings
from receiver.source_settings import Subscription
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.api import Clock
from tests.support.facts import body_of
from tests.support.receiver_process import post, receiver
from tests.support.store import deliver, failure, pairing

DAY_S = 86_400


@pytest_asyncio.fixture
async def store(sqlite_url: str) -> AsyncIterator[DatabaseStore]:
    """An empty store."""
    engine = open_engine(sqlite_url)
    yield DatabaseStore(engine)
    await engine.close()


def settings(silent_after_s: int | None) -> Settings:
    """One subscription."""
    return Settings(subscriptions={"default": Subscription(secrets=(Secret("geheim"),), silent_after_s=silent_after_s)})


async def test_what_is_measured(database_url: str, tmp_path: Path) -> None:
    """Deliveries by answer, events by outcome, commits, the queue, quarantine, wrong signatures and the last delivery."""
    async with receiver(database_url, tmp_path) as running, running.client() as client:
        assert "drawbar_last_delivery_seconds{" not in (await client.get("/metrics")).text
        good, mixed = (
            body_of([pairing(1)]),
            body_of([pairing(1), pairing(2), {"eventType": "x", "eventVersion": 1, "eventData": {}}, 7]),
        )
        for body in (good, good, mixed):
            assert (await post(client, body)).status_code == 200
        assert (await post(client, good, **{"X-SCALAR-Signature": "sha256=" + "0" * 64})).status_code == 401
        assert (await post(client, good, subscription="unknown")).status_code == 404
        text = (await client.get("/metrics")).text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    expected = {
        'drawbar_deliveries_total{answer="200",subscription="default"}': "3.0",
        'drawbar_deliveries_total{answer="401",subscription="default"}': "1.0",
        'drawbar_deliveries_total{answer="404",subscription=""}': "1.0",
        'drawbar_signature_failures_total{reason="mismatch",subscription="default"}': "1.0",
        "drawbar_commit_seconds_count": "4.0",
        "drawbar_group_deliveries_sum": "4.0",
        "drawbar_queue_deliveries": "0.0",
        "drawbar_queue_bytes": "0.0",
        "drawbar_store_available": "1.0",
    }
    assert {name: lines.get(name) for name in expected} == expected
    outcomes = ("applied", "duplicate", "quarantined", "ignored")
    counts = {outcome: float(lines.get(f'drawbar_events_total{{outcome="{outcome}"}}', 0)) for outcome in outcomes}
    assert counts == {"applied": 2, "duplicate": 2, "quarantined": 1, "ignored": 1}
    assert float(lines["drawbar_quarantine_waiting"]) == 1
    assert 0 < float(lines["drawbar_quarantine_oldest_seconds"]) < 60
    assert 0 < float(lines['drawbar_last_delivery_seconds{subscription="default"}']) < 60


async def test_metrics_are_for_this_host_alone(sqlite_url: str, tmp_path: Path) -> None:
    """A proxy on this host is no reason to take all the world for this host."""
    async with receiver(sqlite_url, tmp_path) as running, running.client() as client:
        for header in ("Forwarded", "X-Forwarded-For", "Via"):
            answer = await client.get("/metrics", headers={header: "192.0.2.1"})
            assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


@pytest.mark.parametrize(("silent_after_s", "told"), [(60, ["subscription.silent", "subscription.heard_again"]), (None, [])])
async def test_a_silent_subscription_is_an_alert(store: DatabaseStore, silent_after_s: int | None, told: list[str]) -> None:
    """One line when it has been silent for too long, counted from the start at first; one when it is heard again."""
    clock = Clock()
    duties = Duties(store, settings(silent_after_s), Metrics(), clock)
    with structlog.testing.capture_logs() as lines:
        for seconds in (60, 1, 1):
            clock.move(seconds)
            await duties.refresh_gauges()
        await deliver(store, [body_of([pairing(1)])], now_us=clock())
        clock.move(60)
        await duties.refresh_gauges()
    assert [line["event"] for line in lines] == told
    assert [line["log_level"] for line in lines] == ["error", "info"][: len(told)]


async def test_a_fault_does_not_end_the_duties(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected is in the log with its traceback, and the next round does what is due."""
    monkeypatch.setattr(module, "EVERY_S", 0.01)
    clock = Clock()
    await deliver(store, [body_of([failure(1)])], now_us=clock())
    clock.move(3 * DAY_S)
    announced, rounds = asyncio.Event(), 0

    async def broken_once(store: DatabaseStore, now_us: int) -> int:
        nonlocal rounds
        rounds += 1
        if rounds == 1:
            raise ZeroDivisionError
        return await announce_escalations(store, now_us)

    monkeypatch.setattr(module, "announce_escalations", broken_once)
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(Duties(store, settings(None), Metrics(), clock, announced.set).run())
        await asyncio.wait_for(announced.wait(), 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [line["event"] for line in lines][:2] == ["duties.failed", "cases.escalated"]
    assert lines[0]["exc_info"]

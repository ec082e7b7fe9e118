"""Alerts sent to a receiver that verifies them: in order, again after failures, and by one process at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import structlog
from msgspec import json

from handlers import alerts as use_cases
from handlers.alerts import alert
from handlers.queries.alerts import DeadLetterFilter, list_dead_letters
from handlers.queries.changes import show_changes
from handlers.queries.lists import PageAsked, Viewer
from receiver import alert_courier, alerts
from receiver.alert_settings import AlertTarget
from receiver.alerts import Alerts, alert_addresses
from receiver.change_signal import ChangeSignal
from receiver.duties import Duties
from receiver.metrics import Metrics
from receiver.settings import Settings, SettingsError
from receiver.wiring import now_us
from schemas.alerts import DeadLetter
from schemas.errors import InvalidInputError, StoreUnavailableError
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.alert_receiver import ALERT_SECRET, OTHER_SECRET, PATH, AlertReceiver, Answer, alert_receiver
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of
from tests.support.serving import eventually
from tests.support.store import OTHER, deliver, dont_wait_for_the_disk, failure, feed, pairing, rows, unpairing


@pytest.fixture
def receiver() -> Iterator[AlertReceiver]:
    """A receiver that takes everything."""
    with alert_receiver() as running:
        yield running


@pytest_asyncio.fixture
async def store(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DatabaseStore]:
    """A store whose commits don't wait for the disk; pauses of parts of a second."""
    dont_wait_for_the_disk(monkeypatch)
    monkeypatch.setenv("TEST_ALERT_SECRET", ALERT_SECRET)
    monkeypatch.setenv("TEST_OTHER_SECRET", OTHER_SECRET)
    monkeypatch.setattr(alerts, "LEASE_S", 0.6)
    monkeypatch.setattr(alerts, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(alert_courier, "LOOK_EVERY_S", 0.1)
    # A second's pause is a fiftieth of it.
    monkeypatch.setattr("handlers.rules.alerts._SECOND_US", 20_000)
    engine = open_engine(database_url)
    yield DatabaseStore(engine)
    await engine.close()


def settings_for(receiver: AlertReceiver, **more: Any) -> Settings:  # noqa: ANN401 - fields of AlertTarget
    """Settings with this target alone."""
    given: dict[str, Any] = {"url": receiver.url, "secrets": ("env:TEST_ALERT_SECRET",), "retry_first_s": 1, "events": ("*",)}
    return Settings(alerts={"ops": AlertTarget(**(given | more))})


class Sending:
    """What one process has of alerts."""

    def __init__(self, store: DatabaseStore, settings: Settings) -> None:
        self.store, self.settings, self.metrics, self.signal = store, settings, Metrics(), ChangeSignal()
        self.alerts = Alerts(store, settings, self.metrics, now_us, self.signal, asyncio.Event())

    def count(self, outcome: str) -> float:
        """How many attempts ended so."""
        labels = {"target": "ops", "outcome": outcome}
        return self.metrics.registry.get_sample_value("drawbar_alerts_total", labels) or 0.0

    @property
    def sends(self) -> bool:
        """Whether it is this process that sends."""
        return self.metrics.registry.get_sample_value("drawbar_alerts_sending", {"target": "ops"}) == 1

    async def tell(self, *entries: object, number: int = 1) -> None:
        """Something happens."""
        await deliver(self.store, [body_of(entries, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")])
        self.signal.notify()


@contextlib.asynccontextmanager
async def sending(store: DatabaseStore, settings: Settings) -> AsyncIterator[Sending]:
    """A process that sends, until the block ends; it is ready when the block begins."""
    process = Sending(store, settings)
    await process.alerts.start()
    try:
        yield process
    finally:
        await process.alerts.stop(5)


async def dead_letters(store: DatabaseStore) -> list[DeadLetter]:
    """All of them."""
    viewer = Viewer(None, operator=True)
    page = await store.read(lambda tx: list_dead_letters(tx, viewer, DeadLetterFilter(), PageAsked(100, None)))
    return list(page.items)


async def test_what_happens_is_told(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """Changes and notices arrive once each, genuine, in the order of their unit, and say what the change feed says."""
    async with sending(store, settings_for(receiver)) as process:
        await process.tell(pairing(0), unpairing(1), failure(2), failure(3, "tp:2", OTHER))
        await store.write(lambda tx: alert(tx, "provider.failed", ORGANIZATION, {"provider": "p"}, now_us()))
        await eventually(lambda: len(receiver.taken) == 5)
        await process.tell(pairing(4, B), number=2)
        await eventually(lambda: process.count("delivered") == 7)
    assert receiver.forged == 0
    about = [one.alert["type"] for one in receiver.taken if one.alert["data"].get("unitId") == UNIT]
    told = await feed(store)
    assert about == [row.type for row in told if row.unit_id == UNIT]
    assert len({one.message_id for one in receiver.received}) == len(receiver.received) == len(told) + 1
    shown = await store.read(lambda tx: show_changes(tx, told))
    data = {one.cursor: json.decode(json.encode(one.data)) for one in shown}
    paired = [one.alert["data"] for one in receiver.taken if one.alert["type"] == "pairing.opened"]
    assert {one["assetId"] for one in paired} == {A, B}
    assert all(one["registryAssetId"].startswith("asset_") for one in paired)
    for one in receiver.taken:
        assert set(one.alert) == {"type", "timestamp", "cursor", "organizationId", "data"}
        assert one.alert["data"] == data.get(one.alert["cursor"], {"provider": "p"})
        assert one.headers["content-type"] == "application/json"
        assert one.headers["user-agent"].startswith("drawbar/")
    assert await rows(store, "SELECT message_id FROM alert_messages") == []


async def test_only_what_is_wanted_is_told(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """Other types and organizations are passed over, and that is remembered when the process ends."""
    settings = settings_for(receiver, events=("case.*",), organizations=(OTHER.upper(),))
    async with sending(store, settings) as process:
        await process.tell(failure(0), pairing(1, unit_id="tp:2", organization_id=OTHER), failure(2, "tp:3", OTHER))
        await eventually(lambda: process.count("delivered") == 1)
        await process.tell(failure(3, "tp:4"), number=2)
        await asyncio.sleep(0.3)
    assert [one.alert["data"]["unitId"] for one in receiver.received] == ["tp:3"]
    assert await rows(store, "SELECT position, n FROM alert_targets") == [(await feed(store))[-1][1:3]]


async def test_failures_are_tried_again(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """After errors of any kind a message comes again under the same id, freshly signed, until it is taken."""
    receiver.answers += [
        Answer(500),
        Answer(400, body=b"no"),
        Answer(302, (("Location", "/elsewhere"),)),
        Answer(200, body=b"thanks"),
    ]
    async with sending(store, settings_for(receiver)) as process:
        await process.tell(failure(0))
        await eventually(lambda: process.count("delivered") == 1)
        assert process.count("retried") == 3
    assert [one.status for one in receiver.received] == [500, 400, 302, 200]
    assert len({one.message_id for one in receiver.received}) == 1
    assert receiver.forged == 0


@pytest.mark.parametrize(
    ("status", "outcome"), [(200, "delivered"), (410, "gone"), (500, "retried")], ids=["taken", "gone", "refused"]
)
@pytest.mark.parametrize("fault", ["cut short", "another encoding"])
async def test_the_status_counts_whatever_follows_it(
    store: DatabaseStore, receiver: AlertReceiver, status: int, outcome: str, fault: str
) -> None:
    """A message that was taken isn't sent again because the rest of the answer was cut short or can't be read."""
    headers = (("Content-Encoding", "gzip"),) if fault == "another encoding" else ()
    receiver.answers.append(Answer(status, headers, b"not compressed", missing=9 if fault == "cut short" else 0))
    async with sending(store, settings_for(receiver)) as process:
        await process.tell(failure(0))
        await eventually(lambda: process.count(outcome) == 1)
    assert receiver.received[0].status == status
    assert receiver.received[0].headers["accept-encoding"] == "identity"


async def test_a_message_that_is_not_taken_holds_up_its_unit_alone(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """What is about other units goes on; once it is a dead letter so does its own unit, and it can be sent again."""

    def is_poison(alert: Any) -> bool:  # noqa: ANN401 - JSON
        return bool(alert["type"] == "pairing.opened" and alert["data"]["unitId"] == UNIT)

    receiver.fails = is_poison
    async with sending(store, settings_for(receiver, attempts=3, retry_first_s=10)) as process:
        await process.tell(*(failure(0, f"tp:{number}") for number in range(5)), failure(0), pairing(1))
        await eventually(lambda: process.count("dead") == 1)
        about = [one.alert["type"] for one in receiver.received if one.alert["data"]["unitId"] == UNIT]
        assert about[:3] == ["pairing.opened"] * 3
        assert receiver.types()[:5] == ["case.opened"] * 5
        total = len(await feed(store))
        await eventually(lambda: process.count("delivered") == total - 1)
        [letter] = await dead_letters(store)
        assert (letter.type, letter.subject, letter.attempts, letter.error) == ("pairing.opened", UNIT, 3, "answered 500")
        receiver.fails = lambda _: False
        await store.write(lambda tx: tx.alerts.revive(now_us(), None, message_ids=[letter.message_id]))
        await eventually(lambda: process.count("delivered") == total)
    assert receiver.taken[-1].message_id == letter.message_id
    assert await dead_letters(store) == []


async def test_a_receiver_that_is_down_loses_nothing(store: DatabaseStore) -> None:
    """While nobody answers a message at a time finds out whether somebody does again; then all of them arrive."""
    with alert_receiver() as receiver:
        port = receiver.port
    async with sending(store, settings_for(receiver, parallel=8, attempts=50)) as process:
        await process.tell(*(failure(0, f"tp:{number}") for number in range(30)))
        await eventually(lambda: process.count("retried") >= 5)
        target = await store.read(lambda tx: tx.alerts.find_target("ops"))
        assert target is not None
        assert target.failures >= 3
        with alert_receiver(port, receiver):
            await eventually(lambda: process.count("delivered") == 30)
    assert len({one.message_id for one in receiver.taken}) == 30
    assert process.count("dead") == 0


async def test_a_pause_that_is_asked_for_is_kept_to(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """429 with Retry-After stops everything to that target for as long."""
    receiver.answers.append(Answer(429, (("Retry-After", "25"),)))
    async with sending(store, settings_for(receiver, parallel=1)) as process:
        began = now_us()
        await process.tell(failure(0), failure(0, "tp:2"))
        await eventually(lambda: process.count("delivered") == 2)
        # Seconds are fiftieths here.
        assert now_us() - began >= 25 * 20_000
    assert [one.status for one in receiver.received] == [429, 204, 204]


async def test_a_receiver_that_is_gone_is_told_nothing_more(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """410 disables the target, after a restart too; with another address it goes on, and nothing was lost."""
    receiver.usual = Answer(410)
    with structlog.testing.capture_logs() as lines:
        async with sending(store, settings_for(receiver)) as process:
            await process.tell(failure(0))
            await eventually(lambda: process.count("gone") == 1)
            await process.tell(failure(0, "tp:2"), number=2)
            await asyncio.sleep(0.3)
        async with sending(store, settings_for(receiver)) as process:
            await asyncio.sleep(0.3)
    assert len(receiver.received) == 1
    assert any(line["event"] == "alert.target_gone" and line["alert"] for line in lines)
    receiver.usual = Answer()
    async with sending(store, settings_for(receiver, url=f"{receiver.url}&v=2")) as process:
        await eventually(lambda: process.count("delivered") == 2)


async def test_a_slow_answer_is_not_waited_for(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """What takes longer than the timeout has failed and comes again; no more are under way than may be."""
    receiver.answers += [Answer(pause_s=1.5), *[Answer(pause_s=0.1)] * 8]
    async with sending(store, settings_for(receiver, timeout_s=1, parallel=3)) as process:
        await process.tell(*(failure(0, f"tp:{number}") for number in range(8)))
        await eventually(lambda: process.count("delivered") == 8)
        assert process.count("retried") == 1
    assert receiver.most_at_once <= 4  # one of them had been given up
    assert len({one.message_id for one in receiver.taken}) == 8


async def test_one_process_sends_at_a_time(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """Of two processes one sends; when it ends, or loses its claim, the other goes on, and nothing is told twice."""
    settings = settings_for(receiver)
    async with sending(store, settings) as first:
        await eventually(lambda: first.sends)
        async with sending(store, settings) as second:
            await first.tell(*(failure(0, f"tp:{number}") for number in range(20)))
            await eventually(lambda: first.count("delivered") == 20)
            assert not second.sends
            # As if the first had stalled so long that its lease went to another.
            await store.write(lambda tx: tx.leases.claim("alerts:ops", "stolen", 2**62, now_us() + 300_000))
            await eventually(lambda: not first.sends)
            await eventually(lambda: first.sends != second.sends)
            await first.tell(failure(0, "tp:99"), number=2)
            await eventually(lambda: len(receiver.taken) == 21)
    assert len({one.message_id for one in receiver.received}) == len(receiver.received) == 21


async def test_the_store_may_be_away(store: DatabaseStore, receiver: AlertReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that can't be kept now is kept later: the message doesn't go out again."""
    monkeypatch.setattr(alert_courier, "_REST_S", 0.05)
    faults = 3

    async def settle(*arguments: Any) -> Any:  # noqa: ANN401 - passes on
        nonlocal faults
        faults -= 1
        if faults >= 0:
            raise StoreUnavailableError("away")
        return await use_cases.settle(*arguments)

    monkeypatch.setattr("receiver.alert_courier.settle", settle)
    async with sending(store, settings_for(receiver)) as process:
        await process.tell(failure(0))
        await eventually(lambda: process.count("delivered") == 1)
    assert len(receiver.received) == 1


async def test_secrets_are_rotated(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """With two secrets each message carries a signature of each; a receiver that knows another one refuses."""
    async with sending(store, settings_for(receiver, secrets=("env:TEST_OTHER_SECRET", "env:TEST_ALERT_SECRET"))) as process:
        await process.tell(failure(0))
        await eventually(lambda: process.count("delivered") == 1)
        receiver.secret = OTHER_SECRET
        await process.tell(failure(0, "tp:2"), number=2)
        await eventually(lambda: process.count("delivered") == 2)
    assert receiver.forged == 0
    assert len(receiver.received[0].headers["webhook-signature"].split()) == 2


async def test_secrets_are_not_shown(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """Neither a secret nor the path of the address stands in the log, in the database, or in what a refusal repeats of them."""
    receiver.usual = Answer(500, body=f"{ALERT_SECRET} at {PATH}".encode())
    with alert_receiver() as closed:
        pass
    with structlog.testing.capture_logs() as lines:
        for address in (receiver, closed):
            async with sending(store, settings_for(address, attempts=2)) as process:
                await process.tell(failure(0, f"tp:{len(lines)}"), number=len(lines) + 1)
                await eventually(lambda: process.count("dead") > 0)
    shown = repr(lines) + repr(await dead_letters(store)) + repr(await rows(store, "SELECT name, address_key FROM alert_targets"))
    assert "alert.dead" in shown
    assert "answered 500 [secret] at [secret]" in shown
    for hidden in (ALERT_SECRET, ALERT_SECRET.removeprefix("whsec_"), "a-hidden-path", "token=hidden"):
        assert hidden not in shown


async def test_gauges(store: DatabaseStore, receiver: AlertReceiver) -> None:
    """What waits and what is dead is counted for each target."""
    receiver.usual = Answer(500)
    settings = settings_for(receiver, attempts=1)
    async with sending(store, settings) as process:
        await process.tell(failure(0), pairing(1))
        await eventually(lambda: process.count("dead") == 3)
    await deliver(store, [body_of([failure(0, "tp:2")], event_batch_id="31fccdce-725e-4c87-a91b-000000000002")])
    metrics = Metrics()
    await Duties(store, settings, metrics, now_us).once()
    values = {
        name: metrics.registry.get_sample_value(f"drawbar_alerts_{name}", {"target": "ops"}) for name in ("waiting", "dead")
    }
    assert values == {"waiting": 0, "dead": 3}


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"url": "http://ops.example/hook"}, "alerts.ops.url", "allow_http"),
        ({"url": "ftp://127.0.0.1/hook"}, "alerts.ops.url", "expected an address"),
        ({"url": "https://me:hidden@ops.example/"}, "alerts.ops.url", "no password"),
        ({"url": "https://ops.example:99999/"}, "alerts.ops.url", "expected an address"),
        ({"url": "env:TEST_NO_SUCH"}, "alerts.ops.url", "TEST_NO_SUCH is not set"),
        ({"secrets": ("env:TEST_NO_SUCH",)}, "alerts.ops.secrets", "TEST_NO_SUCH is not set"),
        ({"secrets": ("env:TEST_BAD",)}, "alerts.ops.secrets", "base64"),
    ],
)
def test_what_can_not_be_used_is_refused(changed: dict[str, Any], path: str, message: str) -> None:
    """Faults of a target are told when the service starts, with their keys, and show no secret."""
    environ = {"TEST_ALERT_SECRET": ALERT_SECRET, "TEST_BAD": "hidden!"}
    settings = settings_for(AlertReceiver(), **({"url": "https://ops.example/"} | changed))
    with pytest.raises(SettingsError, match=message) as caught:
        alert_addresses(settings, environ)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert "hidden" not in str(caught.value)


def test_an_address_can_be_a_secret_too() -> None:
    """It can be referred to, and plain HTTP is possible where the settings say so."""
    environ = {"TEST_ALERT_SECRET": ALERT_SECRET, "TEST_URL": "http://ops.example/hook"}
    settings = settings_for(AlertReceiver(), url="env:TEST_URL", allow_http=True)
    assert alert_addresses(settings, environ)["ops"].url == "http://ops.example/hook"


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"events": ("case.opend",)}, "events"),
        ({"retry_first_s": 60, "retry_longest_s": 5}, "retry_first_s"),
    ],
)
def test_a_target_is_checked_when_the_settings_are_read(changed: dict[str, Any], path: str) -> None:
    """A mistyped type would never be told of, so it is refused, with what there is."""
    with pytest.raises(InvalidInputError) as caught:
        settings_for(AlertReceiver(), **({"url": "https://ops.example/"} | changed))
    assert [problem.path for problem in caught.value.problems] == [path]

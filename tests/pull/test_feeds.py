"""Feeds read by the service and by the command line, from a server whose reading consumes."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from handlers.ports import Result, Store, Work
from receiver import feeds as feeds_module
from receiver.duties import Duties
from receiver.feeds import Feeds
from receiver.limit_settings import Limits
from receiver.metrics import Metrics
from receiver.pull import feed as feed_module
from receiver.settings import Settings, SettingsError
from receiver.source_settings import Feed
from receiver.wiring import now_us
from receiver.writer import Writer
from schemas.errors import StoreUnavailableError
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.cli import Cli
from tests.support.facts import body_of
from tests.support.feed_server import AUDIENCE, CLIENT_ID, CLIENT_SECRET, FEED_ID, FeedServer, feed_server
from tests.support.receiver_process import ReceiverProcess, post, receiver, start
from tests.support.serving import eventually
from tests.support.store import pairing, rows

WAIT_S = 20
KILLS = 3


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A feed with nothing in it."""
    with feed_server() as running:
        yield running


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses and leases of parts of a second."""
    monkeypatch.setenv("TEST_FEED_SECRET", CLIENT_SECRET)
    monkeypatch.setattr(feed_module, "_WAIT_S", (0.05, 0.1))
    monkeypatch.setattr(feed_module, "_LONG_WAIT_S", (0.05, 0.1))
    monkeypatch.setattr(feeds_module, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(feeds_module, "REST_S", 0.2)


def settings_for(server: FeedServer, url: str, **more: object) -> Settings:
    """Settings with this feed alone."""
    feed = Feed(
        feed_id=FEED_ID,
        audience=AUDIENCE,
        client_id=CLIENT_ID,
        client_secret="env:TEST_FEED_SECRET",
        base_url=server.url,
        token_url=f"{server.url}/v1/integrators/token",
        **more,  # type: ignore[arg-type]
    )
    return Settings(database=url, feeds={"datahub": feed}, limits=Limits(lease_s=1))


@contextlib.asynccontextmanager
async def reading(store: Store, settings: Settings) -> AsyncIterator[tuple[Feeds, Metrics]]:
    """What one process has of feeds, until the block ends."""
    metrics = Metrics()
    writer = Writer(store, Limits(), metrics, now_us, lambda: None)
    feeds = Feeds(store, settings, writer, metrics, now_us, asyncio.Event())
    writer.start()
    feeds.start()
    try:
        yield feeds, metrics
    finally:
        await feeds.stop(5)
        await writer.stop()


def value(metrics: Metrics, name: str, **labels: str) -> float:
    """A number as Prometheus would read it."""
    return metrics.registry.get_sample_value(name, labels) or 0.0


async def until_there(running: ReceiverProcess, units: set[str]) -> None:
    """Wait until the receiver has these units, and check that it has no others."""
    async with running.client() as client, asyncio.timeout(WAIT_S):
        found: set[str] = set()
        while len(found) < len(units):
            answer = (await client.get("/api/v1/units", params={"limit": 1000})).raise_for_status()
            found = {unit["unitId"] for unit in answer.json()["items"]}
            await asyncio.sleep(0.02)
    assert found == units


async def until_read(server: FeedServer) -> None:
    """Wait until the feed is empty and has been asked once more: what was read before that is stored."""
    seen = server.empty
    await eventually(lambda: not server.items and server.empty > seen)


async def test_the_service_reads_a_feed(server: FeedServer, database_url: str, tmp_path: Path) -> None:
    """Events of the feed and of the webhook come together in one store; a restart asks for no new token."""
    server.page = 2
    server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(5)] + ["no event"]
    async with receiver(database_url, tmp_path, server.settings()) as running:
        await until_there(running, {f"tp:{number}" for number in range(5)})
        async with running.client() as client:
            answer = (await post(client, body_of([pairing(0, unit_id="tp:0"), pairing(9, unit_id="tp:9")]))).json()
            assert (answer["applied"], answer["duplicates"]) == (1, 1)
            batches = (await client.get("/api/v1/batches")).json()["items"]
            assert [batch["source"] for batch in batches] == ["webhook", "feed", "feed", "feed"]
            assert {batch["eventSubscriptionId"] for batch in batches[1:]} == {FEED_ID}
            [entry] = (await client.get("/api/v1/quarantine")).json()["items"]
            assert (entry["path"], entry["raw"]) == ("$.items[1]", '"no event"')
            text = (await client.get("/metrics")).text
        assert 'drawbar_feed_polling{feed="datahub"} 1.0' in text
        assert 'drawbar_feed_answers_total{answer="stored",feed="datahub"} 3.0' in text
        assert 'drawbar_last_delivery_seconds{subscription="datahub"}' in text
        assert await running.terminate() == 0
    server.items = [pairing(20, unit_id="tp:20")]
    async with receiver(database_url, tmp_path, server.settings()) as running:
        await until_there(running, {f"tp:{number}" for number in (*range(5), 9, 20)})
    assert server.tokens == ["token-1"]
    log = (tmp_path / "serve.log").read_text()
    assert CLIENT_SECRET not in log
    assert "token-1" not in log


async def test_a_kill_loses_no_more_than_the_answer_under_way(server: FeedServer, database_url: str, tmp_path: Path) -> None:
    """Killed again and again while it reads, the receiver has every answer but the one that each kill cut off, once each."""
    server.page = 1
    server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(3000)]
    lost = 0
    for _ in range(KILLS):
        before = len(server.given)
        running = await start(database_url, tmp_path, server.settings())
        await eventually(lambda before=before: len(server.given) > before + 10)  # type: ignore[misc] # bound early
        await running.kill()
        async with contextlib.AsyncExitStack() as stack:
            engine = open_engine(database_url)
            stack.push_async_callback(engine.close)
            store = DatabaseStore(engine)
            # The next process would wait for the dead one's lease to end.
            await store.write(lambda tx: tx.leases.claim("feed:datahub", "test", 2**62, 0))
            stored = {row[0] for row in await rows(store, "SELECT unit_id FROM units")}
            applied = await rows(store, "SELECT COUNT(*), COUNT(DISTINCT event_key) FROM events")
        given = [items[0]["eventData"]["unitId"] for items in server.given]
        missing = [unit for unit in given if unit not in stored]
        assert len(missing) <= lost + 1
        lost = len(missing)
        assert applied == [(len(stored), len(stored))]
    assert len(server.given) > KILLS * 10


class AwayStore(DatabaseStore):
    """A store that can be read but not written while it is `away`."""

    away = False

    async def write(self, work: Work[Result]) -> Result:
        """Write, unless it is away."""
        if self.away:
            raise StoreUnavailableError("the disk is full")
        return await super().write(work)


@pytest.mark.usefixtures("quick")
async def test_nothing_is_asked_for_while_it_could_not_be_stored(server: FeedServer, sqlite_url: str) -> None:
    """Reading consumes: while the store takes nothing the feed isn't asked at all, and everything comes once it does again."""
    engine = open_engine(sqlite_url)
    store = AwayStore(engine)
    try:
        async with reading(store, settings_for(server, sqlite_url)):
            await until_read(server)
            with structlog.testing.capture_logs() as lines:
                store.away = True
                await eventually(lambda: any(line["event"] == "feed.postponed" for line in lines))
                asked = server.empty
                server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(5)]
                told = len(lines)
                await eventually(lambda: sum(line["event"] == "feed.postponed" for line in lines[told:]) > 2)
            assert (server.empty, server.given) == (asked, [])
            store.away = False
            await until_read(server)
        assert len(await rows(store, "SELECT unit_id FROM units")) == 5
    finally:
        await engine.close()


@pytest.mark.usefixtures("quick")
async def test_one_process_at_a_time_reads_a_feed(server: FeedServer, database_url: str) -> None:
    """Of several processes one reads; when it ends another goes on, and so does one whose predecessor just stops answering."""
    settings = settings_for(server, database_url)
    server.page, server.pause_s = 3, 0.01
    engine = open_engine(database_url)
    store = DatabaseStore(engine)
    try:
        async with reading(store, settings) as (_, first):
            await eventually(lambda: value(first, "drawbar_feed_polling", feed="datahub") == 1)
            async with reading(store, settings) as (_, second):
                server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(30)]
                await until_read(server)
                assert value(second, "drawbar_feed_answers_total", feed="datahub", answer="stored") == 0
                assert value(first, "drawbar_feed_answers_total", feed="datahub", answer="stored") == 10
                # As if the first had stalled so long that its lease went to another.
                await store.write(lambda tx: tx.leases.claim("feed:datahub", "stolen", 2**62, now_us() + 300_000))
                await eventually(lambda: value(first, "drawbar_feed_polling", feed="datahub") == 0)
                await eventually(
                    lambda: sum(value(each, "drawbar_feed_polling", feed="datahub") for each in (first, second)) == 1
                )
                server.items = [pairing(99, unit_id="tp:99")]
                await until_read(server)
        assert len(await rows(store, "SELECT unit_id FROM units")) == 31
    finally:
        await engine.close()
    assert server.most_at_once == 1
    assert server.tokens == ["token-1"]


@pytest.mark.usefixtures("quick")
async def test_a_request_under_way_is_stored_when_the_service_ends(server: FeedServer, sqlite_url: str) -> None:
    """Ending waits for the answer that has been asked for, and asks for no other."""
    server.pause_s = 0.3
    server.page = 1
    server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(5)]
    engine = open_engine(sqlite_url)
    store = DatabaseStore(engine)
    try:
        async with reading(store, settings_for(server, sqlite_url)):
            await eventually(lambda: len(server.given) == 1)
            await asyncio.sleep(0.1)
        assert len(server.given) == 2
        assert len(await rows(store, "SELECT unit_id FROM units")) == 2
    finally:
        await engine.close()


@pytest.mark.usefixtures("quick")
async def test_an_inactive_feed_is_told_and_tried_again(server: FeedServer, sqlite_url: str) -> None:
    """404 is an alert in the log; once somebody has activated the feed it is read without a restart."""
    settings = settings_for(server, sqlite_url)
    found = server.read
    server.read = lambda _limit, _token: (404, b"{}")  # type: ignore[method-assign,assignment]
    engine = open_engine(sqlite_url)
    try:
        with structlog.testing.capture_logs() as lines:
            async with reading(DatabaseStore(engine), settings) as (_, metrics):
                await eventually(lambda: any(line["event"] == "feed.stopped" and line["alert"] for line in lines))
                server.read = found  # type: ignore[method-assign]
                await eventually(lambda: value(metrics, "drawbar_feed_answers_total", feed="datahub", answer="empty") > 0)
    finally:
        await engine.close()


@pytest.mark.usefixtures("quick")
async def test_a_silent_feed_is_an_alert(server: FeedServer, sqlite_url: str) -> None:
    """A feed that has brought no event for too long is told once, and again when it is heard."""
    settings = settings_for(server, sqlite_url, silent_after_s=60)
    engine = open_engine(sqlite_url)
    store = DatabaseStore(engine)
    now = [now_us()]
    duties = Duties(store, settings, Metrics(), lambda: now[0])
    try:
        with structlog.testing.capture_logs() as lines:
            await duties.refresh_gauges()
            now[0] += 61_000_000
            await duties.refresh_gauges()
            await duties.refresh_gauges()
            server.items = [pairing(0)]
            async with reading(store, settings):
                await until_read(server)
            now[0] = now_us()
            await duties.refresh_gauges()
    finally:
        await engine.close()
    told = [(line["event"], line["subscription"]) for line in lines if line["event"].startswith("subscription.")]
    assert told == [("subscription.silent", "datahub"), ("subscription.heard_again", "datahub")]


def test_the_command_line_reads_to_the_end(server: FeedServer, database_url: str, tmp_path: Path) -> None:
    """`feed pull --once` reads what there is, tells what became of it, and exits 1 if something went to quarantine."""
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": database_url, **server.settings()})
    server.page = 2
    server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(5)]
    done = cli("feed", "pull", "--once", "--json")
    assert done.json["problems"] == {}
    assert done.json["feeds"]["datahub"] == {
        "answers": 3,
        "events": 5,
        "applied": 5,
        "duplicates": 0,
        "quarantined": 0,
        "ignored": 0,
    }
    server.items = ["no event"]
    done = cli("feed", "pull", "datahub", "--once", status=1)
    assert "1 in quarantine" in done.err
    assert server.tokens == ["token-1"]


def test_the_command_line_says_what_is_wrong(server: FeedServer, sqlite_url: str, tmp_path: Path) -> None:
    """A feed that isn't configured is wrong use; one that can't be read is a problem; so is a secret that isn't there."""
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": sqlite_url})
    assert "there is no feed" in cli("feed", "pull", status=2).err
    cli.environment |= server.settings()
    assert "known are datahub" in cli("feed", "pull", "other", status=2).err
    cli.environment["TEST_FEED_SECRET"] = "wrong"
    done = cli("feed", "pull", "--once", status=1)
    assert "datahub: " in done.err
    assert "wrong" not in done.err
    del cli.environment["TEST_FEED_SECRET"]
    assert (
        "feeds.datahub.client_secret: the environment variable TEST_FEED_SECRET is not set"
        in cli("feed", "pull", "--once", status=2).err
    )


async def test_the_command_line_reads_on_until_interrupted(server: FeedServer, sqlite_url: str, tmp_path: Path) -> None:
    """Without --once it reads on; SIGTERM ends it in order, with its account."""
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": sqlite_url, **server.settings()})
    server.items = [pairing(number, unit_id=f"tp:{number}") for number in range(3)]
    with cli.start("feed", "pull", "--json") as running:
        await eventually(lambda: server.empty > 0 or bool(server.given))
        await asyncio.sleep(0.3)
        running.terminate()
        out, err = await asyncio.to_thread(running.communicate, timeout=WAIT_S)
    assert running.returncode == 0, err.decode()
    assert json.loads(out)["feeds"]["datahub"]["applied"] == 3


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"client_secret": "literal-secret"}, "feeds.datahub.client_secret"),
        ({"base_url": "http://feed.example"}, "feeds.datahub.base_url"),
        ({"token_url": "ftp://127.0.0.1/token"}, "feeds.datahub.token_url"),
        ({"limit": 99}, "feeds.datahub.limit"),
    ],
)
def test_a_feed_is_checked_when_the_settings_are_read(changed: dict[str, object], path: str, tmp_path: Path) -> None:
    """A literal secret, credentials in the clear and a limit beyond the API's are refused; the secret isn't shown."""
    plain = {"feed_id": "f", "audience": "a", "client_id": "c", "client_secret": "env:X"}
    lines = [f"{name} = {json.dumps(found)}" for name, found in (plain | changed).items()]
    file = tmp_path / "drawbar.toml"
    file.write_text("\n".join(["[feeds.datahub]", *lines]))
    done = Cli(tmp_path)("feed", "pull", "--once", "--config", file, status=2)
    assert path in done.err
    assert "literal-secret" not in done.err


def test_a_name_means_one_way_in() -> None:
    """A feed can't have the name of a subscription: what came by the one couldn't be told from the other."""
    feed = Feed(feed_id="f", audience="a", client_id="c", client_secret="env:X")
    with pytest.raises(Exception, match="name of a subscription too"):
        Settings(allow_unsigned=True, feeds={"default": feed})
    with pytest.raises(SettingsError, match=r"feeds\.x\.client_secret"):
        feeds_module.feed_subscriptions(Settings(feeds={"x": feed}), {})

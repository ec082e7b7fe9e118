"""When runs are made, and by whom: schedules over changes of the clocks, claims, interruptions, and runs asked for."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from datetime import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.ports import Transaction
from handlers.provider_runs import ATTEMPTS_MAX, Claim, ProviderKey, end_run, may_start, request_run, start_next
from handlers.registry_view import RegistryRules
from receiver import providers as providers_module
from receiver.metrics import Metrics
from receiver.providers import Providers
from receiver.pull.catalog import Catalog
from receiver.pull.runner import Runner
from receiver.pull.schedule import due_us
from receiver.wiring import now_us
from schemas.provider_rows import RunRow
from schemas.provider_schedule import Cron, Daily, Schedule
from schemas.wire import parse_time, time_text
from storage import open_engine
from storage.store import DatabaseStore
from tests.pull.wiremock import WireMock, gives
from tests.support.receiver_process import receiver
from tests.support.serving import eventually
from tests.support.store import rows, wipe

KEY = ProviderKey("0b9f2f6e-6a0e-4f9a-8a9a-0a8d5f8f3a11", "fleet")
HOUR_US = 3_600_000_000
LEASE_US = 60_000_000


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for tests that aren't coroutines."""
    with asyncio.Runner() as running:
        yield running


class Process:
    """One of several processes that look for runs of a provider."""

    def __init__(self, store: DatabaseStore, name: str, schedule: Schedule | None) -> None:
        self.store, self.name, self.schedule = store, name, schedule

    async def look(self, at_us: int) -> RunRow | None:
        """Look once, as the service does."""

        def due(since_us: int) -> int | None:
            return None if self.schedule is None else due_us(self.schedule, since_us, at_us)

        if not await self.store.read(lambda tx: may_start(tx, KEY, due, at_us)):
            return None
        claim = Claim(self.name, at_us + LEASE_US, "digest")
        return await self.store.write(lambda tx: start_next(tx, KEY, claim, due, at_us))

    async def end(self, run: RunRow, at_us: int, status: str = "succeeded", **more: Any) -> None:  # noqa: ANN401 - options
        """End a run and let go of the provider."""

        async def work(tx: Transaction) -> None:
            await end_run(tx, run._replace(status=status), at_us, **more)
            await tx.leases.release(KEY.lease, self.name)

        await self.store.write(work)


def at(text: str) -> int:
    """A time."""
    return parse_time(text, "at")


async def made(store: DatabaseStore) -> list[tuple[str, str | None, str]]:
    """All runs as (trigger, scheduled instant, status), oldest first."""
    found = await rows(store, "SELECT trigger_kind, scheduled_at_us, status FROM provider_runs ORDER BY run_id")
    return [(row[0], None if row[1] is None else time_text(row[1]), row[2]) for row in found]


async def test_processes_that_look_at_once_make_one_run(store: DatabaseStore) -> None:
    """However many processes find a run due at the same moment, one of them starts it."""
    schedule = Daily(at=time(3))
    processes = [Process(store, f"p{number}", schedule) for number in range(6)]
    await processes[0].look(at("2024-03-01T00:00:00Z"))
    started = await asyncio.gather(*(process.look(at("2024-03-01T03:00:01Z")) for process in processes))
    assert sum(run is not None for run in started) == 1
    assert await made(store) == [("schedule", "2024-03-01T03:00:00Z", "running")]


async def test_what_was_missed_is_caught_up_once(store: DatabaseStore) -> None:
    """A service that was away over several scheduled instants makes one run for all, and goes on with the next one."""
    process = Process(store, "p", Cron(expression="0 3 * * *"))
    assert await process.look(at("2024-03-01T12:00:00Z")) is None
    assert await process.look(at("2024-03-02T02:59:59Z")) is None
    for when, instant in (("2024-03-06T10:00:00Z", "2024-03-06T03:00:00Z"), ("2024-03-07T03:00:00Z", "2024-03-07T03:00:00Z")):
        run = await process.look(at(when))
        assert run is not None
        assert run.scheduled_at_us == at(instant)
        await process.end(run, at(when) + 1)
        assert await process.look(at(when) + 2) is None


@pytest.mark.parametrize(
    ("day", "before", "instants"),
    [
        # 02:30 doesn't exist on the last Sunday of March, and comes twice on that of October.
        ("2024-03-31", "2024-03-30T20:00:00Z", ["2024-03-31T01:00:00Z", "2024-04-01T00:30:00Z"]),
        ("2024-10-27", "2024-10-26T20:00:00Z", ["2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"]),
    ],
)
async def test_changes_of_the_clocks_make_no_run_more_or_less(
    store: DatabaseStore, day: str, before: str, instants: list[str]
) -> None:
    """A daily run at half past two in Berlin is made once on the days when the clocks change."""
    process = Process(store, "p", Cron(expression="30 2 * * *", time_zone="Europe/Berlin"))
    await process.look(at(before))
    found: list[str] = []
    for quarter in range(1, 4 * 36):
        now = at(before) + quarter * HOUR_US // 4
        run = await process.look(now)
        if run is not None:
            assert run.scheduled_at_us is not None
            found.append(time_text(run.scheduled_at_us))
            await process.end(run, now)
    assert found == instants, day


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 40), st.sampled_from(("end", "die", "restart", "fail"))), max_size=14
    )
)
def test_every_instant_is_run_for_once(
    runner: asyncio.Runner, sqlite_property_store: DatabaseStore, steps: list[tuple[int, int, str]]
) -> None:
    """Whoever looks when, ends, dies or is restarted: no two runs overlap, and no scheduled instant starts two."""
    store = sqlite_property_store

    async def play() -> None:
        await wipe(store)
        now = at("2024-03-29T00:00:00Z")
        processes = [Process(store, f"p{number}", Cron(expression="0 */6 * * *")) for number in range(3)]
        await processes[0].look(now)
        busy_until, alive = 0, False
        for number, hours, how in steps:
            now += hours * HOUR_US // 2
            run = await processes[number].look(now)
            if run is None:
                continue
            assert not (alive and busy_until > now)
            alive, busy_until = how == "die", now + LEASE_US
            if how == "restart":
                await processes[number].end(run, now, "interrupted", in_order=True)
            elif how != "die":
                await processes[number].end(run, now, "succeeded" if how == "end" else "failed")
        scheduled = [row for row in await made(store) if row[0] == "schedule"]
        assert len({row[1] for row in scheduled}) == len(scheduled)
        assert sum(status == "running" for _, _, status in await made(store)) <= 1

    runner.run(play())


@pytest.fixture(scope="module")
def sqlite_property_store(
    runner: asyncio.Runner, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DatabaseStore]:
    """One store that each example wipes."""
    path = tmp_path_factory.mktemp("runs") / "drawbar.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_engine(str(path))
    yield DatabaseStore(engine)
    runner.run(engine.close())


async def test_a_run_whose_process_died_is_gone_on_with(store: DatabaseStore) -> None:
    """When the lease has ended the run is recorded as interrupted and made again, at most three times in a row."""
    process = Process(store, "p", None)
    now = at("2024-03-01T00:00:00Z")
    await store.write(lambda tx: request_run(tx, KEY, "se_1", ("vehicles",), now))
    for _ in range(ATTEMPTS_MAX):
        assert await process.look(now) is not None
        assert await Process(store, "q", None).look(now + LEASE_US - 1) is None
        now += LEASE_US
    assert await process.look(now) is None
    found = await rows(store, "SELECT trigger_kind, status, attempt, streams FROM provider_runs ORDER BY run_id")
    assert found == [
        ("manual", "interrupted", 1, '["vehicles"]'),
        ("resume", "interrupted", 2, '["vehicles"]'),
        ("resume", "interrupted", 3, '["vehicles"]'),
    ]
    assert await rows(store, "SELECT type FROM alert_notices") == [("provider.failed",)]


async def test_a_restart_is_no_attempt(store: DatabaseStore) -> None:
    """A run that the service broke off because it ended goes on however often that happens."""
    process = Process(store, "p", None)
    now = at("2024-03-01T00:00:00Z")
    await store.write(lambda tx: request_run(tx, KEY, "se_1", (), now))
    for _ in range(ATTEMPTS_MAX + 2):
        run = await process.look(now)
        assert run is not None
        await process.end(run, now, "interrupted", in_order=True)
    assert await process.look(now) is not None


async def test_a_rescheduled_run_waits_until_it_may_go_on(store: DatabaseStore) -> None:
    """A provider that asked to be left alone is; a schedule that falls due meanwhile is met by the run that follows."""
    process = Process(store, "p", Cron(expression="0 3 * * *"))
    now = at("2024-03-01T02:00:00Z")
    await process.look(now)
    run = await process.look(now + HOUR_US)
    assert run is not None
    await process.end(run, now + HOUR_US, "rescheduled", not_before_us=now + 3 * HOUR_US)
    assert await process.look(now + 3 * HOUR_US - 1) is None
    following = await process.look(now + 3 * HOUR_US)
    assert following is not None
    assert (following.trigger_kind, following.scheduled_at_us) == ("resume", run.scheduled_at_us)
    await process.end(following, now + 3 * HOUR_US)
    assert await process.look(now + 4 * HOUR_US) is None


async def test_the_same_run_asked_for_twice_is_one(store: DatabaseStore) -> None:
    """While it waits; other streams are another run, and once it has begun the next one is new."""
    now = at("2024-03-01T00:00:00Z")

    async def ask(*streams: str) -> int:
        return (await store.write(lambda tx: request_run(tx, KEY, "se_1", streams, now))).run_id

    first = await ask()
    assert (await ask(), await ask("vehicles") == first) == (first, False)
    assert await Process(store, "p", None).look(now) is not None
    assert await ask() != first


@contextlib.asynccontextmanager
async def service(store: DatabaseStore, folder: Path) -> AsyncIterator[asyncio.Event]:
    """The providers of one process, until the block ends; set the event when a run is wanted."""
    wanted = asyncio.Event()
    runner = Runner(store, RegistryRules(), Metrics(), now_us)
    providers = Providers(store, Catalog(str(folder)), runner, now_us, wanted, asyncio.Event(), lease_s=0.9)
    providers.start()
    try:
        yield wanted
    finally:
        await providers.stop()


_DEFINITION = """
name = "fleet"
organization = "0b9f2f6e-6a0e-4f9a-8a9a-0a8d5f8f3a11"
time_zone = "Europe/Berlin"

[environments.production]
base_url = "{url}"

[auth]
{auth}

[streams.vehicles]
entity = "assets"
path = "/vehicles"
pagination = {{ type = "none" }}
fields = {{ external_id = "id", name = "name" }}
"""


def write_definition(folder: Path, url: str, auth: str = 'type = "none"') -> None:
    """A definition file of a provider with vehicles."""
    (folder / "fleet.toml").write_text(_DEFINITION.format(url=url, auth=auth))


async def until(store: DatabaseStore, statuses: list[str]) -> None:
    """Wait until the runs stand so, oldest first."""
    async with asyncio.timeout(15):
        while [row[2] for row in await made(store)] != statuses:  # noqa: ASYNC110 - the other side is being tested
            await asyncio.sleep(0.02)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks of parts of a second."""
    monkeypatch.setattr(providers_module, "LOOK_EVERY_S", 0.1)


@pytest.mark.usefixtures("quick")
async def test_services_share_the_work(store: DatabaseStore, wiremock: WireMock, tmp_path: Path) -> None:
    """Of two processes with one definition one makes the run; a broken definition beside it harms nobody."""
    wiremock.stub("/vehicles", gives([{"id": "V1", "name": "Truck"}], fixedDelayMilliseconds=200))
    write_definition(tmp_path, wiremock.url)
    (tmp_path / "broken.toml").write_text("name = 1")
    async with service(store, tmp_path) as wanted, service(store, tmp_path):
        await store.write(lambda tx: request_run(tx, KEY, "se_1", (), now_us()))
        wanted.set()
        await until(store, ["succeeded"])
        await asyncio.sleep(0.3)
    assert len(wiremock.requests("/vehicles")) == 1
    assert await rows(store, "SELECT external_asset_id FROM assets") == [("fleet:V1",)]


@pytest.mark.usefixtures("quick")
async def test_a_service_that_ends_leaves_its_run_to_the_next(store: DatabaseStore, wiremock: WireMock, tmp_path: Path) -> None:
    """A run broken off by an orderly end is recorded so, and made again at once by the process that comes after."""
    wiremock.stub("/vehicles", gives([{"id": "V1", "name": "Truck"}], fixedDelayMilliseconds=3000), gives([]))
    write_definition(tmp_path, wiremock.url)
    await store.write(lambda tx: request_run(tx, KEY, "se_1", (), now_us()))
    async with service(store, tmp_path):
        await until(store, ["running"])
        await asyncio.sleep(0.2)
    assert [row[2] for row in await made(store)] == ["interrupted", "queued"]
    async with service(store, tmp_path):
        await until(store, ["interrupted", "succeeded"])


@pytest.mark.usefixtures("quick")
async def test_a_definition_mended_while_the_service_runs_is_used(
    store: DatabaseStore, wiremock: WireMock, tmp_path: Path
) -> None:
    """The folder is read again when a file in it changes; a run of a missing secret fails and says which."""
    wiremock.stub("/vehicles", gives([{"id": "V1", "name": "Truck"}]))
    write_definition(tmp_path, wiremock.url, 'type = "bearer"\ntoken = "env:NO_SUCH_TOKEN"')
    async with service(store, tmp_path):
        await store.write(lambda tx: request_run(tx, KEY, "se_1", (), now_us()))
        await until(store, ["failed"])
        [(error,)] = await rows(store, "SELECT error FROM provider_runs")
        assert error == "$.auth.token: the environment variable NO_SUCH_TOKEN is not set"
        write_definition(tmp_path, wiremock.url)
        await store.write(lambda tx: request_run(tx, KEY, "se_2", (), now_us()))
        await until(store, ["failed", "succeeded"])


async def test_a_killed_service_is_followed_by_the_next(database_url: str, wiremock: WireMock, tmp_path: Path) -> None:
    """Killed in the midst of a run, a service leaves it to the one after it, which goes on once the claim has ended."""
    wiremock.stub("/vehicles", gives([], fixedDelayMilliseconds=30_000), gives([{"id": "V1", "name": "Truck"}]))
    (tmp_path / "providers").mkdir()
    write_definition(tmp_path / "providers", wiremock.url)
    settings = {"DRAWBAR_PROVIDERS_FOLDER": str(tmp_path / "providers"), "DRAWBAR_LIMITS_LEASE_S": "5"}
    path = "/api/v1/providers/fleet/runs"
    async with receiver(database_url, tmp_path, settings) as running, running.client() as client:
        assert (await client.post(path)).status_code == 202
        await eventually(lambda: bool(wiremock.requests("/vehicles")))
        await running.kill()
    async with receiver(database_url, tmp_path, settings) as running, running.client() as client, asyncio.timeout(60):
        statuses: list[str] = []
        while statuses != ["succeeded", "interrupted"]:
            statuses = [run["status"] for run in (await client.get(path)).json()["items"]]
            await asyncio.sleep(0.05)
        assert (await client.get("/api/v1/assets", params={"externalAssetId": "fleet:V1"})).json()["items"]


def test_two_definitions_of_one_name_are_one(tmp_path: Path) -> None:
    """The first by file name counts, the other is a problem; a folder that isn't there has none."""
    write_definition(tmp_path, "http://127.0.0.1:1")
    (tmp_path / "a.toml").write_bytes((tmp_path / "fleet.toml").read_bytes())
    catalog = Catalog(str(tmp_path))
    catalog.refresh()
    assert [(entry.file, entry.problem) for entry in catalog.entries()] == [
        ("a.toml", ""),
        ("fleet.toml", "fleet.toml: the provider fleet is defined in a.toml already"),
    ]
    assert list(catalog.all()) == ["fleet"]
    missing = Catalog(str(tmp_path / "nowhere"))
    missing.refresh()
    assert missing.all() == {}

"""Providers over HTTP, on the command line, and in the service: the worked example, pulled from its own server."""

import asyncio
import contextlib
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from fixtures.providers import example_server
from handlers.provider_runs import ProviderKey
from receiver.pull.definition import load_definition
from receiver.secret import Secret
from receiver.settings import Settings
from receiver.wiring import now_us
from storage import open_engine
from storage.store import DatabaseStore
from tests.pull.processes import serving
from tests.support.api import OPERATOR_SECRET, Api, basic, running_api
from tests.support.cli import Cli
from tests.support.json_schema import faults
from tests.support.pulling import Pulling
from tests.support.receiver_process import receiver
from tests.support.store import dump, execute

EXAMPLE = Path(example_server.__file__).with_name("fleetwatt.toml")
ORGANIZATION = "1e2dcb4d-57bd-5e8a-9d4a-0c2f5e8a1b11"
OTHER = "d9d90b90-ad39-4a3d-8b89-c25a22acaa25"
SECRETS = {"FLEETWATT_CLIENT_ID": example_server.CLIENT_ID, "FLEETWATT_CLIENT_SECRET": example_server.CLIENT_SECRET}
STREAMS = ("vehicles", "meters", "stands", "months")
USAGE = ("assets", "asset_identities", "meters", "provider_usage", "provider_usage_history", "readings", "provider_watermarks")


@pytest.fixture(scope="module")
def example_url() -> Iterator[str]:
    """The example's API."""
    command = [sys.executable, "-m", "uvicorn", "--factory", "fixtures.providers.example_server:create_app", "--port", "0"]
    with serving(command, r"running on http://127\.0\.0\.1:(\d+)") as url:
        yield f"{url}/v1"


@pytest.fixture
def folder(example_url: str, tmp_path: Path) -> Path:
    """A folder of definitions with the example."""
    return definitions(tmp_path, example_url)


def definitions(folder: Path, example_url: str) -> Path:
    """A folder of definitions with the example, whose staging environment is its server."""
    text = EXAMPLE.read_text().replace("http://127.0.0.1:8787/v1", example_url)
    made = folder / "providers"
    made.mkdir()
    (made / "fleetwatt.toml").write_text(text)
    return made


def environment(database: str, folder: Path) -> dict[str, str]:
    """The variables of a receiver that pulls the example from staging."""
    return {
        "DRAWBAR_DATABASE": database,
        "DRAWBAR_PROVIDERS_FOLDER": str(folder),
        "DRAWBAR_PROVIDERS_ENVIRONMENT": "staging",
        **SECRETS,
    }


@pytest_asyncio.fixture
async def api(database_url: str, folder: Path) -> AsyncIterator[Api]:
    """The API with the example; nobody makes the runs that are asked for."""
    settings = Settings(operator_secret=Secret(OPERATOR_SECRET), providers_folder=str(folder), providers_environment="staging")
    async with running_api(database_url, settings) as running:
        yield running


async def test_providers_are_seen_by_their_organization(api: Api) -> None:
    """A provider shows its schedule, streams and next run; of another organization it is 404; starting a run needs admin."""
    path = "/api/v1/providers"
    [shown] = await api.items(path)
    assert (shown["name"], shown["organizationId"], shown["environment"]) == ("fleetwatt", ORGANIZATION, "staging")
    assert (shown["schedule"], shown["lastRun"], shown["quarantineWaiting"]) == ("15 3 * * * Europe/Berlin", None, 0)
    assert [one["stream"] for one in shown["streams"]] == list(STREAMS)
    assert shown["nextRunAt"] > "2025"
    assert await api.get(f"{path}/fleetwatt") == shown
    other = await api.credentials(OTHER, "read", "admin")
    assert await api.items(path, other) == []
    for below in ("", "/runs", "/quarantine"):
        await api.refused(404, f"{path}/fleetwatt{below}", other)
    await api.refused(404, f"{path}/fleetwatt/runs", other, method="POST")
    await api.refused(404, f"{path}/nothing")
    reader = await api.credentials(ORGANIZATION, "read", "ops", "sync")
    assert len(await api.items(path, reader)) == 1
    await api.refused(403, f"{path}/fleetwatt/runs", reader, method="POST")


async def test_a_run_is_taken_with_202(api: Api) -> None:
    """It waits under its Location with who asked for it; the same again is the same; an unknown stream is told with its place."""
    path = "/api/v1/providers/fleetwatt/runs"
    admin = await api.client(ORGANIZATION, "admin", "read")
    headers = basic(admin.client_id, admin.client_secret)
    answer = await api.ask(path, headers, "POST")
    assert answer.status_code == 202, answer.text
    run = answer.json()
    assert (run["status"], run["trigger"], run["requestedBy"], run["streams"]) == ("queued", "manual", admin.client_id, [])
    assert answer.headers["location"] == f"{path}/{run['runId']}"
    assert await api.get(answer.headers["location"], headers) == run
    assert api.services.pull_wanted.is_set()
    assert (await api.ask(path, headers, "POST")).json() == run
    some = await api.ask(path, headers, "POST", json={"streams": ["meters"]})
    assert (some.status_code, some.json()["streams"]) == (202, ["meters"])
    assert [one["runId"] for one in await api.all_items(path, headers, limit=1)] == [some.json()["runId"], run["runId"]]
    problem = await api.refused(400, path, headers, method="POST", json={"streams": ["meters", "nothing"]})
    assert problem["errors"][0]["path"] == "$.streams[1]"
    await api.refused(400, path, headers, method="POST", json={"stream": "meters"})
    await api.refused(404, f"{path}/run_1", headers)
    await api.refused(404, f"{path}/nothing", headers)


async def test_the_service_makes_the_run_that_was_asked_for(database_url: str, folder: Path, tmp_path: Path) -> None:
    """From 202 to the account of every stream; what was pulled is there over HTTP, and what wasn't stands in quarantine."""
    async with receiver(database_url, tmp_path, environment(database_url, folder)) as running, running.client() as client:
        path = "/api/v1/providers/fleetwatt"
        asked = await client.post(f"{path}/runs")
        assert asked.status_code == 202
        run = await _until_ended(client, asked.headers["location"])
        assert run["status"] == "succeeded", run
        account = {one["stream"]: (one["fetched"], one["created"], one["quarantined"]) for one in run["results"]}
        assert account == {"vehicles": (5, 5, 0), "meters": (6, 5, 1), "stands": (124, 123, 1), "months": (9, 9, 0)}
        assert (await client.get(path)).json()["quarantineWaiting"] == 2
        [meter] = (await client.get(f"{path}/quarantine", params={"stream": "meters"})).json()["items"]
        assert (meter["field"], meter["reason"], meter["raw"]["kind"]) == ("type", "'AIR' is not in the lookup", "AIR")
        assert (await client.get(f"{path}/quarantine", params={"state": "resolved"})).json()["items"] == []
        asset = (await client.get("/api/v1/assets", params={"externalAssetId": "fleetwatt:VH-1001"})).json()["items"][0]
        assert (asset["origin"], asset["timeZone"]) == ("provider", "Europe/Berlin")
        meters = f"/api/v1/assets/{asset['registryAssetId']}/meters"
        days = (await client.get(f"{meters}/fleetwatt:CH-1001/consumption", params={"to": "2025-03-31T22:00:00Z"})).json()[
            "items"
        ]
        assert sum(day["rollovers"] for day in days) == 1
        usage = (await client.get("/api/v1/assets/fleetwatt:VH-1002/meters/fleetwatt:FU-1002/usage")).json()["items"]
        assert [one["currency"] for one in usage] == ["EUR"] * 3
        text = (await client.get("/metrics")).text
        assert 'drawbar_provider_runs_total{provider="fleetwatt",status="succeeded"} 1.0' in text
        assert 'drawbar_provider_records_total{outcome="created",provider="fleetwatt",stream="stands"} 123.0' in text
        assert await running.terminate() == 0
    assert example_server.CLIENT_SECRET not in (tmp_path / "serve.log").read_text()


async def test_answers_are_what_is_described(api: Api) -> None:
    """Every answer about a provider is as the API's description says, field by field."""
    described = await api.get("/openapi.json")
    pull = Pulling(api.store, load_definition(EXAMPLE).definition, SECRETS)
    pull.loaded = api.services.catalog.get("fleetwatt")
    pull.key, pull.now_us = api.services.catalog.key(pull.loaded), now_us()
    run = await pull.run()
    compared = 0
    for path, methods in described["paths"].items():
        if path.startswith("/api/v1/providers") and "get" in methods:
            answer = await api.get(path.format(provider="fleetwatt", runId=run.run_id))
            schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            assert list(faults(schema, answer, described["components"]["schemas"])) == []
            compared += 1
    assert compared == 5


async def _until_ended(client: Any, location: str) -> Any:  # noqa: ANN401 - JSON
    async with asyncio.timeout(30):
        while True:
            run = (await client.get(location)).json()
            if run["status"] not in ("queued", "running"):
                return run
            await asyncio.sleep(0.05)


def test_the_command_line_checks_pulls_and_lists(database_url: str, folder: Path, tmp_path: Path) -> None:
    """Check writes nothing and shows what is mapped; sync pulls; list, runs and quarantine show what there is."""
    cli = Cli(tmp_path, environment(database_url, folder))
    checked = cli("providers", "check", "fleetwatt", "--environment", "staging", "--json").json
    assert {one["stream"]: one["usable"] for one in checked["streams"]} == {"vehicles": 2, "meters": 4, "stands": 20, "months": 3}
    assert checked["checklist"][0]["item"] == "API base URLs"
    assert "fleetwatt, staging" in cli("providers", "check", str(folder / "fleetwatt.toml"), "--environment", "staging").out
    assert cli("providers", "list", "--json").json["items"][0]["lastRun"] is None
    done = cli("providers", "sync", "fleetwatt", "--json", status=1)
    assert done.json["status"] == "succeeded"
    assert "2 in quarantine" in done.err
    assert "stands: 124 records" in done.err
    again = cli("providers", "sync", "fleetwatt", "--stream", "vehicles", "--json")
    assert [(one["stream"], one["unchanged"]) for one in again.json["results"]] == [("vehicles", 5)]
    assert "fleetwatt" in cli("providers", "list").out
    runs = cli("providers", "runs", "fleetwatt", "--json").json["items"]
    assert [run["status"] for run in runs] == ["succeeded", "succeeded"]
    waiting = cli("providers", "quarantine", "fleetwatt", "--json").json["items"]
    assert {one["stream"] for one in waiting} == {"meters", "stands"}
    assert "XX-HH-01" in cli("providers", "quarantine", "fleetwatt").out
    left = cli("providers", "quarantine", "fleetwatt", "--discard", waiting[0]["entryId"], "--json").json["items"]
    assert [one["entryId"] for one in left] == [waiting[1]["entryId"]]
    assert "is discarded already" in cli("providers", "quarantine", "fleetwatt", "--discard", waiting[0]["entryId"], status=1).err
    assert "0 stored, 0 still waiting" in cli("providers", "sync", "fleetwatt", "--replay").out


def test_a_bar_for_each_stream_on_a_terminal(sqlite_url: str, folder: Path, tmp_path: Path) -> None:
    """With how many records there were, on standard error; the account on standard output is without it."""
    cli = Cli(tmp_path, environment(sqlite_url, folder))
    terminal, slave = os.openpty()
    shown = b""
    with cli.start("providers", "sync", "fleetwatt", stderr=slave) as running:
        os.close(slave)
        with contextlib.suppress(OSError):  # the other side is closed
            while piece := os.read(terminal, 65_536):
                shown += piece
        out, _ = running.communicate(timeout=60)
    os.close(terminal)
    for stream, count in (("vehicles", 5), ("meters", 6), ("stands", 124), ("months", 9)):
        assert re.search(rf"{stream} .*\b{count} records".encode(), shown)
    assert b"succeeded" in out
    assert b"records" not in out


def test_the_command_line_says_what_is_wrong(sqlite_url: str, folder: Path, tmp_path: Path) -> None:
    """A definition that can't be used, a secret that isn't there, a stream or a provider that doesn't exist."""
    cli = Cli(tmp_path, environment(sqlite_url, folder))
    assert "there is no provider 'other'" in cli("providers", "runs", "other", status=1).err
    assert "no stream other" in cli("providers", "sync", "fleetwatt", "--stream", "other", status=2).err
    cli.environment["FLEETWATT_CLIENT_SECRET"] = ""
    refused = cli("providers", "check", "fleetwatt", "--environment", "staging", status=2).err
    assert "the environment variable FLEETWATT_CLIENT_SECRET is not set" in refused
    (folder / "bad.toml").write_text('name = "bad"')
    for command, status in (("list", 1), ("check", 2)):
        told = cli("providers", command, *(["bad"] if command == "check" else []), status=status).err.splitlines()[-1]
        assert told.count("bad.toml: ") == 1
    cli.environment["DRAWBAR_PROVIDERS_FOLDER"] = str(folder / "nowhere")
    assert cli("providers", "list", "--json").json == {"items": [], "problems": {}}


@pytest.fixture(scope="module")
def undisturbed(example_url: str, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:  # noqa: ANN401 - rows
    """What a pull without any fault leaves."""
    plain = tmp_path_factory.mktemp("plain")
    url = f"sqlite:///{shutil.copy(sqlite_template, plain / 'drawbar.db')}"
    Cli(plain, environment(url, definitions(plain, example_url)))("providers", "sync", "fleetwatt", status=1)
    return asyncio.run(_contents(url))


def test_a_kill_in_the_midst_leaves_no_gap_and_no_double(
    database_url: str,
    folder: Path,
    tmp_path: Path,
    undisturbed: Any,  # noqa: ANN401 - rows
) -> None:
    """Killed in the midst of a pull and started again, the store ends as if nothing had happened: the same rows, none twice."""
    cli = Cli(tmp_path, environment(database_url, folder))
    kills = sum(_kill_after(cli, pages) and asyncio.run(_free(database_url)) for pages in (1, 8))
    assert kills > 0
    cli("providers", "sync", "fleetwatt", status=None)
    assert asyncio.run(_contents(database_url)) == undisturbed
    statuses = [run["status"] for run in cli("providers", "runs", "fleetwatt", "--json").json["items"]]
    assert statuses[0] == "succeeded"
    assert set(statuses[1:]) <= {"interrupted", "succeeded"}


def _kill_after(cli: Cli, pages: int) -> bool:
    """Start a pull and kill it once it has told of so many pages; whether it still ran."""
    with cli.start("providers", "sync", "fleetwatt") as process:
        assert process.stderr is not None
        for _ in range(pages):
            process.stderr.readline()
        running = process.poll() is None
        process.kill()
        process.communicate()
    return running


async def _free(url: str) -> bool:
    """End the lease of a process that was killed, which would keep others out for a minute."""
    engine = open_engine(url)
    try:
        await execute(DatabaseStore(engine), "DELETE FROM leases")
    finally:
        await engine.close()
    return True


async def test_a_pull_cut_off_at_any_page_is_gone_on_with(
    database_url: str,
    folder: Path,
    undisturbed: Any,  # noqa: ANN401 - rows
) -> None:
    """Wherever a run loses its provider to another process, between two pages, the runs after it bring what it left out, once."""
    loaded = load_definition(folder / "fleetwatt.toml")
    engine = open_engine(database_url)
    try:
        store = DatabaseStore(engine)
        pull = Pulling(store, loaded.definition, SECRETS)
        pull.loaded = loaded
        pull.key = ProviderKey(ORGANIZATION, "fleetwatt", "staging")
        pull.now_us = now_us()
        for commits in (0, 1, 4, 7, 11, 15):
            run = await pull.cut_off(commits)
            assert run.status == "interrupted"
        assert (await pull.run()).status == "succeeded"
        assert await _comparable(store) == undisturbed
    finally:
        await engine.close()


async def _contents(url: str) -> Any:  # noqa: ANN401 - rows
    engine = open_engine(url)
    try:
        return await _comparable(DatabaseStore(engine))
    finally:
        await engine.close()


async def _comparable(store: DatabaseStore) -> Any:  # noqa: ANN401 - rows
    """What was pulled, without what tells when and under which ids it was written."""
    changing = {"asset_id", "lease_asset_id", "run_id", "recorded_at_us", "received_at_us", "reading_no"}
    changing |= {"created_at_us", "updated_at_us"}
    return {
        table: sorted(repr({name: value for name, value in row.items() if name not in changing}) for row in found)
        for table, found in (await dump(store, *USAGE)).items()
    }

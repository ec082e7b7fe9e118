"""`drawbar sync`: into the store and over HTTP, from JSON and CSV, with what it prints and its exit status."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina

from handlers.asset_sync import sync_assets
from handlers.registry_view import RegistryRules
from receiver import sync_files
from receiver.cli.sync import ACTOR
from schemas.asset_sync_decoding import decode_sync
from storage.store import DatabaseStore
from tests.cli.test_patch import OPERATOR, receiving
from tests.cli.test_send import answering
from tests.support.batches import on_store
from tests.support.cli import Cli, Done
from tests.support.facts import ORGANIZATION
from tests.support.registry import FIXTURES, fixture
from tests.support.store import rows
from tests.support.sync_bodies import MISSING_UNIT

MINE = ("--organization", ORGANIZATION)
SETUP = FIXTURES / "initial-setup.request.json"
KM = "ODOMETER_KM"


@pytest.fixture(autouse=True)
def _without_backoff() -> Iterator[None]:
    """Retries don't wait."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


@pytest.fixture
def ready(cli: Cli) -> Cli:
    """The command line where the reference data of the fixtures is."""
    cli("import", "reference", FIXTURES / "reference.toml", *MINE)
    return cli


def query(cli: Cli, sql: str, **values: object) -> list[tuple[Any, ...]]:
    """What a query gives on the database of a command line."""
    return on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: rows(store, sql, **values))


def write(cli: Cli, name: str, text: str) -> Path:
    """A file."""
    path = cli.folder / name
    path.write_text(text)
    return path


def assets(done: Done) -> dict[str, int]:
    """How many assets there are of each status in the JSON that was printed."""
    return {status.lower(): number for status, number in done.json["assets"].items() if number}


def test_a_file_as_it_would_be_sent(ready: Cli) -> None:
    """A body of the API goes into the store as it is; results are counted, warnings told; again, all is updated."""
    done = ready("sync", SETUP, *MINE)
    assert "2" in done.out
    assert done.err.splitlines() == [f"{SETUP}: {asset}: {MISSING_UNIT}" for asset in ("ASSET-100245", "ASSET-100246")]
    again = ready("sync", SETUP, *MINE, "--json")
    assert again.json["requests"] == 1
    assert assets(again) == {"updated": 2}
    assert len(query(ready, "SELECT 1 FROM syncs")) == 1
    ((kind, name),) = query(ready, "SELECT DISTINCT actor_kind, actor FROM asset_history")
    assert (kind, name) == ("command", "drawbar sync")


def test_it_is_what_the_same_body_does_through_the_api(ready: Cli) -> None:
    """The retry of a sync that came by the use case itself adds nothing."""
    ready("sync", SETUP, *MINE)
    before = query(ready, "SELECT at_us, reading_no, value, mark FROM readings ORDER BY at_us, reading_no")

    async def retry(store: DatabaseStore) -> None:
        asked = decode_sync(fixture("initial-setup.request"))
        await store.write(lambda tx: sync_assets(tx, ORGANIZATION, asked, ACTOR, RegistryRules(), 1))

    on_store(ready.environment["DRAWBAR_DATABASE"], retry)
    assert query(ready, "SELECT at_us, reading_no, value, mark FROM readings ORDER BY at_us, reading_no") == before
    assert len(before) == 4


def test_failures_are_told(ready: Cli) -> None:
    """An asset that failed, a body that is none and a file that isn't there are each told; the rest is applied."""
    empty = write(ready, "empty.json", '{"assets": []}')
    broken = write(ready, "broken.json", '{"assets": [')
    done = ready("sync", FIXTURES / "partial-success.request.json", empty, broken, "nowhere.json", *MINE, "--json", status=1)
    assert assets(done) == {"created": 1, "failed": 2}
    assert [(one["externalAssetId"], one["message"]) for one in done.json["errors"]] == [
        ("ASSET-777", "name is required"),
        ("ASSET-888", "Asset type 'NonExistentType' not found. Please create the asset type in-app before syncing assets."),
    ]
    assert [(fault["file"], fault["message"]) for fault in done.json["faults"]][:1] == [
        (str(empty), "Expected `array` of length >= 1")
    ]
    assert [fault["file"] for fault in done.json["faults"]] == [str(empty), str(broken), "nowhere.json"]
    printed = ready("sync", FIXTURES / "partial-success.request.json", *MINE, status=1)
    assert f"{FIXTURES / 'partial-success.request.json'}: ASSET-777: name is required" in printed.err


def test_large_files_are_cut(ready: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """More assets than one request takes, and a long history, become several requests; --batch-id makes them retries."""
    ready.environment["DRAWBAR_LIMITS_SYNC_ASSETS_MAX"] = "2"
    monkeypatch.setattr(sync_files, "READINGS_MAX", 2)
    many = write(ready, "many.json", json.dumps([{"externalAssetId": str(number), "name": "n"} for number in range(5)]))
    done = ready("sync", many, *MINE, "--batch-id", "b", "--json")
    assert (done.json["requests"], assets(done)) == (3, {"created": 5})
    assert sorted(query(ready, "SELECT sync_batch_id FROM syncs")) == [("b/1",), ("b/2",), ("b/3",)]
    lines = [f"{number % 2},{KM},{number},KM,2024-01-01T0{number}:00:00Z" for number in range(7)]
    history = write(ready, "history.csv", "\n".join(["externalAssetId,meterCode,value,unit,recordedAt", *lines]))
    for _ in range(2):
        assert ready("sync", history, *MINE, "--batch-id", "h", "--json").json["requests"] == 4
    assert query(ready, "SELECT value FROM readings ORDER BY at_us") == [(str(number),) for number in range(7)]


def test_assets_in_csv(ready: Cli) -> None:
    """Rows become assets with meters and readings; a bad row is told by its number and leaves the others alone."""
    file = write(
        ready,
        "fleet.csv",
        "externalAssetId,name,siteCode,customFields.colour,meters.ODOMETER_KM.expectedFromSync,meters.ODOMETER_KM.value,"
        "meters.ODOMETER_KM.unit\nA,Truck,SITE-42,red,true,25000.1,KM\nB,Van,,,,,\nC,Bus,,,maybe,1,KM\n",
    )
    done = ready("sync", file, *MINE, "--json", status=1)
    assert assets(done) == {"created": 2}
    (fault,) = done.json["faults"]
    assert (fault["path"], fault["message"]) == (
        "row 4",
        "meters.ODOMETER_KM.expectedFromSync: expected true or false, got 'maybe'",
    )
    assert query(ready, "SELECT external_asset_id, name, site_code FROM assets ORDER BY external_asset_id") == [
        ("A", "Truck", "SITE-42"),
        ("B", "Van", None),
    ]
    assert query(ready, "SELECT value FROM readings") == [("25000.1",)]
    assert query(ready, "SELECT expected, missing FROM asset_meters") == [(1, 0)]


def test_standard_input(ready: Cli) -> None:
    """`-` reads JSON from a pipe."""
    assert assets(ready("sync", "-", *MINE, "--json", stdin=fixture("minimal.request"))) == {"created": 1}


def test_over_http(on_sqlite: Cli) -> None:
    """Sent to a running service as one of its clients, the same comes back as straight."""
    on_sqlite("import", "reference", FIXTURES / "reference.toml", *MINE)
    with receiving(on_sqlite) as url:
        done = on_sqlite("sync", SETUP, *MINE, "--to", url, "--secret", OPERATOR, "--json")
        refused = on_sqlite("sync", SETUP, *MINE, "--to", url, "--secret", "wrong", status=1)
        nameless = on_sqlite("sync", SETUP, "--to", url, "--secret", OPERATOR, status=1)
    assert assets(done) == {"created": 2}
    assert [one["message"] for one in done.json["warnings"]] == [MISSING_UNIT] * 2
    assert refused.err == f"drawbar: {url} refuses: 401 Invalid token\n"
    assert "organizationId" in nameless.err
    assert query(on_sqlite, "SELECT DISTINCT actor_kind, actor FROM asset_history") == [("client", "operator")]


def test_a_service_that_is_busy_is_asked_again(fresh: Cli) -> None:
    """503 and 429 are waited for and tried again; a server that is none of ours is told."""
    result = {"externalAssetId": "A", "status": "CREATED", "assetId": "asset_1", "warnings": [], "leaseAssetId": 1}
    good = json.dumps({"results": [result], "errors": []}).encode()
    answers = [(503, b"{}", {"retry-after": "0"}), (429, b'{"error": "slowly"}', {}), (200, good, {})]
    with answering(lambda number: answers[number - 1]) as (url, bodies):
        done = fresh("sync", "-", "--to", url, "--secret", "s", "--json", stdin=b'{"assets": [{}]}')
    assert (assets(done), len(bodies)) == ({"created": 1}, 3)
    with answering(lambda _: (200, b"<html>", {})) as (url, _):
        done = fresh("sync", "-", "--to", url, "--secret", "s", stdin=b'{"assets": [{}]}', status=1)
    assert done.err == f"drawbar: {url} answers, but not as a receiver does: <html>\n"
    with answering(lambda _: (503, b'{"error": "full"}', {})) as (url, _):
        done = fresh("sync", "-", "--to", url, "--secret", "s", stdin=b'{"assets": [{}]}', status=1)
    assert done.err.endswith(f"drawbar: {url} takes nothing: 503 full\n")
    assert "assets" not in done.err
    done = fresh("sync", "-", "--to", "http://127.0.0.1:1", "--secret", "s", stdin=b'{"assets": [{}]}', status=1)
    assert "drawbar: can't reach http://127.0.0.1:1: " in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "say whose assets they are"),
        (("--organization", "nonsense"), "expected a UUID"),
        (("--to", "ftp://x"), "expected http://"),
        (("--to", "http://x"), "the secret of the client 'operator' is needed"),
    ],
)
def test_wrong_use(fresh: Cli, options: tuple[str, ...], said: str) -> None:
    """What can't be meant is refused before anything is read."""
    done = fresh("sync", "nothing.json", *options, status=2)
    assert said in done.err.replace("│", " ").replace("\n", " ")

"""`drawbar patch`: into the store and over HTTP, with what it prints and its exit status."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import stamina

from schemas.assets import Asset
from storage.store import DatabaseStore
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION
from tests.support.patched_assets import asset, get_assets, put_assets
from tests.support.patching import FIXTURES

EXAMPLE = FIXTURES / "example.request.json"
MINE = ("--organization", ORGANIZATION)
OPERATOR = "an operator of the tests"
TIMEOUT_S = 30


@pytest.fixture(autouse=True)
def _without_backoff() -> Iterator[None]:
    """Retries don't wait."""
    stamina.set_testing(True, attempts=3)
    yield
    stamina.set_testing(False)


def put(cli: Cli, *numbers: int) -> None:
    """Put assets with these integer ids into the database of a command line."""

    async def work(store: DatabaseStore) -> None:
        await put_assets(store, *map(asset, numbers))

    on_store(cli.environment["DRAWBAR_DATABASE"], work)


def assets(cli: Cli, *numbers: int) -> dict[int, Asset]:
    """Assets of that database."""
    return on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: get_assets(store, *numbers))


def write(cli: Cli, body: object) -> Path:
    """A file with a request."""
    path = cli.folder / "patches.json"
    path.write_text(json.dumps(body))
    return path


@contextmanager
def receiving(cli: Cli) -> Iterator[str]:
    """A service on the same database, as a process of its own; its URL."""
    secrets = {"DRAWBAR_WEBHOOK_SECRET": "a secret of the tests", "DRAWBAR_OPERATOR_SECRET": OPERATOR}
    service = Cli(cli.folder, {**cli.environment, **secrets, "DRAWBAR_PORT": "0"}).start("serve")
    try:
        assert service.stdout
        line = service.stdout.readline().decode()
        assert line.startswith("listening on ")
        yield line.removeprefix("listening on ").strip()
        service.send_signal(signal.SIGTERM)
        _, log = service.communicate(timeout=TIMEOUT_S)
        assert service.returncode == 0, log
    finally:
        service.kill()
        service.communicate()


def test_a_patch_is_taken(cli: Cli) -> None:
    """Without --wait the job stands in the store for a service to apply, and the command says so."""
    put(cli, 111, 222)
    done = cli("patch", EXAMPLE, *MINE)
    assert done.out == "bulk patch 1: notStarted, 0 of 3 assets updated\n"
    assert assets(cli, 111)[111].serial is None


def test_a_patch_is_applied_while_it_is_waited_for(cli: Cli) -> None:
    """With --wait no service is needed; assets that failed are told, and the status is 1."""
    put(cli, 111, 222)
    done = cli("patch", EXAMPLE, *MINE, "--wait", status=1)
    assert done.out == "bulk patch 1: partiallySuccessful, 2 of 3 assets updated\n"
    assert "asset 333: Either an asset with the id '333' does not exist or it is not accessible to you.\n" in done.err
    assert assets(cli, 111)[111].serial == "abc123"
    assert cli("patch", write(cli, [{"assetId": 111}]), *MINE, "--wait", "--json").json["status"] == "successful"


def test_a_service_and_a_command_share_the_work(on_sqlite: Cli) -> None:
    """Both can be at it: the job ends once, whoever applies it."""
    put(on_sqlite, *range(1, 301))
    body = [{"assetId": number, "location": "x"} for number in range(1, 301)]
    with receiving(on_sqlite):
        done = on_sqlite("patch", write(on_sqlite, body), *MINE, "--wait", "--json")
    assert (done.json["status"], done.json["assetsSuccessfullyUpdated"]) == ("successful", 300)


def test_every_place_that_is_wrong_is_told(cli: Cli) -> None:
    """Each with its path, one a line; nothing is taken."""
    path = write(cli, [{"assetId": 1, "colour": "red"}, {"serialNumber": "x" * 31}])
    done = cli("patch", path, *MINE, status=1)
    told = [line.removeprefix(f"{path}: ").partition(": ")[0] for line in done.err.splitlines()]
    assert told == ["$[0].colour", "$[1].assetId", "$[1].serialNumber"]
    assert "bulk patch 1:" in cli("patch", write(cli, [{"assetId": 1}]), *MINE).out


def test_standard_input_and_keys(cli: Cli) -> None:
    """`-` reads standard input; the same key is the same job, and no other patch."""
    body = EXAMPLE.read_bytes()
    first = cli("patch", "-", *MINE, "--key", "k", "--json", stdin=body).json
    assert cli("patch", EXAMPLE, *MINE, "--key", "k", "--json").json == first
    assert cli("patch", EXAMPLE, *MINE, "--json").json["id"] == 2
    refused = cli("patch", "-", *MINE, "--key", "k", stdin=b'[{"assetId": 1}]', status=1)
    assert "this Idempotency-Key was used for another request" in refused.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--organization"),
        (("--organization", "mine"), "expected a UUID"),
        ((*MINE, "--key", ""), "--key"),
        ((*MINE, "--key", "x" * 256), "--key"),
        (("--to", "ftp://x"), "--to"),
        (("--to", "http://127.0.0.1:1"), "--secret"),
        (("--to", "http://127.0.0.1:1", "--client", "c"), "--secret"),
    ],
)
def test_wrong_use(on_sqlite: Cli, arguments: tuple[str, ...], said: str) -> None:
    """What is missing, or can't be meant, is named."""
    assert said in on_sqlite("patch", EXAMPLE, *arguments, status=2).err


def test_files_and_databases_that_are_not_there(fresh: Cli) -> None:
    """Neither is made."""
    assert "missing.json" in fresh("patch", "missing.json", *MINE, status=1).err
    assert "there is no database" in fresh("patch", EXAMPLE, *MINE, status=2).err


def test_over_http(on_sqlite: Cli) -> None:
    """A receiver takes the patch from the operator or from a client, and is asked until the job has ended."""
    put(on_sqlite, 111, 222)
    on_sqlite.environment["DRAWBAR_OPERATOR_SECRET"] = OPERATOR
    with receiving(on_sqlite) as url:
        done = on_sqlite("patch", EXAMPLE, "--to", url, *MINE, "--wait", status=1)
        assert done.out == "bulk patch 1: partiallySuccessful, 2 of 3 assets updated\n"
        made = on_sqlite("clients", "add", "us", *MINE, "--scopes", "sync", "--json").json
        client = ("--to", f"{url}/", "--client", made["clientId"], "--secret", made["clientSecret"])
        taken = on_sqlite("patch", EXAMPLE, *client, "--key", "k", "--json").json
        assert (taken["id"], taken["assetsTotal"]) == (2, 3)
        assert on_sqlite("patch", EXAMPLE, *client, "--key", "k", "--json").json["id"] == 2
        path = write(on_sqlite, [{"assetId": 1, "colour": "red"}])
        assert f"{path}: $[0].colour: " in on_sqlite("patch", path, *client, status=1).err
        assert "organizationId" in on_sqlite("patch", EXAMPLE, "--to", url, status=1).err
        wrong = on_sqlite("patch", EXAMPLE, "--to", url, *MINE, "--secret", "wrong", status=1)
        assert "refuses: 401 Invalid token" in wrong.err


def test_a_receiver_that_is_not_there(on_sqlite: Cli) -> None:
    """What can't be reached is told."""
    done = on_sqlite("patch", EXAMPLE, "--to", "http://127.0.0.1:1", *MINE, "--secret", "x", status=1)
    assert "can't reach http://127.0.0.1:1" in done.err


def test_interrupted(on_sqlite: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends the wait; what was accepted stays."""

    def interrupted(work: Any) -> None:  # noqa: ANN401 - a coroutine
        work.close()
        raise KeyboardInterrupt

    monkeypatch.setattr("receiver.cli.patch.run", interrupted)
    assert "goes on in the service" in on_sqlite("patch", EXAMPLE, *MINE, "--wait", status=130).err

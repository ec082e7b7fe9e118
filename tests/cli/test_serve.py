"""`drawbar serve` and `drawbar demo` as processes of their own: how they start, refuse to, and end."""

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.batches import batch, digest_in
from tests.support.cli import TIMEOUT_S, Cli
from tests.support.signing import datahub_signature

SECRET = "geheim"


@contextmanager
def serving(cli: Cli, *arguments: str) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A running service: what it says that it listens on, and its process, which is killed if it doesn't end by itself."""
    running = cli.start(*arguments)
    try:
        assert running.stdout
        line = running.stdout.readline().decode()
        assert line.startswith("listening on http://"), running.communicate()
        yield line.removeprefix("listening on ").strip(), running
    finally:
        running.kill()
        running.communicate()


def end(running: "subprocess.Popen[bytes]", number: int) -> tuple[int, str, str]:
    """Its exit status after a signal, and what it wrote until then."""
    running.send_signal(number)
    out, err = running.communicate(timeout=TIMEOUT_S)
    return running.returncode, out.decode(), err.decode()


def post(url: str, body: bytes, secret: str | None = None) -> tuple[int, Any]:
    """The status and the JSON of the answer to a delivery, signed if there is a secret."""
    headers = {"Content-Type": "application/json"}
    if secret:
        headers["X-SCALAR-Signature"] = datahub_signature(secret, body)
    with httpx2.Client(trust_env=False, timeout=TIMEOUT_S) as client:
        answer = client.post(f"{url}/webhooks/datahub/default", content=body, headers=headers)
    return answer.status_code, answer.json()


def items(url: str, credentials: str) -> Any:  # noqa: ANN401 - JSON
    """What a list has, asked with `user:secret`."""
    user, _, secret = credentials.partition(":")
    with httpx2.Client(trust_env=False, timeout=TIMEOUT_S, auth=(user, secret)) as client:
        return client.get(url).raise_for_status().json()["items"]


def test_it_says_where_it_listens_takes_deliveries_and_ends_in_order(cli: Cli) -> None:
    """One line on standard output; after SIGTERM what was taken is there, and the exit status is 0.

    What was refused because a new secret wasn't configured yet is taken in once it is.
    """
    cli.environment |= {"DRAWBAR_WEBHOOK_SECRET": SECRET, "DRAWBAR_PORT": "0"}
    with serving(cli, "serve") as (url, running):
        status, answer = post(url, batch(0), SECRET)
        assert (status, answer["applied"]) == (200, 3)
        assert post(url, batch(1), "the new secret")[0] == 401
        code, out, err = end(running, signal.SIGTERM)
    assert (code, out) == (0, "")
    events = [json.loads(line)["event"] for line in err.splitlines()]
    assert events[-2:] == ["service.stopping", "service.stopped"]
    assert SECRET not in err
    counts = cli("status", "--json").json["counts"]
    assert (counts["batches"], counts["rejected"]["held"]) == (1, 1)
    cli.environment["DRAWBAR_WEBHOOK_SECRET"] = f"{SECRET},the new secret"
    assert cli("rejected", "replay").out == "1 taken in (1 accepted), 0 refused still\n"
    assert cli("status", "--json").json["counts"]["events"]["applied"] == 6
    digest_in(cli.environment["DRAWBAR_DATABASE"])


def test_options_win_over_settings(on_sqlite: Cli) -> None:
    """`--host` and `--port`; port 0 takes a free one. Ctrl-C is as good an end as SIGTERM."""
    on_sqlite.environment |= {"DRAWBAR_WEBHOOK_SECRET": SECRET, "DRAWBAR_HOST": "203.0.113.1", "DRAWBAR_PORT": "1"}
    with serving(on_sqlite, "serve", "--host", "127.0.0.1", "--port", "0") as (url, running):
        assert re.fullmatch(r"http://127\.0\.0\.1:[1-9][0-9]+", url)
        assert end(running, signal.SIGINT)[0] == 0


def test_without_a_secret_it_does_not_start(fresh: Cli) -> None:
    """It says how to get one, and makes nothing."""
    done = fresh("serve", status=2)
    assert done.err == "drawbar: webhook_secret: no webhook secret: set DRAWBAR_WEBHOOK_SECRET, or run `drawbar init`\n"
    assert list(fresh.folder.iterdir()) == []


def test_unsigned_deliveries_are_taken_on_a_loopback_address_alone(on_sqlite: Cli) -> None:
    """And by a flag alone: no file and no variable can switch the check off."""
    refused = on_sqlite("serve", "--allow-unsigned", "--host", "0.0.0.0", status=2)  # noqa: S104 - it must not listen there
    assert refused.err == "drawbar: host: --allow-unsigned needs a loopback address, not '0.0.0.0'\n"
    on_sqlite.environment["DRAWBAR_ALLOW_UNSIGNED"] = "true"
    assert "unknown variable" in on_sqlite("serve", status=2).err
    del on_sqlite.environment["DRAWBAR_ALLOW_UNSIGNED"]
    with serving(on_sqlite, "serve", "--allow-unsigned", "--port", "0") as (url, running):
        assert post(url, batch(0))[0] == 200
        end(running, signal.SIGTERM)


@pytest.mark.parametrize(
    ("database", "message"),
    [
        ("nowhere/drawbar.db", "can't open the database nowhere/drawbar.db: there is no folder nowhere\n"),
        ("postgresql://127.0.0.1:9/x", "can't reach the database: "),
    ],
    ids=["SQLite", "PostgreSQL"],
)
def test_a_database_that_cannot_be_had_is_1(fresh: Cli, database: str, message: str) -> None:
    """One line says why, and nothing is made."""
    fresh.environment |= {"DRAWBAR_WEBHOOK_SECRET": SECRET, "DRAWBAR_PORT": "0", "DRAWBAR_DATABASE": database}
    done = fresh.process("serve", status=1)
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert done.out == ""
    assert list(fresh.folder.iterdir()) == []


def test_a_port_that_is_taken_is_1(on_sqlite: Cli) -> None:
    """It is named."""
    on_sqlite.environment["DRAWBAR_WEBHOOK_SECRET"] = SECRET
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = on_sqlite.process("serve", "--port", str(port), status=1)
    assert done.err.splitlines()[-1].startswith(f"drawbar: can't listen on 127.0.0.1 port {port}: Address already")
    assert done.out == ""


def test_the_service_goes_on_while_commands_work_on_its_database(cli: Cli) -> None:
    """What a command writes is there for the service, and the other way round."""
    cli.environment |= {"DRAWBAR_WEBHOOK_SECRET": SECRET, "DRAWBAR_PORT": "0"}
    with serving(cli, "serve") as (url, running):
        (cli.folder / "a.json").write_bytes(batch(0))
        cli("replay", "a.json")
        _, answer = post(url, batch(0), SECRET)
        assert answer["message"] == "duplicate"
        cli("rebuild")
        assert end(running, signal.SIGTERM)[0] == 0


def temporary_folders(folder: Path) -> list[str]:
    """What demonstrations have left behind."""
    return [path.name for path in folder.glob("drawbar-demo-*")]


def test_the_demonstration_shows_the_main_job_and_exits(fresh: Cli, tmp_path: Path) -> None:
    """Signed batches go in over HTTP, and who is on what comes out; nothing is left, whatever the settings and proxies are."""
    fresh.environment |= {"TMPDIR": str(tmp_path), "http_proxy": "http://127.0.0.1:9", "DRAWBAR_DATABASE": "mine.db"}
    done = fresh.process("demo", "--once", "--port", "0")
    assert done.err == ""
    lines = done.out.splitlines()
    assert lines[0].startswith("listening on http://127.0.0.1:")
    statuses = [line.split("│")[3].strip() for line in lines if ".json " in line]
    assert len(statuses) > 30
    assert set(statuses) == {"200"}
    assert any("│ tp:350233735805863    │ paired    │ VAVSAP33900456210 │ 2025-06-11T09:20:00Z" in line for line in lines)
    assert any("unmatched" in line and "NotFound" in line for line in lines)
    assert list(fresh.folder.iterdir()) == []
    assert temporary_folders(tmp_path) == []


def test_the_demonstration_goes_on_serving_until_interrupted(fresh: Cli, tmp_path: Path) -> None:
    """On another port if its own is taken; what it proposes to ask is answered; Ctrl-C ends it with 0 and leaves nothing."""
    fresh.environment["TMPDIR"] = str(tmp_path)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        serving(fresh, "demo", "--port", str(taken.getsockname()[1])) as (url, running),
    ):
        assert running.stdout
        asked = []
        for line in iter(running.stdout.readline, b""):
            if found := re.search(r"curl -s -u (operator:\S+) '(\S+)'", line.decode()):
                asked.append(found.groups())
            if len(asked) == 3:
                break
        for credentials, path in asked:
            assert path.startswith(url)
            assert items(path, credentials)
        assert temporary_folders(tmp_path) != []
        code, _, err = end(running, signal.SIGINT)
    assert (code, err) == (0, "")
    assert temporary_folders(tmp_path) == []


@pytest.mark.parametrize("moment", ["listening on", "Signed batches"])
def test_the_demonstration_can_be_interrupted_at_any_time(fresh: Cli, tmp_path: Path, moment: str) -> None:
    """While batches are being sent, too: no traceback, and nothing is left."""
    fresh.environment["TMPDIR"] = str(tmp_path)
    with fresh.start("demo", "--port", "0") as running:
        assert running.stdout
        for line in iter(running.stdout.readline, b""):
            if line.decode().startswith(moment):
                break
        code, _, err = end(running, signal.SIGINT)
    assert (code, err) == (0, "")
    assert temporary_folders(tmp_path) == []
    assert list(fresh.folder.iterdir()) == []

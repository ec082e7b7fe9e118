"""README.md: its commands and requests do what it says, in its order, and what it names is there."""

import importlib
import re
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.__main__ import MEASUREMENTS
from tests.support.cli import TIMEOUT_S, Cli
from tests.support.facts import ORGANIZATION
from tests.support.stories import FIXTURES

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
TEXT = README.read_text()
URL = "http://127.0.0.1:8000"
_NO_MAKE_IN_MAKE = {"MAKEFLAGS": "", "MAKELEVEL": ""}


def lines(heading: str) -> list[str]:
    """The command lines under a heading, without what is said of them; '' is what stands before the first heading."""
    text = TEXT.partition(f"## {heading}\n")[2] if heading else TEXT
    blocks = re.findall(r"^```sh\n(.*?)^```$", text.partition("\n## ")[0], re.MULTILINE | re.DOTALL)
    return [line.partition(" #")[0].strip() for block in blocks for line in block.splitlines()]


def made_by(*arguments: str) -> list[str]:
    """The commands that `make` would run once everything is set up."""
    command = ["make", "--dry-run", "--no-print-directory", "--assume-old=.venv/.ready", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=_NO_MAKE_IN_MAKE | {"PATH": "/usr/bin:/bin"}, check=True, capture_output=True)
    return done.stdout.decode().splitlines()


@contextmanager
def serving(cli: Cli, command: str) -> Iterator[str]:
    """The URL of the service that a command line starts; it must end in order."""
    with cli.start(*shlex.split(command)[1:]) as running:
        try:
            assert running.stdout
            said = running.stdout.readline().decode()
            assert said.startswith("listening on http://"), running.communicate()
            yield said.removeprefix("listening on ").strip()
            running.send_signal(signal.SIGINT)
            _, log = running.communicate(timeout=TIMEOUT_S)
            assert running.returncode == 0, log
        finally:
            running.kill()


def answer(client: httpx2.Client, line: str) -> Any:  # noqa: ANN401 - JSON
    """What a `curl` line of the page is answered, with its own credentials."""
    program, option, credentials, address = shlex.split(line)
    assert (program, option) == ("curl", "-u")
    user, _, secret = credentials.partition(":")
    return client.get(address.removeprefix(URL), auth=(user, secret)).raise_for_status().json()


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command line in a folder that has nothing but the fixtures, as a checkout has them."""
    (tmp_path / "fixtures").symlink_to(FIXTURES)
    return Cli(tmp_path, {"DRAWBAR_PORT": "0"})


def test_the_first_two_commands() -> None:
    """`make demo` shows the demonstration, also with ARGS, and `make test` runs each linter and the tests."""
    demo, test = lines("")
    assert made_by(*shlex.split(demo)[1:]) == [".venv/bin/drawbar demo "]
    assert "`make demo ARGS=--once`" in TEXT
    assert made_by("demo", "ARGS=--once") == [".venv/bin/drawbar demo --once"]
    programs = {line.split()[0].removeprefix(".venv/bin/") for line in made_by(*shlex.split(test)[1:])}
    assert programs >= {"ruff", "mypy", "lint-imports", "pytest"}


def test_a_newcomer_s_way(cli: Cli) -> None:
    """From `init` over the service and signed deliveries to every request of the page."""
    own = [line.removeprefix(".venv/bin/") for line in lines("Start your own") if line.startswith(".venv/bin/drawbar")]
    begin, serve, send = own
    cli(*shlex.split(begin)[1:])
    secret = tomllib.loads((cli.folder / "drawbar.toml").read_text())["operator_secret"]
    requests = [line.replace("operator:SECRET", f"operator:{secret}") for line in lines("Ask it")]
    assert len(requests) > 3
    with serving(cli, serve) as url, httpx2.Client(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
        cli(*shlex.split(send.replace(URL, url))[1:])
        pages = [answer(client, line) for line in requests]
        assert all(page.keys() == {"items", "nextCursor"} for page in pages)
        assert pages[0]["items"]
        assert pages[-1]["items"] == []  # nothing of the documented payloads is in quarantine
        batches = client.get("/api/v1/batches", auth=("operator", secret)).json()["items"]
        assert len(batches) == len(list((FIXTURES / "datahub").rglob("*.json")))
        assert client.get("/openapi.json", auth=("operator", secret)).json()["openapi"].startswith("3.1")
        assert [client.get(path).status_code for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]
        _ask_as_one_organization(cli, client)
        cli("backup", "copy.db")
        cli("rebuild")


def _ask_as_one_organization(cli: Cli, client: httpx2.Client) -> None:
    command = re.search(r"`drawbar (clients add NAME [^`]*)`", TEXT)
    assert command
    filled_in = command[1].replace("NAME", "fleet").replace("UUID", ORGANIZATION)
    made = cli(*shlex.split(filled_in), "--json").json
    units = client.get("/api/v1/units", auth=(made["clientId"], made["clientSecret"])).raise_for_status().json()["items"]
    assert {unit["organizationId"] for unit in units} == {ORGANIZATION}


@pytest.mark.parametrize("line", lines("Ask it"))
def test_no_shell_takes_an_address_for_a_pattern(line: str) -> None:
    """`?` in a word without quotes ends the command in zsh."""
    assert not re.search(r"[?&*]", re.sub(r"'[^']*'", "", line))


def test_what_is_installed() -> None:
    """The files and the extra that the installation names."""
    installs = [line for line in lines("Start your own") if "pip install" in line]
    assert [word for line in installs for word in shlex.split(line) if word.endswith(".lock")] == ["requirements.lock"]
    assert (ROOT / "requirements.lock").is_file()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "install the extra `postgres`" in TEXT
    assert "postgres" in project["optional-dependencies"]
    assert "`python3` (3.11 or later)" in TEXT
    assert project["requires-python"] == ">=3.11"


def test_what_is_linked() -> None:
    """Every link inside the repository leads somewhere."""
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", TEXT) if "://" not in target]
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_the_number_of_stories() -> None:
    """The page rounds it down to tens."""
    count = sum((folder / "expected.toml").is_file() for folder in (FIXTURES / "stories").iterdir())
    assert f"more than {count // 10 * 10} stories" in TEXT


def test_what_is_measured() -> None:
    """Every measurement that the page names is there and takes the options that it gives."""
    commands = re.findall(r"`python -m benchmarks ([^`]+)`", TEXT)
    assert commands
    for command in commands:
        name, *options = shlex.split(command)
        measurement = importlib.import_module(f"benchmarks.{name}")
        assert name in MEASUREMENTS
        assert [
            option for option in options if option.startswith("--") and option[2:] not in {*measurement.NUMBERS, "runs"}
        ] == []

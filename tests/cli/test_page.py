"""docs/cli.md: every command and option stands in it, and every command line in it does what it says."""

import gzip
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer

from receiver.cli.main import app
from tests.support.batches import batch
from tests.support.cli import DRAWBAR, TIMEOUT_S, Cli
from tests.support.stories import FIXTURES

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
EXPECTED_STATUS = re.compile(r"\s+# exit (\d)$")
HELP = {"--help"}


class Line(NamedTuple):
    """One command line of the page: as it stands there, without what it says of its exit status."""

    section: str
    text: str
    status: int


def sections() -> dict[str, str]:
    """The text under each heading that is a command."""
    _, *parts = re.split(r"^## (drawbar [a-z ]+)$", PAGE.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def lines() -> Iterator[Line]:
    """All command lines in their order."""
    for name, text in sections().items():
        for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            for line in block.splitlines():
                status = EXPECTED_STATUS.search(line)
                yield Line(name, EXPECTED_STATUS.sub("", line), int(status[1]) if status else 0)


def commands(group: Any, name: str = "drawbar") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own classes aren't public
    """Every command of the program by its full name."""
    for own, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {own}")
        else:
            yield f"{name} {own}", command


ALL = dict(commands(typer.main.get_command(app)))


def pages() -> dict[str, str]:
    """The text of the page that commands have of their own, by how their names begin."""
    rows = re.findall(r"^\| (`.*`) \| \[([\w-]+\.md)\]", PAGE.read_text(), re.MULTILINE)
    return {name: PAGE.with_name(page).read_text() for names, page in rows for name in re.findall("`(.*?)`", names)}


def test_no_section_is_of_a_command_that_is_not_there() -> None:
    """Nor is a page of its own."""
    assert set(sections()) <= set(ALL)
    assert {name for name in pages() if not any(f"{command} ".startswith(f"{name} ") for command in ALL)} == set()


@pytest.mark.parametrize("name", ALL)
def test_every_command_is_documented(name: str) -> None:
    """By a section of its own, or by an example on the page that is named for it."""
    elsewhere = [text for begin, text in pages().items() if f"{name} ".startswith(f"{begin} ")]
    assert name in sections() or any(f"{name} " in text for text in elsewhere)


@pytest.mark.parametrize("name", sections())
def test_every_option_stands_in_its_section(name: str) -> None:
    """Those that every command has stand at the top; and each command has an example."""
    options = {option for param in ALL[name].params for option in param.opts if option.startswith("--")}
    common = {option for option in options if f"`{option}" in PAGE.read_text().partition("\n## ")[0]}
    text = sections()[name]
    assert {option for option in options - common - HELP if not re.search(rf"{option}\b", text)} == set()
    assert any(line.section == name for line in lines())


def test_every_command_line_does_what_it_says(fresh: Cli, tmp_path: Path) -> None:
    """In the order of the page, from an empty folder on, beside a service on the same database."""
    (fresh.folder / "fixtures").symlink_to(FIXTURES)
    (fresh.folder / "batches.json").write_bytes(batch(0))
    (fresh.folder / "archive.ndjson.gz").write_bytes(gzip.compress(b"\n".join(batch(number) for number in range(3))))
    fresh.environment |= {"DRAWBAR_PORT": "0", "TMPDIR": str(tmp_path)}
    service: subprocess.Popen[bytes] | None = None
    url = ""
    try:
        for line in lines():
            if line.section == "drawbar replay" and service is None:
                service = fresh.start("serve")
                assert service.stdout
                url = service.stdout.readline().decode().removeprefix("listening on ").strip()
            _run(fresh, line, _filled_in(fresh, line.text, tmp_path, url))
    finally:
        if service:
            service.send_signal(signal.SIGTERM)
            _, err = service.communicate(timeout=TIMEOUT_S)
            assert service.returncode == 0, err
    assert (fresh.folder / "pairings.ndjson").read_text().count("\n") > 50


def _filled_in(cli: Cli, text: str, tmp_path: Path, url: str) -> str:
    """A command line with what stands for something else replaced by it."""
    text = text.replace("http://127.0.0.1:8000", url).replace("/etc/drawbar", str(tmp_path))
    if "QUARANTINE_ID" in text:
        text = text.replace("QUARANTINE_ID", cli("quarantine", "list", "--json").json["items"][0]["quarantineId"])
    if "CLIENT_ID" in text:
        text = text.replace("CLIENT_ID", cli("clients", "list", "--json").json["items"][0]["clientId"])
    if "$WEBHOOK_SECRET" in text:
        secret = tomllib.loads((cli.folder / "drawbar.toml").read_text())["webhook_secret"]
        text = text.replace("$WEBHOOK_SECRET", secret)
    return text


def _run(cli: Cli, line: Line, text: str) -> None:
    if re.search(r"[|>]", text):
        path = f"{DRAWBAR.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["/bin/sh", "-c", text],
            cwd=cli.folder,
            env={**os.environ, **cli.environment, "PATH": path},
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            timeout=TIMEOUT_S,
        )
        assert done.returncode == line.status, line.text
        return
    program, *arguments = shlex.split(text)
    assert program == "drawbar"
    if arguments[0] in {"serve", "demo"} and "--once" not in arguments:
        with cli.start(*arguments) as running:
            assert running.stdout
            assert running.stdout.readline().startswith(b"listening on http://"), line.text
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=TIMEOUT_S)
        assert running.returncode == line.status, line.text
    elif arguments[0] == "demo":
        cli.process(*arguments, status=line.status)
    else:
        cli(*arguments, status=line.status)

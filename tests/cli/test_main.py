"""The program as a whole: its exit status, and that what goes wrong is said in one line."""

import os
import sqlite3
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.support.cli import Cli

COMMANDS = (
    "demo",
    "init",
    "serve",
    "replay",
    "validate",
    "status",
    "pairings",
    "export",
    "quarantine",
    "rejected",
    "clients",
    "rebuild",
    "backup",
    "migrate",
)
# Each needs a database that is there.
READING = (
    ("status",),
    ("pairings",),
    ("export",),
    ("quarantine", "list"),
    ("rejected", "list"),
    ("rejected", "replay"),
    ("clients", "list"),
    ("clients", "revoke", "cl_1"),
    ("rebuild",),
    ("backup", "copy.db"),
)


def test_the_version_is_that_of_the_distribution(fresh: Cli) -> None:
    """`--version` says it, as a process of its own."""
    assert fresh.process("--version").out == f"drawbar {version('drawbar')}\n"


def test_the_help_names_every_command(fresh: Cli) -> None:
    """Every command is there, and each has a help of its own."""
    listed = fresh("--help").out
    for command in COMMANDS:
        assert f"│ {command} " in listed
        assert "Usage: drawbar" in fresh(command, "--help").out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("reply",), "No such command 'reply'"),
        (("replay",), "Missing argument"),
        (("status", "--wrong"), "No such option"),
        (("pairings", "--at", "yesterday"), "expected an ISO 8601 time with a zone"),
        (("pairings", "--state", "shut"), "'shut' is not one of"),
        (("pairings", "--limit", "0"), "should be greater than or equal to 1"),
        (("pairings", "--organization", "acme"), "expected a UUID, got 'acme'"),
        (("pairings", "--possible"), "asks about a time"),
        (("status", "--config", "missing.toml"), "drawbar: missing.toml: No such file or directory"),
        (("replay", "missing.json"), "drawbar: missing.json: no such file or folder"),
    ],
)
def test_wrong_use_is_2_and_says_what_is_wrong(fresh: Cli, arguments: tuple[str, ...], says: str) -> None:
    """Nothing is done, nothing is made, and the message is on standard error."""
    done = fresh(*arguments, status=2)
    assert says in " ".join(done.err.replace("│", " ").split())
    assert done.out == ""
    assert list(fresh.folder.iterdir()) == []


def test_wrong_settings_are_wrong_use(fresh: Cli) -> None:
    """The key is named, in a process of its own, without a traceback."""
    (fresh.folder / "drawbar.toml").write_text("prot = 7\n")
    done = fresh.process("status", status=2)
    assert done.err == "drawbar: drawbar.toml: prot: unknown key, the nearest known one is port\n"


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_a_database_that_is_not_there_is_not_made_by_reading(fresh: Cli, arguments: tuple[str, ...]) -> None:
    """A mistyped path must not look like an empty database."""
    done = fresh(*arguments, status=2)
    assert done.err == "drawbar: there is no database drawbar.db yet: `drawbar init` or `drawbar serve` makes it\n"
    assert list(fresh.folder.iterdir()) == []


@pytest.mark.parametrize("arguments", READING[1:-1], ids=" ".join)
def test_a_database_that_is_not_current_is_left_alone(on_sqlite: Cli, arguments: tuple[str, ...]) -> None:
    """What only reads does not migrate; it names the command that does."""
    _forget_last_migration(on_sqlite)
    done = on_sqlite(*arguments, status=1)
    assert done.err.startswith("drawbar: the database lacks 0")
    assert done.err.endswith("run `drawbar migrate`\n")


def _forget_last_migration(cli: Cli) -> None:
    with sqlite3.connect(cli.environment["DRAWBAR_DATABASE"].removeprefix("sqlite:///")) as raw:
        raw.execute("DELETE FROM schema_migrations WHERE name = (SELECT max(name) FROM schema_migrations)")
    raw.close()


def test_a_store_that_cannot_be_used_is_1(fresh: Cli) -> None:
    """It is not the user's command that is wrong."""
    (fresh.folder / "drawbar.db").write_bytes(b"this is no database, but something else" * 100)
    done = fresh("status", status=1)
    assert done.err == "drawbar: can't open the database drawbar.db: file is not a database\n"


def test_a_server_that_is_not_there_is_1(fresh: Cli, tmp_path: Path) -> None:
    """And no password is shown."""
    fresh.environment["DRAWBAR_DATABASE"] = f"postgresql://me:hunter22@/x?host={tmp_path}"
    done = fresh("status", status=1)
    assert done.err.startswith("drawbar: can't reach the database: ")
    assert "hunter22" not in done.err


def test_a_reader_that_goes_away_ends_the_command_quietly(on_sqlite: Cli) -> None:
    """As in `drawbar export | head`: no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    with on_sqlite.start("export", "--format", "csv", stdout=writer) as running:
        os.close(writer)
        _, err = running.communicate(timeout=60)
    assert (running.returncode, err) == (1, b"")


def test_output_on_a_full_disk_is_an_error(on_sqlite: Cli) -> None:
    """What could not be written is not passed over."""
    with Path("/dev/full").open("wb") as full, on_sqlite.start("clients", "list", stdout=full) as running:
        _, err = running.communicate(timeout=60)
    assert running.returncode not in {0, None}
    assert b"No space left on device" in err


def test_control_characters_do_not_reach_the_terminal(on_sqlite: Cli) -> None:
    """What was received can't move the cursor or set a title: it is shown escaped."""
    body = rb'{"eventsData": 7, "eventBatchId": "\u001b]0;owned\u0007"}'
    done = on_sqlite("validate", "-", stdin=body, status=1)
    assert "\x1b" not in done.out + done.err
    on_sqlite("clients", "add", "\x1b[2Jclient\nx", "--organization", "*", "--scopes", "read")
    listed = on_sqlite("clients", "list").out
    assert r"\x1b[2Jclient\nx" in listed

"""`drawbar rebuild`, `drawbar backup` and `drawbar migrate` on a database that is in use."""

import os
import re
import signal
import sqlite3
import stat
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import IO

import pytest

from receiver.cli import maintenance
from tests.support.batches import batch, digest_in, on_store
from tests.support.cli import Cli
from tests.support.postgres import PostgresServer
from tests.support.store import execute
from tests.support.stories import FIXTURES

STORIES = FIXTURES / "stories"


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """The command line on a database with all stories."""
    cli("replay", STORIES)
    return cli


def test_a_rebuild_of_what_is_right_changes_nothing(filled: Cli) -> None:
    """Both digests are the same, and those of any other database with the same events."""
    done = filled("rebuild", "--json").json
    assert (done["mended"], done["digestBefore"]) == (0, done["digestAfter"])
    assert done["units"] == sum(filled("status", "--json").json["counts"]["units"].values())
    assert done["digestAfter"] in filled("rebuild").out


def test_a_rebuild_sets_right_what_is_wrong_and_says_so(filled: Cli) -> None:
    """The exit status is 1 once, and the digest is again what it was."""
    url = filled.environment["DRAWBAR_DATABASE"]
    right = digest_in(url)
    on_store(url, lambda store: execute(store, "DELETE FROM pairings WHERE reason = 'AutoPair'"))
    on_store(url, lambda store: execute(store, "UPDATE units SET status = 'unmatched'"))
    done = filled("rebuild", "--json", status=1)
    assert done.json["mended"] > 0
    assert done.json["digestBefore"] != right
    assert done.json["digestAfter"] == right
    assert done.err == f"{done.json['mended']} units were stored wrongly; the change feed tells what changed\n"
    filled("rebuild")


def test_a_backup_restores_to_the_same_digest(
    filled: Cli, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of SQLite the file is a database as it stands, of PostgreSQL an archive for pg_restore; it is for its owner alone."""
    monkeypatch.setenv("PATH", f"{postgres_server._programs}{os.pathsep}{os.environ['PATH']}")
    done = filled("backup", "copy", "--json").json
    path = filled.folder / "copy"
    assert (done["file"], done["bytes"]) == ("copy", path.stat().st_size)
    assert done["digest"] == digest_in(filled.environment["DRAWBAR_DATABASE"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    if filled("status", "--json").json["engine"] == "sqlite":
        assert done["verified"] == "integrity and references checked, digest compared"
        restored = str(path)
    else:
        assert done["verified"] == "archive read back"
        restored = postgres_server.url(postgres_server.create())
        subprocess.run(
            [postgres_server._programs / "pg_restore", "--exit-on-error", f"--dbname={restored}", path], check=True, timeout=60
        )
    assert os.listdir(filled.folder) == ["copy"]  # noqa: PTH208 - names alone
    again = Cli(filled.folder, {"DRAWBAR_DATABASE": restored})
    assert digest_in(restored) == done["digest"]
    assert again("status", "--json").json["counts"] == filled("status", "--json").json["counts"]
    again("migrate", "--check")


def test_a_backup_while_a_process_is_writing(folder: Path, sqlite_url: str) -> None:
    """It is of one moment in the middle of the work, whole, and the work isn't disturbed."""
    cli = Cli(folder, {"DRAWBAR_DATABASE": sqlite_url})
    enough = threading.Event()

    def feed(stream: IO[bytes]) -> int:
        """Give the writer something to do until it is enough; how many batches that were."""
        for number in count():
            if enough.is_set():
                stream.close()
                return number
            stream.write(batch(number) + b"\n")
        raise AssertionError

    with ThreadPoolExecutor(1) as thread, cli.start("replay", "-", stdin=subprocess.PIPE) as running:
        assert running.stdin
        fed = thread.submit(feed, running.stdin)
        try:
            with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as raw:
                give_up = time.monotonic() + 30
                while raw.execute("SELECT count(*) FROM batches").fetchone() == (0,):
                    assert time.monotonic() < give_up
                    time.sleep(0.005)
            done = cli("backup", "copy.db", "--json").json
        finally:
            enough.set()
        assert running.stderr
        assert re.fullmatch(r"([0-9]+ batches\n)*", running.stderr.read().decode())
    assert running.returncode == 0
    counts = Cli(folder, {"DRAWBAR_DATABASE": "copy.db"})("status", "--json").json["counts"]
    assert 0 < counts["batches"] < fed.result()
    assert counts["events"]["applied"] == 3 * counts["batches"]
    assert digest_in(str(folder / "copy.db")) == done["digest"]
    assert cli("status", "--json").json["counts"]["batches"] == fed.result()


def test_a_backup_never_overwrites(on_sqlite: Cli) -> None:
    """Not even with nothing: the old file stays as it is."""
    (on_sqlite.folder / "copy.db").write_text("last week's")
    done = on_sqlite("backup", "copy.db", status=2)
    assert done.err == "drawbar: copy.db exists already, and is not overwritten\n"
    assert (on_sqlite.folder / "copy.db").read_text() == "last week's"


def test_a_copy_with_another_digest_is_thrown_away(on_sqlite: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It never gets its name."""
    digests = iter(["a", "b"])

    async def changing(_: object) -> str:
        return next(digests)

    monkeypatch.setattr(maintenance, "digest_of", changing)
    done = on_sqlite("backup", "copy.db", status=1)
    assert done.err == "drawbar: the copy has the digest b, and not a as the database: it is thrown away\n"
    assert list(on_sqlite.folder.iterdir()) == []


def test_a_backup_that_is_interrupted_leaves_nothing(
    cli: Cli, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By Ctrl-C while it is being made: it stops, nothing is left of it, and the exit status says so."""

    async def interrupting(_: object) -> str:
        assert len(list(cli.folder.iterdir())) == 1
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.2)  # noqa: ASYNC251 - on a thread of its own, until the event loop has heard of it
        return "of no use any more"

    monkeypatch.setenv("PATH", f"{postgres_server._programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(maintenance, "digest_of", interrupting)
    done = cli("backup", "copy.db", status=130)
    assert (done.out, done.err) == ("", "")
    assert list(cli.folder.iterdir()) == []


def test_a_backup_is_made_before_a_migration_too(on_sqlite: Cli) -> None:
    """There may be no code that reads all of such a database, so its digest isn't compared; its integrity is checked."""
    url = on_sqlite.environment["DRAWBAR_DATABASE"]
    on_store(url, lambda store: execute(store, "DELETE FROM schema_migrations WHERE name <> '0001_pairing'"))
    done = on_sqlite("backup", "copy.db")
    assert "integrity and references checked\n" in done.out
    assert "digest not computed: migrations are pending\n" in done.out


def test_postgres_without_its_programs_says_what_to_install(folder: Path, postgres_url: str) -> None:
    """And leaves nothing."""
    cli = Cli(folder, {"DRAWBAR_DATABASE": postgres_url, "PATH": "/nowhere"})
    done = cli("backup", "copy.dump", status=1)
    assert done.err.startswith("drawbar: pg_dump is not on the PATH: install PostgreSQL's client programs")
    assert list(folder.iterdir()) == []


@pytest.fixture
def empty(folder: Path, empty_database_url: str) -> Cli:
    """The command line on a database of each engine in which nothing is."""
    return Cli(folder, {"DRAWBAR_DATABASE": empty_database_url})


def test_migrations_are_checked_and_applied(empty: Cli) -> None:
    """`--check` names what is pending and changes nothing; after the run nothing is."""
    pending = empty("migrate", "--check", "--json", status=1).json
    assert pending["applied"] == []
    assert pending["pending"][0] == "0001_pairing"
    assert empty("migrate", "--check", status=1).out == "".join(f"pending {name}\n" for name in pending["pending"])
    assert empty("migrate").out == "".join(f"applied {name}\n" for name in pending["pending"])
    assert empty("migrate", "--check", "--json").json == {"applied": [], "pending": []}
    assert empty("migrate").out.endswith(" is current\n")
    assert empty("status", "--json").json["migrations"] == {"applied": pending["pending"], "pending": []}


def test_checking_makes_no_file(fresh: Cli) -> None:
    """Where there is no database, all is pending."""
    fresh("migrate", "--check", status=1)
    assert list(fresh.folder.iterdir()) == []


def test_a_database_that_is_newer_than_the_software_is_refused(alone: Cli) -> None:
    """By every command, with the name of what it doesn't know."""
    url = alone.environment["DRAWBAR_DATABASE"]
    sql = "INSERT INTO schema_migrations (name, sha256, applied_at_us) VALUES ('9999_later', '', 0)"
    on_store(url, lambda store: execute(store, sql))
    for arguments in (("status",), ("migrate",), ("replay", str(STORIES)), ("backup", "copy"), ("rebuild",)):
        done = alone(*arguments, status=1)
        assert "the database is newer than this version of drawbar: it has the migration 9999_later" in done.err
    assert list(alone.folder.iterdir()) == []

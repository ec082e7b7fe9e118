"""Copies of a database that is in use: of one moment, whole, and as good as the original."""

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from handlers.ports import Transaction
from handlers.rebuild import digest, digest_of, rebuild
from schemas.errors import StoreUnavailableError
from storage import open_engine
from storage.engine import BackupError
from storage.store import DatabaseStore
from tests.support.facts import ASSETS, body_of
from tests.support.postgres import PostgresServer
from tests.support.store import NOW_US, TABLES, deliver, dump, pairing, rows


@pytest_asyncio.fixture
async def sqlite(without_waiting: None, sqlite_url: str) -> AsyncIterator[DatabaseStore]:  # noqa: ARG001 - for its effect
    """A store on a SQLite file of its own."""
    engine = open_engine(sqlite_url)
    yield DatabaseStore(engine)
    await engine.close()


@pytest_asyncio.fixture
async def postgres(postgres_url: str) -> AsyncIterator[DatabaseStore]:
    """A store on a PostgreSQL database of its own."""
    engine = open_engine(postgres_url)
    yield DatabaseStore(engine)
    await engine.close()


def batch(number: int) -> bytes:
    """A batch of its own, of a move of a unit of its own."""
    unit_id = f"tp:{number}"
    events = [pairing(minute, asset_id, unit_id) for minute, asset_id in enumerate(ASSETS)]
    return body_of(events, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")


async def test_a_copy_of_a_file_that_is_written_to_is_of_one_moment(sqlite: DatabaseStore, tmp_path: Path) -> None:
    """It has the digest of that moment, which is neither before nor after a transaction's half, and is a store like any other."""
    await deliver(sqlite, [batch(number) for number in range(50)], group=50)
    writing, going_on = [0], asyncio.Event()

    async def write() -> None:
        while not going_on.is_set():
            writing[0] += 1
            await deliver(sqlite, [batch(1000 + writing[0])])

    writer = asyncio.create_task(write())
    try:
        for number in range(5):
            target = tmp_path / f"copy{number}.db"
            before = writing[0]
            seen, copied = await sqlite.backup(target, digest_of)
            assert seen == copied
            assert writing[0] > before, "the writer waited for the copy"
            engine = open_engine(str(target))
            copy = DatabaseStore(engine)
            assert await digest(copy) == seen
            assert (await rebuild(copy, lambda: NOW_US)).mended == 0
            ((commits, last),) = await rows(copy, "SELECT count(*), max(position) FROM commits")
            assert commits == last >= before
            await deliver(copy, [batch(9999)])
            await engine.close()
    finally:
        going_on.set()
        await writer


async def test_a_copy_is_one_file(sqlite: DatabaseStore, tmp_path: Path) -> None:
    """Nothing of it stands in a log beside it, so that it can be moved and kept where nothing can be written."""
    await deliver(sqlite, [batch(1)])
    folder = tmp_path / "copies"
    folder.mkdir()
    await sqlite.backup(folder / "copy.db", digest_of)
    assert [path.name for path in folder.iterdir()] == ["copy.db"]
    with sqlite3.connect(f"file:{folder / 'copy.db'}?immutable=1", uri=True) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert raw.execute("SELECT count(*) FROM events").fetchone() == (3,)
    raw.close()


async def test_a_broken_reference_is_found_in_the_copy(sqlite: DatabaseStore, sqlite_url: str, tmp_path: Path) -> None:
    """A copy whose rows don't fit together is none."""
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as raw:
        raw.execute("INSERT INTO tokens VALUES ('hash', 'nobody', 0)")
    raw.close()
    with pytest.raises(BackupError, match="the copy isn't whole: a row of tokens lacks its row of clients"):
        await sqlite.backup(tmp_path / "copy.db", digest_of)


async def test_a_damaged_page_is_found_in_the_copy(tmp_path: Path, sqlite_template: Path) -> None:
    """What the original has lost is told before the copy replaces a good one."""
    path = tmp_path / "drawbar.db"
    shutil.copy(sqlite_template, path)
    engine = open_engine(str(path))
    await deliver(DatabaseStore(engine), [batch(number) for number in range(200)], group=200)
    await engine.close()
    with sqlite3.connect(path) as raw:
        (page,) = raw.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events_key'").fetchone()
    raw.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 200)
    engine = open_engine(str(path))
    try:
        with pytest.raises((BackupError, StoreUnavailableError), match=r"isn't whole|malformed"):
            await DatabaseStore(engine).backup(tmp_path / "copy.db", _nothing)
    finally:
        await engine.close()


async def _nothing(_: Transaction) -> None:
    return None


async def test_a_target_that_cannot_be_written_is_an_error(sqlite: DatabaseStore, tmp_path: Path) -> None:
    """A folder that isn't there is said to be the trouble."""
    with pytest.raises(StoreUnavailableError, match=r"can't open the database .*missing"):
        await sqlite.backup(tmp_path / "missing" / "copy.db", digest_of)


async def test_a_cancelled_copy_ends_before_its_caller_goes_on(sqlite: DatabaseStore, tmp_path: Path) -> None:
    """Nobody writes to the target any more, and the store is as usable as before."""
    target = tmp_path / "copy.db"
    await deliver(sqlite, [batch(number) for number in range(300)], group=300)
    task = asyncio.create_task(sqlite.backup(target, digest_of))
    while not target.exists():  # noqa: ASYNC110 - the other thread makes it
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    before = target.stat()
    await deliver(sqlite, [batch(1000)])
    await asyncio.sleep(0.05)
    assert target.stat() == before


async def test_a_dump_of_postgres_restores_to_the_same_digest(
    postgres: DatabaseStore, postgres_server: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_dump sees the very snapshot over which the digest was computed, and what it wrote restores to it."""
    monkeypatch.setenv("PATH", str(postgres_server._programs))
    await deliver(postgres, [batch(number) for number in range(5)])
    target = tmp_path / "copy.dump"

    async def late(tx: Transaction) -> str:
        seen = await digest_of(tx)
        await deliver(postgres, [batch(1000)])  # committed before pg_dump begins
        return seen

    seen, copied = await postgres.backup(target, late)
    assert copied is None
    assert await digest(postgres) != seen
    name = postgres_server.create()
    url = postgres_server.url(name)
    restore = await asyncio.create_subprocess_exec("pg_restore", "--exit-on-error", f"--dbname={url}", str(target))
    assert await asyncio.wait_for(restore.wait(), 60) == 0
    engine = open_engine(url)
    try:
        restored = DatabaseStore(engine)
        assert await digest(restored) == seen
        assert await engine.pending_migrations() == []
        assert (await dump(restored, *TABLES))["deliveries"] != (await dump(postgres, *TABLES))["deliveries"]
        await deliver(restored, [batch(1000)])
        assert await digest(restored) == await digest(postgres)
    finally:
        await engine.close()
        postgres_server.drop(name)


async def test_postgres_without_its_programs_says_so(
    postgres: DatabaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names what is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="pg_dump is not on the PATH"):
        await postgres.backup(tmp_path / "copy.dump", digest_of)


async def test_what_pg_dump_says_is_passed_on(postgres: DatabaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dump that fails fails in its words, such as those about another version."""
    for name in ("pg_dump", "pg_restore"):
        program = tmp_path / name
        program.write_text('#!/bin/sh\necho "pg_dump: error: server version mismatch" >&2\nexit 1\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    with pytest.raises(BackupError, match="pg_dump failed: pg_dump: error: server version mismatch"):
        await postgres.backup(tmp_path / "copy.dump", digest_of)

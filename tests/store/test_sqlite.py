"""What is SQLite's own: settings, the thread that transactions run on, and a database that fails."""

import asyncio
import os
import re
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from schemas.errors import StoreUnavailableError
from storage.engine import Connection
from storage.engines.sqlite import SqliteEngine
from storage.statements import Statement, parse
from tests.store.things import SQL, create, gather, insert, names


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that isn't there yet."""
    return tmp_path / "drawbar.db"


@pytest_asyncio.fixture
async def engine(path: Path) -> AsyncIterator[SqliteEngine]:
    """An engine on an empty file."""
    opened = SqliteEngine(path, readers=2)
    yield opened
    await opened.close()


def _statement(sql: str) -> Statement:
    return parse(f"-- name: it\n-- A statement.\n{sql}")["it"]


@pytest.mark.parametrize(
    ("pragma", "writer", "reader", "brief"),
    [
        ("journal_mode", "wal", "wal", "wal"),
        ("synchronous", 2, 2, 2),
        ("foreign_keys", 1, 1, 1),
        ("busy_timeout", 5000, 5000, 0),
        ("temp_store", 2, 2, 2),
        ("cache_size", -65536, -65536, -65536),
        ("wal_autocheckpoint", 16000, 0, 0),
        ("query_only", 0, 1, 1),
    ],
)
async def test_connections_are_set_up(engine: SqliteEngine, pragma: str, writer: object, reader: object, brief: object) -> None:
    """Each kind of connection has its settings: commits reach the disk, and the writer alone checkpoints."""
    await create(engine)
    ask = _statement(f"PRAGMA {pragma}")
    assert await engine.write(lambda connection: connection.fetch_one(ask)) == (writer,)
    assert await engine.read(lambda connection: connection.fetch_one(ask)) == (reader,)
    assert await engine.read(lambda connection: connection.fetch_one(ask), brief=True) == (brief,)


async def test_a_transaction_crosses_threads_once(engine: SqliteEngine) -> None:
    """All of a transaction runs on the writer's thread, reads on others, brief reads on the event loop's."""

    async def threads(connection: Connection) -> set[int]:
        seen = {threading.get_ident()}
        for _ in range(3):
            await connection.fetch(SQL["count"])
            seen.add(threading.get_ident())
        return seen

    await create(engine)
    writer, reader = await engine.write(threads), await engine.read(threads)
    assert len(writer) == len(reader) == 1
    assert len(writer | reader | {threading.get_ident()}) == 3
    assert await engine.read(threads, brief=True) == {threading.get_ident()}


async def test_work_may_await_nothing_but_its_connection(engine: SqliteEngine) -> None:
    """Work that would suspend is stopped with an error that says so, and rolled back, its savepoints too."""

    async def suspend(connection: Connection) -> None:
        async with connection.savepoint():
            await connection.execute(SQL["insert"], id=1, name="a")
            await asyncio.sleep(0)

    await create(engine)
    with pytest.raises(RuntimeError, match="await nothing but its connection"):
        await engine.write(suspend)
    with pytest.raises(RuntimeError, match="await nothing but its connection"):
        await engine.read(lambda _: asyncio.sleep(0), brief=True)
    assert await names(engine) == []


async def test_readers_are_as_many_as_allowed(engine: SqliteEngine) -> None:
    """Two readers run at once, and a third waits for one of them."""
    await create(engine)
    both, running = threading.Barrier(2), 0
    most = 0

    async def work(_: Connection) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        both.wait(5)
        running -= 1

    assert await gather(*(engine.read(work) for _ in range(6))) == [None] * 6
    assert most == 2


async def test_a_waiting_writer_can_be_cancelled(engine: SqliteEngine) -> None:
    """A writer that is cancelled while another one works never starts, and the one that works isn't disturbed."""
    await create(engine, "a")
    begun, go_on, seen = threading.Event(), threading.Event(), list[str]()

    async def first(connection: Connection) -> None:
        begun.set()
        go_on.wait(10)
        await connection.execute(SQL["rename"], id=1, name="z")

    async def second(_: Connection) -> None:
        seen.append("second")

    working = asyncio.ensure_future(engine.write(first))
    await asyncio.to_thread(begun.wait, 10)
    waiting = asyncio.ensure_future(engine.write(second))
    await asyncio.sleep(0)
    waiting.cancel()
    assert [type(result) for result in await gather(waiting)] == [asyncio.CancelledError]
    go_on.set()
    await working
    assert seen == []
    assert await names(engine) == ["z"]


async def test_a_locked_database_is_unavailable(engine: SqliteEngine, path: Path) -> None:
    """A writer in another process that doesn't let go is waited for, then told; afterwards all is well."""
    await create(engine, "a")
    await engine._set_busy_timeout(0.05)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailableError, match="locked") as raised:
        await insert(engine, 2, "b")
    assert isinstance(raised.value.__cause__, sqlite3.OperationalError)
    assert await names(engine) == ["a"]
    other.execute("ROLLBACK")
    other.close()
    assert await insert(engine, 2, "b") == 1


async def test_a_full_disk_is_unavailable(engine: SqliteEngine) -> None:
    """What doesn't fit is told as such and leaves nothing; what fits later is written."""
    await create(engine, "a")
    [pages] = await engine.write(lambda connection: connection.fetch(_statement("PRAGMA page_count")))
    await engine.write(lambda connection: connection.fetch(_statement(f"PRAGMA max_page_count = {pages[0] + 2}")))
    big = [(number, "x" * 4000 + str(number)) for number in range(2, 20)]

    async def work(connection: Connection) -> None:
        async with connection.savepoint():
            await connection.execute_many(SQL["insert"], big)

    with pytest.raises(StoreUnavailableError, match="full"):
        await engine.write(work)
    assert await names(engine) == ["a"]
    assert await insert(engine, 2, "b") == 1


async def test_a_file_that_can_t_be_written_is_unavailable(engine: SqliteEngine) -> None:
    """A write connection that may not write is a fault of the store, unlike a read that tries to."""
    await create(engine, "a")
    await engine.write(lambda connection: connection.fetch(_statement("PRAGMA query_only = ON")))
    with pytest.raises(StoreUnavailableError, match="readonly"):
        await insert(engine, 2, "b")


def _damage(path: Path) -> None:
    pages = bytearray(path.read_bytes())
    pages[8192:] = b"\xff" * (len(pages) - 8192)
    path.write_bytes(pages)


async def test_a_damaged_file_is_unavailable(engine: SqliteEngine, path: Path) -> None:
    """A page that makes no sense is told as damage, not as a mistake of the program."""
    await create(engine, *(f"{number:0500}" for number in range(200)))
    await engine.close()
    await asyncio.to_thread(_damage, path)
    damaged = SqliteEngine(path)
    with pytest.raises(StoreUnavailableError, match="malformed"):
        await damaged.read(lambda connection: connection.fetch(SQL["list_full"]))
    await damaged.close()


async def test_a_transaction_that_the_database_rolled_back_is_over(engine: SqliteEngine) -> None:
    """Where SQLite has rolled all of it back, no statement goes on by itself outside a transaction."""
    await create(engine, "a")

    async def work(connection: Connection) -> None:
        await connection.execute(_statement("ROLLBACK"))
        await connection.execute(SQL["insert"], id=2, name="b")

    with pytest.raises(StoreUnavailableError, match="rolled back by the database"):
        await engine.write(work)
    assert await names(engine) == ["a"]


async def test_a_brief_read_goes_to_a_thread_when_it_would_wait(engine: SqliteEngine) -> None:
    """What can't be had at once on the event loop's thread is read on another one."""
    await create(engine, "a")
    seen: list[int] = []

    async def work(connection: Connection) -> object:
        seen.append(threading.get_ident())
        if seen == [threading.get_ident()]:
            raise StoreUnavailableError("database is locked")
        return await connection.fetch_one(SQL["count"])

    assert await engine.read(work, brief=True) == (1,)
    assert len(set(seen)) == 2


async def test_the_log_is_folded_into_the_file_on_closing(engine: SqliteEngine, path: Path) -> None:
    """A closed database is one file."""
    await create(engine, "a")
    await names(engine)
    await engine.read(lambda connection: connection.fetch(SQL["list"]), brief=True)
    await engine.close()
    assert await asyncio.to_thread(os.listdir, path.parent) == ["drawbar.db"]


def _modes(folder: Path) -> dict[str, int]:
    """Who may do what with the files of a folder."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


async def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """A new database, its log and its index can be read by nobody else, whatever the process's umask lets others do."""
    path = tmp_path / "drawbar.db"
    before = os.umask(0)
    try:
        engine = SqliteEngine(path)
        await create(engine)
        modes = _modes(tmp_path)
        await engine.close()
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("drawbar.db", "drawbar.db-wal", "drawbar.db-shm"), 0o600)


async def test_the_mode_of_a_file_that_is_there_is_its_owners_business(tmp_path: Path) -> None:
    """A database that a group may read stays so."""
    path = tmp_path / "drawbar.db"
    path.touch()
    path.chmod(0o640)
    engine = SqliteEngine(path)
    await create(engine)
    await engine.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


async def test_a_mistyped_path_makes_nothing(tmp_path: Path) -> None:
    """A folder that isn't there is named, and not made."""
    engine = SqliteEngine(tmp_path / "mistpyed" / "drawbar.db")
    with pytest.raises(StoreUnavailableError, match=re.escape(f"there is no folder {tmp_path / 'mistpyed'}")):
        await engine.migrate()
    await engine.close()
    assert _modes(tmp_path) == {}


async def test_where_nothing_is_pending_a_writer_that_is_busy_is_not_waited_for(tmp_path: Path) -> None:
    """Another process may write for minutes: a database that has all migrations is ready at once."""
    path = tmp_path / "drawbar.db"
    first = SqliteEngine(path)
    assert await first.migrate()
    await first.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    second = SqliteEngine(path)
    async with asyncio.timeout(60):
        assert await second.migrate() == []
    other.close()
    await second.close()

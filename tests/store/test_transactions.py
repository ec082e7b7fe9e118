"""Transactions beside each other: snapshots, read-only work, cancellation, and what happens when the database fails."""

import asyncio
import contextvars
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest

from schemas.errors import ConflictError, StoreUnavailableError
from storage import open_engine
from storage.engine import Connection, Engine
from storage.statements import parse
from tests.store.things import SQL, create, gather, insert, names

SLEEP = parse(
    """
-- name: sleep
-- Takes its time.
-- only: sqlite
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT MAX(i) FROM n
-- only: postgres
SELECT pg_sleep(60)
"""
)["sleep"]


def beside(engine: Engine, make: Callable[[], Awaitable[Any]]) -> Callable[[], Awaitable[Any]]:
    """Something that a transaction's work can call to let others work meanwhile: on SQLite it stands on another thread."""
    loop = asyncio.get_running_loop()

    async def wait() -> object:
        return await make()

    async def call() -> object:
        if engine.dialect == "sqlite":
            return asyncio.run_coroutine_threadsafe(wait(), loop).result(10)
        return await make()

    return call


async def test_a_read_sees_one_snapshot(engine: Engine) -> None:
    """What others commit after its first statement is not seen by a read."""
    await create(engine, "a")
    others = beside(engine, lambda: insert(engine, 2, "b"))

    async def work(connection: Connection) -> list[object]:
        first = await connection.fetch_one(SQL["count"])
        await others()
        return [first, await connection.fetch_one(SQL["count"])]

    assert await engine.read(work) == [(1,), (1,)]
    assert await names(engine) == ["a", "b"]


@pytest.mark.parametrize("brief", [False, True])
async def test_a_read_sees_what_was_committed(engine: Engine, brief: bool) -> None:
    """A read that begins after a write has returned sees it, brief or not."""
    await create(engine)
    for number in range(1, 20):
        await insert(engine, number, f"n{number}")
        assert await engine.read(lambda connection: connection.fetch_one(SQL["count"]), brief=brief) == (number,)


@pytest.mark.parametrize("brief", [False, True])
async def test_a_read_can_t_write(engine: Engine, brief: bool) -> None:
    """A write in a read is a mistake of the program: the driver's own error."""
    await create(engine, "a")
    with pytest.raises((sqlite3.OperationalError, asyncpg.ReadOnlySQLTransactionError)):
        await engine.read(lambda connection: connection.execute(SQL["delete"], id=1), brief=brief)
    assert await names(engine) == ["a"]


@pytest.mark.parametrize("brief", [False, True])
async def test_a_mistake_of_the_program_passes(engine: Engine, brief: bool) -> None:
    """An error that trying again can't help is the driver's own, and the next read works."""
    await create(engine, "a")
    with pytest.raises((sqlite3.OperationalError, asyncpg.UndefinedTableError)):
        await engine.read(lambda connection: connection.fetch(SQL["faulty"]), brief=brief)
    assert await engine.read(lambda connection: connection.fetch(SQL["list"]), brief=brief) == [(1, "a")]


async def test_many_readers_and_writers_work_at_once(engine: Engine) -> None:
    """Writers that read before they write lose nothing, while readers see only whole transactions."""
    await create(engine, "0")

    async def count_up(connection: Connection) -> None:
        await connection.fetch(SQL["lock"], id=1)
        [(_, name)] = await connection.fetch(SQL["list"], ids=[1])
        await connection.execute(SQL["rename"], id=1, name="half")
        await connection.execute(SQL["rename"], id=1, name=str(int(name) + 1))

    results = await gather(*(work for _ in range(30) for work in (engine.write(count_up), names(engine))))
    assert [result for result in results if isinstance(result, BaseException)] == []
    assert await names(engine) == ["30"]
    assert not any("half" in seen for seen in results if isinstance(seen, list))


async def test_a_broken_constraint_is_a_conflict(engine: Engine) -> None:
    """A key that is taken and a reference to nothing are ConflictError, with the driver's error as the cause."""
    await create(engine, "a")
    with pytest.raises(ConflictError, match="insert") as taken:
        await insert(engine, 2, "a")
    assert isinstance(taken.value.__cause__, sqlite3.IntegrityError | asyncpg.UniqueViolationError)
    with pytest.raises(ConflictError, match="insert"):
        await engine.write(lambda connection: connection.execute_many(SQL["insert"], [(5, "x"), (1, "y")]))
    with pytest.raises(ConflictError, match="insert_full"):
        await engine.write(lambda connection: connection.execute_many(SQL["insert_full"], [(5, "x", None, None, 77)]))
    assert await names(engine) == ["a"]


@pytest.mark.parametrize("readonly", [False, True])
async def test_a_cancelled_transaction_ends(engine: Engine, readonly: bool) -> None:
    """A caller that is cancelled during a statement gets away, nothing of the transaction stays, and the next one works."""
    await create(engine, "a")
    started = threading.Event()

    async def work(connection: Connection) -> None:
        if not readonly:
            await connection.execute(SQL["insert"], id=2, name="b")
        started.set()
        if connection.dialect == "sqlite" and not readonly:
            stop.wait(10)  # a long statement of a writer isn't interrupted, but no other follows
        await connection.fetch(SLEEP if readonly or connection.dialect == "postgres" else SQL["count"])

    stop = threading.Event()
    task = asyncio.ensure_future(engine.read(work) if readonly else engine.write(work))
    async with asyncio.timeout(10):
        await asyncio.to_thread(started.wait, 10)
        task.cancel()
        next_one = asyncio.ensure_future(insert(engine, 3, "c"))
        await asyncio.sleep(0.05)
        task.cancel()
        assert not next_one.done() or readonly or engine.dialect == "postgres"
        stop.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await next_one == 1
    assert await names(engine) == ["a", "c"]


async def test_context_variables_are_visible(engine: Engine) -> None:
    """What is bound to the caller's context, such as a request id for log lines, is bound inside the work."""
    variable = contextvars.ContextVar[str]("variable", default="unset")
    variable.set("bound")

    async def work(_: Connection) -> str:
        return variable.get()

    assert [await engine.write(work), await engine.read(work), await engine.read(work, brief=True)] == ["bound"] * 3


async def test_trouble_of_the_database_can_t_be_caught(engine: Engine) -> None:
    """StoreUnavailableError ends the transaction even around a savepoint: it isn't the input's fault."""
    await create(engine, "a")

    async def fail(connection: Connection) -> None:
        async with connection.savepoint():
            raise_unavailable(connection)

    async def work(connection: Connection) -> None:
        await connection.execute(SQL["insert"], id=2, name="b")
        with pytest.raises(StoreUnavailableError):
            await fail(connection)

    def raise_unavailable(connection: Connection) -> None:
        error = StoreUnavailableError("the disk is gone")
        connection._health.fail(error)  # type: ignore[attr-defined]
        raise error

    with pytest.raises(StoreUnavailableError, match="the disk is gone"):
        await engine.write(work)
    assert await names(engine) == ["a"]


async def test_a_closed_engine_is_unavailable(engine: Engine) -> None:
    """Work that comes after closing is refused at once."""
    await create(engine)
    await engine.close()
    for work in (engine.read(_nothing), engine.read(_nothing, brief=True), engine.write(_nothing)):
        with pytest.raises(StoreUnavailableError, match="closed"):
            await work


async def test_closing_waits_for_what_runs(engine: Engine) -> None:
    """A transaction that has begun when the engine is closed is committed."""
    await create(engine, "a")
    begun = threading.Event()

    async def work(connection: Connection) -> None:
        begun.set()
        await connection.execute(SQL["insert"], id=2, name="b")

    writing = asyncio.ensure_future(engine.write(work))
    await asyncio.to_thread(begun.wait, 10)
    assert await gather(engine.close(), writing) == [None, None]


async def test_a_database_that_can_t_be_reached_is_unavailable(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A file that can't be opened, one that is no database, and a server that isn't there are told as such."""
    folder = tmp_path_factory.mktemp("unreachable")
    (folder / "text.db").write_text("This is no database, but long enough to be taken for one by its size alone. " * 20)
    for url, message in (
        (str(folder), "unable to open database file"),
        (str(folder / "text.db"), "file is not a database"),
        (str(folder / "text.db" / "below.db"), "there is no folder"),
        (f"postgresql://postgres@/nothing?host={folder}", "can't reach the database"),
        ("postgresql://postgres@127.0.0.1:1/nothing", "can't reach the database"),
    ):
        engine = open_engine(url)
        for call in (engine.write, engine.read):
            with pytest.raises(StoreUnavailableError, match=message) as raised:
                await call(_nothing)
            assert raised.value.__cause__ is not None
        await engine.close()


async def _nothing(_: Connection) -> None:
    return None

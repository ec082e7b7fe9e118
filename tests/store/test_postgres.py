"""What is PostgreSQL's own: collisions, a server that fails, poolers."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio

from schemas.errors import ConflictError, InvalidInputError, StoreUnavailableError
from storage import open_engine
from storage.engine import Connection, Engine
from storage.engines.postgres import ATTEMPTS, PostgresEngine
from storage.engines.postgres_connection import CollisionError, translate
from storage.statements import Statement, parse
from tests.store.things import SQL, create, gather, insert, names
from tests.support.postgres import PostgresServer


@pytest_asyncio.fixture
async def engine(empty_postgres_url: str) -> AsyncIterator[Engine]:
    """An engine on an empty database."""
    opened = open_engine(empty_postgres_url)
    yield opened
    await opened.close()


@pytest.fixture
def ascii_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database without an encoding."""
    postgres_server.sql("CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII'")
    yield postgres_server.url("plain")
    postgres_server.drop("plain")


def _statement(sql: str) -> Statement:
    return parse(f"-- name: it\n-- A statement.\n{sql}")["it"]


async def test_a_statement_that_changes_no_row_counts_none(engine: Engine) -> None:
    """Whatever the server calls it: one word, several, or a count of rows that were read."""
    statements = [_statement(sql) for sql in ("SET LOCAL enable_seqscan = on", "CREATE TABLE made (n BIGINT)", "SELECT 1")]
    for statement in statements:
        assert await engine.write(lambda connection, run=statement: connection.execute(run)) == 0  # type: ignore[misc]


async def test_a_deadlock_is_run_again(engine: Engine) -> None:
    """Of two transactions that wait for each other one runs again as a whole, even with a savepoint around the collision."""
    await create(engine, "a", "b")
    barrier, runs = asyncio.Barrier(2), 0

    def swap(first: int, second: int) -> object:
        async def work(connection: Connection) -> None:
            nonlocal runs
            runs += 1
            await connection.fetch(SQL["lock"], id=first)
            if runs <= 2:
                await barrier.wait()
            async with connection.savepoint():
                await connection.fetch(SQL["lock"], id=second)

        return engine.write(work)

    results = await gather(swap(1, 2), swap(2, 1))  # type: ignore[arg-type]
    assert results == [None, None]
    assert runs == 3


async def test_a_collision_that_never_ends_is_unavailable(engine: Engine) -> None:
    """After so many attempts the work is given up, with the driver's error as the cause of the last."""
    runs = 0
    collide = _statement("SELECT 1")

    async def work(connection: Connection) -> None:
        nonlocal runs
        runs += 1
        await connection.script("DO $$ BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '40001'; END $$")
        await connection.fetch(collide)

    with pytest.raises(StoreUnavailableError, match="not now") as raised:
        await engine.write(work)
    assert isinstance(raised.value.__cause__, asyncpg.SerializationError)
    assert runs == ATTEMPTS


async def test_a_table_that_changed_is_no_error(engine: Engine) -> None:
    """Statements that a connection has prepared survive another process's migration."""
    await create(engine, "a")
    everything = _statement("SELECT * FROM things")
    assert len((await engine.read(lambda connection: connection.fetch(everything)))[0]) == 5
    await engine.write(lambda connection: connection.script("ALTER TABLE things ADD COLUMN more BIGINT"))
    assert len((await engine.read(lambda connection: connection.fetch(everything)))[0]) == 6


async def test_a_server_that_shuts_down_is_unavailable(engine: Engine) -> None:
    """A transaction whose connection is ended by the server is told as such, and the next one has a new connection."""
    await create(engine, "a")
    end = _statement("SELECT pg_terminate_backend(pg_backend_pid())")

    async def inside_a_savepoint(connection: Connection) -> None:
        async with connection.savepoint():
            await connection.fetch(end)

    for work in (lambda connection: connection.fetch(end), inside_a_savepoint):
        with pytest.raises(StoreUnavailableError):
            await engine.write(work)
    assert await names(engine) == ["a"]


async def test_an_idle_connection_that_was_ended_is_replaced(engine: Engine, postgres_server: PostgresServer) -> None:
    """A server that restarts between two transactions goes unnoticed."""
    await create(engine, "a")
    postgres_server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 't%'")
    await asyncio.sleep(0.05)
    assert await names(engine) == ["a"]


async def test_work_that_is_cancelled_again_and_again_ends_quietly(engine: Engine) -> None:
    """As it is when a client of a stream goes away: also while its transaction is being rolled back, and nobody is alarmed."""
    alarms: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: alarms.append(context["message"]))
    await create(engine, "a")
    begun, sleep = asyncio.Event(), _statement("SELECT pg_sleep(30)")

    async def work(connection: Connection) -> None:
        begun.set()
        await connection.fetch(sleep)

    task = asyncio.create_task(engine.read(work))
    await begun.wait()
    while not task.done():
        task.cancel()
        await asyncio.sleep(0.001)
    assert task.cancelled()
    assert await names(engine) == ["a"]
    assert alarms == []


async def test_another_encoding_is_refused(ascii_url: str) -> None:
    """A database that doesn't know Unicode is refused before anything is written."""
    engine = open_engine(ascii_url)
    with pytest.raises(StoreUnavailableError, match="SQL_ASCII"):
        await engine.migrate()
    await engine.close()


async def test_an_unknown_database_is_unavailable(postgres_server: PostgresServer) -> None:
    """The server's word on why it refuses is passed on."""
    engine = open_engine(postgres_server.url("nowhere"))
    with pytest.raises(StoreUnavailableError, match='"nowhere" does not exist'):
        await engine.migrate()
    await engine.close()


async def test_nothing_stays_prepared_behind_a_pooler(empty_postgres_url: str) -> None:
    """With `statement_cache_size=0` no named statement is left on a server that the next client will use."""
    engine = open_engine(f"{empty_postgres_url}&statement_cache_size=0")
    await create(engine, "a", "b")
    assert await names(engine, names=["b"]) == ["b"]
    await insert(engine, 3, "c")
    prepared = _statement("SELECT name FROM pg_prepared_statements")
    assert await engine.read(lambda connection: connection.fetch(prepared)) == []
    await engine.close()


@pytest.mark.parametrize(
    ("url", "passed", "size"),
    [
        ("postgresql://h/d", "postgresql://h/d", 256),
        ("postgresql://h/d?statement_cache_size=0", "postgresql://h/d", 0),
        ("postgres://h/d?statement_cache_size=12&sslmode=require", "postgres://h/d?sslmode=require", 12),
        ("postgresql:///d?host=/s&statement_cache_size=0", "postgresql:///d?host=/s", 0),
    ],
)
def test_the_url_s_own_parameter_is_taken_out(url: str, passed: str, size: int) -> None:
    """What is meant for the driver isn't sent to the server as a setting."""
    engine = open_engine(url)
    assert isinstance(engine, PostgresEngine)
    assert (engine._url, engine._statement_cache_size) == (passed, size)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (asyncpg.UniqueViolationError("x"), ConflictError),
        (asyncpg.ForeignKeyViolationError("x"), ConflictError),
        (asyncpg.CheckViolationError("x"), ConflictError),
        (asyncpg.DeadlockDetectedError("x"), CollisionError),
        (asyncpg.SerializationError("x"), CollisionError),
        (asyncpg.AdminShutdownError("x"), StoreUnavailableError),
        (asyncpg.CannotConnectNowError("x"), StoreUnavailableError),
        (asyncpg.DiskFullError("x"), StoreUnavailableError),
        (asyncpg.TooManyConnectionsError("x"), StoreUnavailableError),
        (asyncpg.ConnectionDoesNotExistError("x"), StoreUnavailableError),
        (asyncpg.QueryCanceledError("x"), StoreUnavailableError),
        (asyncpg.LockNotAvailableError("x"), StoreUnavailableError),
        (asyncpg.ReadOnlySQLTransactionError("x"), StoreUnavailableError),
        (asyncpg.InternalClientError("x"), StoreUnavailableError),
        (ConnectionResetError("x"), StoreUnavailableError),
        (TimeoutError(), StoreUnavailableError),
    ],
)
def test_errors_of_the_server_have_a_meaning(error: Exception, kind: type[Exception]) -> None:
    """What the driver raises becomes what the rest of the software knows."""
    assert type(translate(error, "it")) is kind


def test_mistakes_of_the_program_pass() -> None:
    """A write in a read, a wrong type, a missing table and wrong use of the driver stay as they are."""
    for error in (
        asyncpg.ReadOnlySQLTransactionError("x"),
        asyncpg.DataError("x"),
        asyncpg.UndefinedTableError("x"),
        asyncpg.InterfaceError("x"),
        ValueError("x"),
    ):
        assert translate(error, "it", readonly=True) is error
    assert isinstance(translate(asyncpg.InterfaceError("x"), "it", closed=True), StoreUnavailableError)


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the driver the error names the extra that brings it."""
    for module in [name for name in sys.modules if name.startswith("storage.engines.postgres")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(InvalidInputError, match="extra `postgres`"):
        open_engine("postgresql://127.0.0.1/drawbar")


def test_another_scheme_is_refused() -> None:
    """A URL of a database that isn't supported is told as such."""
    with pytest.raises(InvalidInputError, match="not mysql"):
        open_engine("mysql://127.0.0.1/drawbar")

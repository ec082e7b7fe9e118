"""The embedded engine: one writer and a few readers of one SQLite file in WAL mode, through aiosqlite.

A call to a connection's thread costs some 20 µs, so a whole transaction crosses over once: `work` is a coroutine function, but it
is driven to its end on that thread, and the connection's methods call sqlite3 directly and never suspend. The event loop is free
all the while, the disk's part included. The caller's context variables are visible inside, so that log lines keep their bindings.
"""

import asyncio
import contextvars
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, cast

import aiosqlite
import msgspec

from schemas.errors import ConflictError, StoreUnavailableError
from storage.engine import Row, Work
from storage.migrations import MIGRATIONS_FOLDER, apply_next, list_pending, read_migrations, split
from storage.statements import Dialect, Statement
from storage.text import escape_arguments, escape_rows, unescape_rows

T = TypeVar("T")

# Codes that say the database can't serve right now; the rest are faults of the program and pass (sqlite.org/rescode.html).
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
_PRAGMAS = (
    "PRAGMA busy_timeout = 5000",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # an answered delivery survives a loss of power
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # 64 MiB
)
_WRITER_PRAGMAS = ("PRAGMA wal_autocheckpoint = 16000",)
_READER_PRAGMAS = ("PRAGMA wal_autocheckpoint = 0", "PRAGMA query_only = ON")  # only the writer checkpoints
_MIGRATING_BUSY_MS, _BUSY_MS = 600_000, 5_000


def _translate(error: sqlite3.Error, where: str) -> Exception:
    """The error to raise for one of the driver's, which becomes its cause; the driver's own when it is a fault of the program."""
    if isinstance(error, sqlite3.IntegrityError):
        return ConflictError(f"{where}: {error}")
    if getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNAVAILABLE:
        return StoreUnavailableError(f"{where}: {error}")
    return error


class SqliteConnection:
    """Statements inside one transaction, on the thread of its connection. No method ever suspends."""

    dialect: Dialect = "sqlite"

    def __init__(self, raw: sqlite3.Connection, stopped: Event) -> None:
        self._raw = raw
        self._stopped = stopped  # set when the caller was cancelled: nobody waits for this transaction any more
        self._depth = 0
        self.failed = False

    async def fetch(self, statement: Statement, /, **values: object) -> list[Row]:
        """See `storage.engine.Connection`."""
        return unescape_rows(self._run(statement, values).fetchall())

    async def fetch_one(self, statement: Statement, /, **values: object) -> Row | None:
        """See `storage.engine.Connection`."""
        rows = await self.fetch(statement, **values)
        return rows[0] if rows else None

    async def execute(self, statement: Statement, /, **values: object) -> int:
        """See `storage.engine.Connection`."""
        before = self._raw.total_changes
        cursor = self._run(statement, values)
        cursor.fetchall()
        # sqlite3 doesn't count for a statement that begins with WITH; the total includes what a cascade deleted.
        return cursor.rowcount if cursor.rowcount >= 0 else self._raw.total_changes - before

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """See `storage.engine.Connection`."""
        if rows:
            text = statement.variant(frozenset(), "sqlite")
            self._guard(statement.name, partial(self._raw.executemany, text.sql, escape_rows(rows)))

    async def script(self, sql: str) -> None:
        """See `storage.engine.Connection`."""
        for statement in split(sql):
            self._guard("script", partial(self._raw.execute, statement))

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """See `storage.engine.Connection`."""
        return self._savepoint()

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        self._depth += 1
        name = f"s{self._depth}"
        self._guard("savepoint", partial(self._raw.execute, f"SAVEPOINT {name}"))
        try:
            yield
            self._guard("savepoint", partial(self._raw.execute, f"RELEASE {name}"))
        except BaseException:
            if self._raw.in_transaction:  # a full disk may have rolled all of it back already
                self._raw.execute(f"ROLLBACK TO {name}")
                self._raw.execute(f"RELEASE {name}")
                self.failed = False
            raise
        finally:
            self._depth -= 1

    def check(self) -> None:
        """Raise when the transaction is of no use any more."""
        if self._stopped.is_set():
            raise StoreUnavailableError("the transaction was cancelled")
        if not self._raw.in_transaction:
            raise StoreUnavailableError("the transaction was rolled back by the database")
        if self.failed:
            raise RuntimeError("a statement of this transaction has failed: an error can be caught only around a savepoint")

    def _run(self, statement: Statement, values: dict[str, object]) -> sqlite3.Cursor:
        text, arguments = statement.bind("sqlite", values)
        safe = escape_arguments(arguments)
        if not text.plain:
            safe = [msgspec.json.encode(value).decode() if isinstance(value, list | tuple) else value for value in safe]
        return self._guard(statement.name, partial(self._raw.execute, text.sql, safe))

    def _guard(self, where: str, call: Callable[[], T]) -> T:
        self.check()
        try:
            return call()
        except BaseException as error:
            self.failed = True
            if isinstance(error, sqlite3.Error) and (translated := _translate(error, where)) is not error:
                raise translated from error
            raise


def _drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end here and now. RuntimeError: it waits for something."""
    try:
        work.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    work.close()
    raise RuntimeError("a transaction may await nothing but its connection")


def _transact(raw: sqlite3.Connection, begin: str, stopped: Event, work: Work[T]) -> T:
    """One transaction from BEGIN to COMMIT, on the connection's thread."""
    connection = SqliteConnection(raw, stopped)
    try:
        raw.execute(begin)
        result = _drive(cast("Coroutine[Any, Any, T]", work(connection)))
        connection.check()
        raw.execute("COMMIT")
    except BaseException as error:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error) and (translated := _translate(error, begin)) is not error:
            raise translated from error
        raise
    return result


class SqliteEngine:
    """A SQLite file. Connections are opened when they are first needed; `readers` is how many reads can run at once."""

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path, *, readers: int = 4, migrations: Path = MIGRATIONS_FOLDER) -> None:
        self._path = path
        self._migrations = migrations
        self._writing = asyncio.Lock()
        self._reading = asyncio.Semaphore(readers)
        self._writer: aiosqlite.Connection | None = None
        self._idle: list[aiosqlite.Connection] = []
        self._closed = False
        self._readers = readers

    async def write(self, work: Work[T]) -> T:
        """See `storage.engine.Engine`."""
        async with self._writing:
            return await _cross(await self._open_writer(), "BEGIN IMMEDIATE", work)

    async def read(self, work: Work[T]) -> T:
        """See `storage.engine.Engine`."""
        async with self._reading:
            db = self._idle.pop() if self._idle else await self._open_reader()
            try:
                return await _cross(db, "BEGIN", work)
            finally:
                self._idle.append(db)

    async def migrate(self) -> list[str]:
        """See `storage.engine.Engine`."""
        migrations = read_migrations(self._migrations, self.dialect)
        applied: list[str] = []
        while name := await self.write(lambda connection: apply_next(connection, migrations)):
            applied.append(name)
        return applied

    async def pending_migrations(self) -> list[str]:
        """See `storage.engine.Engine`."""
        migrations = read_migrations(self._migrations, self.dialect)
        return await self.read(lambda connection: list_pending(connection, migrations))

    async def close(self) -> None:
        """See `storage.engine.Engine`."""
        self._closed = True
        async with self._writing:
            for _ in range(self._readers):
                await self._reading.acquire()
            for db in [*self._idle, *([self._writer] if self._writer else [])]:
                await db.close()
            self._idle, self._writer = [], None

    async def _open_writer(self) -> aiosqlite.Connection:
        if self._writer is None:
            self._writer = await self._open(_WRITER_PRAGMAS)
        return self._writer

    async def _open_reader(self) -> aiosqlite.Connection:
        async with self._writing:
            await self._open_writer()  # which makes the file, and checkpoints what readers can't
        return await self._open(_READER_PRAGMAS)

    async def _open(self, pragmas: tuple[str, ...]) -> aiosqlite.Connection:
        if self._closed:
            raise StoreUnavailableError(f"{self._path} is closed")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            db = await aiosqlite.connect(self._path, isolation_level=None, cached_statements=256)
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(f"can't open the database {self._path}: {error}") from error
        try:
            for pragma in (*_PRAGMAS, *pragmas):
                await db.execute_fetchall(pragma)
        except BaseException as error:
            await db.close()
            if isinstance(error, sqlite3.Error):
                raise StoreUnavailableError(f"can't open the database {self._path}: {error}") from error
            raise
        return db


async def _cross(db: aiosqlite.Connection, begin: str, work: Work[T]) -> T:
    """Run a transaction on the connection's thread. If the caller is cancelled, wait until it has rolled back or committed."""
    stopped = Event()
    # aiosqlite has no public way to run a function on a connection's thread.
    raw = db._conn  # noqa: SLF001 - as said
    run = partial(contextvars.copy_context().run, _transact, raw, begin, stopped, work)
    execute = cast("Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]", db._execute)  # noqa: SLF001 - as said
    try:
        return cast("T", await execute(run))
    except asyncio.CancelledError:
        stopped.set()
        if begin == "BEGIN":
            raw.interrupt()  # a long read ends early; a write is stopped between its statements
        settled = asyncio.ensure_future(execute(int))  # the thread takes its work in order
        while not settled.done():
            with suppress(asyncio.CancelledError):
                await asyncio.shield(settled)
        raise

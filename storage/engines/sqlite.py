"""The embedded engine: one writer and a few readers of one SQLite file in WAL mode, through aiosqlite.

A call to a connection's thread costs some 20 µs, so a whole transaction crosses over once: `work` is a coroutine function, but it
is driven to its end on that thread, and the connection's methods call sqlite3 directly and never suspend. The event loop is free
all the while, the disk's part included. The caller's context variables are visible inside, so that log lines keep their bindings.
"""

import asyncio
import contextvars
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, cast

import aiosqlite

from schemas.errors import StoreUnavailableError
from storage.engine import Connection, Work
from storage.engines.sqlite_backup import copy_database
from storage.engines.sqlite_connection import transact
from storage.engines.sqlite_opening import BRIEF_PRAGMAS, BUSY_S, READER_PRAGMAS, WRITER_PRAGMAS, connect
from storage.engines.sqlite_planner import tell_planner
from storage.migrations import MIGRATIONS_FOLDER, apply_next, list_applied, list_pending, read_migrations
from storage.translation import Dialect

T = TypeVar("T")

_MIGRATING_BUSY_S = 300.0  # how long one process waits for another one's migration
_INTERRUPT_S = 0.05
_NEVER = Event()


class SqliteEngine:
    """A SQLite file, made when it isn't there, in a folder that is. For the methods see `storage.engine.Engine`.

    Connections are opened when they are first needed; `readers` is how many reads can run at once.
    """

    dialect: Dialect = "sqlite"

    def __init__(self, path: Path, *, readers: int = 4, migrations: Path = MIGRATIONS_FOLDER) -> None:
        self._path = path
        self._migrations = migrations
        self._readers = readers
        self._writing = asyncio.Lock()
        self._reading = asyncio.Semaphore(readers)
        self._writer: aiosqlite.Connection | None = None
        self._idle: list[aiosqlite.Connection] = []
        self._brief: sqlite3.Connection | None = None
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        """A transaction that can write."""
        async with self._writing:
            return await _cross(self._writer or await self._open_writer(), work, readonly=False)

    async def read(self, work: Work[T], *, brief: bool = False) -> T:
        """A transaction that can't. A brief one runs on the event loop's own thread, for which a crossing would cost more."""
        if brief:
            # What can't be had at once, such as a file that another process is recovering, is read on a thread.
            with suppress(StoreUnavailableError):
                return transact(self._brief or await self._open_brief(), _NEVER, work, readonly=True)
        async with self._reading:
            db = self._idle.pop() if self._idle else await self._open_reader()
            try:
                return await _cross(db, work, readonly=True)
            finally:
                self._idle.append(db)

    async def migrate(self) -> list[str]:
        """Apply what is pending. Where nothing is, no lock is waited for."""
        if not await self.pending_migrations():
            return []
        migrations = read_migrations(self._migrations, self.dialect)
        applied: list[str] = []

        async def apply(connection: Connection) -> str | None:
            name = await apply_next(connection, migrations)
            if name:
                await tell_planner(connection)
            return name

        await self._set_busy_timeout(_MIGRATING_BUSY_S)
        try:
            while name := await self.write(apply):
                applied.append(name)
        finally:
            await self._set_busy_timeout(BUSY_S)
        return applied

    async def pending_migrations(self) -> list[str]:
        """List what is pending."""
        migrations = read_migrations(self._migrations, self.dialect)
        if not self._path.exists():
            return [migration.name for migration in migrations]
        return await self.read(lambda connection: list_pending(connection, migrations))

    async def applied_migrations(self) -> list[str]:
        """List what was applied."""
        return await self.read(list_applied) if self._path.exists() else []

    async def backup(self, target: Path, work: Work[T]) -> tuple[T, T | None]:
        """Copy the file with SQLite's online backup, on a thread of its own; if the caller is cancelled, wait for its end."""
        stopped = Event()
        with self._opening():
            copying = asyncio.create_task(asyncio.to_thread(copy_database, self._path, target, stopped, work))
        try:
            return await asyncio.shield(copying)
        except asyncio.CancelledError:
            stopped.set()
            await asyncio.gather(copying, return_exceptions=True)
            raise

    async def close(self) -> None:
        """Close all connections, the writer as the last: it can fold the log into the file."""
        self._closed = True
        async with self._writing:
            for _ in range(self._readers):
                await self._reading.acquire()
            if self._brief is not None:
                self._brief.close()
            for db in (*self._idle, self._writer):
                if db is not None:
                    await db.close()
            self._idle, self._brief, self._writer = [], None, None
            for _ in range(self._readers):
                self._reading.release()

    async def _set_busy_timeout(self, seconds: float) -> None:
        async with self._writing:
            await (self._writer or await self._open_writer()).execute_fetchall(f"PRAGMA busy_timeout = {seconds * 1000:.0f}")

    async def _open_writer(self) -> aiosqlite.Connection:
        """Open the writer; the caller holds the lock."""
        if self._writer is None:
            self._writer = await self._open(WRITER_PRAGMAS)
        return self._writer

    async def _open_reader(self) -> aiosqlite.Connection:
        await self._make_sure_of_writer()
        return await self._open(READER_PRAGMAS)

    async def _open_brief(self) -> sqlite3.Connection:
        await self._make_sure_of_writer()
        if self._brief is None:
            with self._opening():
                self._brief = connect(self._path, BRIEF_PRAGMAS)
        return self._brief

    async def _make_sure_of_writer(self) -> None:
        """The writer makes the file and sets its mode, and checkpoints what readers can't."""
        if self._writer is None:
            async with self._writing:
                await self._open_writer()

    async def _open(self, pragmas: tuple[str, ...]) -> aiosqlite.Connection:
        db = aiosqlite.Connection(partial(connect, self._path, pragmas), iter_chunk_size=64)
        with self._opening():
            try:
                return await db
            except (sqlite3.Error, OSError):
                # Its thread is about to end, and would fail aloud if this event loop ended before it.
                db._thread.join()  # noqa: SLF001 - aiosqlite waits for it only where the connection was opened
                raise

    @contextmanager
    def _opening(self) -> Iterator[None]:
        if self._closed:
            raise StoreUnavailableError(f"the database {self._path} is closed")
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreUnavailableError(f"can't open the database {self._path}: {error}") from error


async def _cross(db: aiosqlite.Connection, work: Work[T], *, readonly: bool) -> T:
    """Run a transaction on the connection's thread. If the caller is cancelled, wait until it has rolled back or committed."""
    stopped = Event()
    # aiosqlite has no public way to run a function on a connection's thread.
    raw = db._conn  # noqa: SLF001 - as said
    execute = cast("Callable[[Callable[[], Any]], Coroutine[Any, Any, Any]]", db._execute)  # noqa: SLF001 - as said
    run = partial(transact, raw, stopped, work, readonly=readonly)
    try:
        return cast("T", await execute(partial(contextvars.copy_context().run, run)))
    except asyncio.CancelledError:
        stopped.set()
        settled = asyncio.ensure_future(execute(int))  # the thread takes its work in order
        while not settled.done():
            if readonly:
                raw.interrupt()  # ends a long read early, but not one that is just about to start: so again and again
            with suppress(asyncio.CancelledError):
                await asyncio.wait({settled}, timeout=_INTERRUPT_S)
        raise

"""One transaction of SQLite on the thread that it runs on: statements, savepoints, and what the driver's errors mean."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from threading import Event
from typing import TypeVar, cast

import msgspec

from schemas.errors import ConflictError, StoreUnavailableError
from storage.engine import Row, Work
from storage.engines.health import Health
from storage.migrations import split
from storage.statements import Statement
from storage.text import escape_arguments, escape_rows, unescape_rows
from storage.translation import Dialect

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


def translate(error: sqlite3.Error, where: str, *, readonly: bool = False) -> Exception:
    """The error to raise for one of the driver's, which becomes its cause; the driver's own when it is a fault of the program."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if isinstance(error, sqlite3.IntegrityError):
        return ConflictError(f"{where}: {error}")
    if code in _UNAVAILABLE and not (readonly and code == sqlite3.SQLITE_READONLY):
        return StoreUnavailableError(f"{where}: {error}")
    return error


class SqliteConnection:
    """Statements inside one transaction. No method ever suspends. For the methods see `storage.engine.Connection`."""

    dialect: Dialect = "sqlite"

    def __init__(self, raw: sqlite3.Connection, stopped: Event, *, readonly: bool) -> None:
        self._raw = raw
        self._stopped = stopped  # set when the caller was cancelled: nobody waits for this transaction any more
        self._readonly = readonly
        self._health = Health()
        self._depth = 0

    async def fetch(self, statement: Statement, /, **values: object) -> list[Row]:
        """All rows."""
        return unescape_rows(self._run(statement, values).fetchall())

    async def fetch_one(self, statement: Statement, /, **values: object) -> Row | None:
        """The first row."""
        rows = await self.fetch(statement, **values)
        return rows[0] if rows else None

    async def execute(self, statement: Statement, /, **values: object) -> int:
        """How many rows changed."""
        before = self._raw.total_changes
        cursor = self._run(statement, values)
        cursor.fetchall()
        # sqlite3 doesn't count for a statement that begins with WITH; the total includes what a cascade deleted.
        return cursor.rowcount if cursor.rowcount >= 0 else self._raw.total_changes - before

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """Once for each row."""
        if rows:
            self._guard(statement.name, partial(self._raw.executemany, statement.for_rows("sqlite").sql, escape_rows(rows)))

    async def script(self, sql: str) -> None:
        """A migration."""
        for statement in split(sql):
            self._guard("script", partial(self._raw.execute, statement))

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that is undone alone."""
        return self._savepoint()

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        name = f"s{self._depth}"
        self._guard("savepoint", partial(self._raw.execute, f"SAVEPOINT {name}"))
        self._depth += 1
        try:
            yield
            self._guard("savepoint", partial(self._raw.execute, f"RELEASE {name}"))
        except BaseException:
            if self._raw.in_transaction:  # a full disk may have rolled all of it back already
                self._raw.execute(f"ROLLBACK TO {name}")
                self._raw.execute(f"RELEASE {name}")
                self._health.recover()
            raise
        finally:
            self._depth -= 1

    def check(self) -> None:
        """Raise when the transaction can't go on."""
        self._health.check()
        if self._stopped.is_set():
            raise StoreUnavailableError("the transaction was cancelled")
        if not self._raw.in_transaction:
            raise StoreUnavailableError("the transaction was rolled back by the database")

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
        except sqlite3.Error as error:
            translated = translate(error, where, readonly=self._readonly)
            self._health.fail(translated)
            if translated is error:
                raise
            raise translated from error
        except BaseException as error:
            self._health.fail(error)
            raise


def transact(raw: sqlite3.Connection, stopped: Event, work: Work[T], *, readonly: bool) -> T:
    """One transaction from BEGIN to COMMIT on this thread. Errors as in `storage.engine`."""
    connection = SqliteConnection(raw, stopped, readonly=readonly)
    try:
        if raw.in_transaction:  # the rollback of the one before had failed
            raw.execute("ROLLBACK")
        raw.execute("BEGIN" if readonly else "BEGIN IMMEDIATE")
        result = _drive(work, connection)
        connection.check()
        raw.execute("COMMIT")
    except BaseException as error:
        if raw.in_transaction:
            with suppress(sqlite3.Error):  # what went wrong first is what to tell
                raw.execute("ROLLBACK")
        if isinstance(error, sqlite3.Error) and (translated := translate(error, "transaction", readonly=readonly)) is not error:
            raise translated from error
        raise
    return result


def _drive(work: Work[T], connection: SqliteConnection) -> T:
    """Run the work to its end here and now. RuntimeError: it waits for something."""
    steps = work(connection).__await__()
    try:
        next(steps)
    except StopIteration as end:
        return cast("T", end.value)
    steps.close()
    raise RuntimeError("a transaction may await nothing but its connection")

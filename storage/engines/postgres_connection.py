"""One transaction of PostgreSQL: statements, savepoints, and what the driver's errors mean."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from schemas.errors import ConflictError, StoreUnavailableError
from storage.engine import Row
from storage.engines.batches import as_batch, can_batch
from storage.engines.health import Health
from storage.statements import Statement
from storage.text import escape_arguments, escape_rows, unescape_rows
from storage.translation import Dialect

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Raw = PoolConnectionProxy[asyncpg.Record]

T = TypeVar("T")

# SQLSTATEs that say the server can't serve right now (PostgreSQL, appendix A): whole classes (connection, resources, operator,
# system), and two states of others: a lock was not to be had, and the transaction idled too long.
_UNAVAILABLE_CLASSES = frozenset({"08", "53", "57", "58"})
_UNAVAILABLE_STATES = frozenset({"55P03", "25P03"})
_READ_ONLY_STATE = "25006"  # in a write: the server has become a standby
# The latest savepoint of a name hides those before it, so one that is undone must go too.
_SAVE = "SAVEPOINT part"
_UNDO = "ROLLBACK TO SAVEPOINT part; RELEASE SAVEPOINT part"
_KEEP = "RELEASE SAVEPOINT part"
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)


class CollisionError(StoreUnavailableError):
    """The transaction collided with another one, or with a migration: run again it may well succeed."""


def translate(error: Exception, where: str, *, readonly: bool = False, closed: bool = False) -> Exception:
    """The error to raise for one of the driver's, which becomes its cause; the driver's own when it is a fault of the program.

    `closed` says that the connection is gone, whatever the driver calls it.
    """
    message = f"{where}: {(str(error) or repr(error)).splitlines()[0]}"
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ConflictError(message)
    if isinstance(error, _AGAIN):
        return CollisionError(message)
    state = (error.sqlstate or "") if isinstance(error, asyncpg.PostgresError) else ""
    if (
        state[:2] in _UNAVAILABLE_CLASSES
        or state in _UNAVAILABLE_STATES
        or (state == _READ_ONLY_STATE and not readonly)
        or isinstance(error, OSError | asyncpg.InternalClientError)
        or (closed and isinstance(error, asyncpg.InterfaceError))
    ):
        return StoreUnavailableError(message)
    return error


def is_gone(raw: "Raw") -> bool:
    """Whether the connection is closed. The pool takes one that the server has closed away from under its user."""
    try:
        return raw.is_closed()
    except asyncpg.InterfaceError:
        return True


class PostgresConnection:
    """Statements inside one transaction. For the methods see `storage.engine.Connection`.

    `batches` keeps what INSERTs became for many rows, None for a statement that can't be rewritten.
    """

    dialect: Dialect = "postgres"

    def __init__(self, raw: "Raw", batches: dict[str, str | None], *, readonly: bool) -> None:
        self._raw = raw
        self._batches = batches
        self._readonly = readonly
        self._health = Health()
        self.check = self._health.check

    async def fetch(self, statement: Statement, /, **values: object) -> list[Row]:
        """All rows."""
        text, arguments = statement.bind("postgres", values)
        records = await self._guard(statement.name, partial(self._raw.fetch, text.sql, *escape_arguments(arguments)))
        return unescape_rows([tuple(record) for record in records])

    async def fetch_one(self, statement: Statement, /, **values: object) -> Row | None:
        """The first row."""
        rows = await self.fetch(statement, **values)
        return rows[0] if rows else None

    async def execute(self, statement: Statement, /, **values: object) -> int:
        """How many rows changed."""
        text, arguments = statement.bind("postgres", values)
        status = await self._guard(statement.name, partial(self._raw.execute, text.sql, *escape_arguments(arguments)))
        words = status.split()
        return int(words[-1]) if words[0] in {"INSERT", "UPDATE", "DELETE"} else 0

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """Once for each row."""
        if not rows:
            return
        sql = statement.for_rows("postgres").sql
        safe = escape_rows(rows)
        if sql not in self._batches:
            self._batches[sql] = await self._guard(statement.name, partial(self._rewrite, sql))
        batch = self._batches[sql]
        if batch is None:
            await self._guard(statement.name, partial(self._raw.executemany, sql, safe))
        else:
            columns = [list(column) for column in zip(*safe, strict=True)]
            await self._guard(statement.name, partial(self._raw.execute, batch, *columns))

    async def script(self, sql: str) -> None:
        """A migration."""
        await self._guard("script", partial(self._raw.execute, sql))

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part that is undone alone."""
        return self._savepoint()

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        await self._guard("savepoint", partial(self._raw.execute, _SAVE))
        try:
            yield
            self.check()
        except BaseException:
            # Unless the connection is gone and all of it is rolled back anyway.
            if not is_gone(self._raw):
                await self._raw.execute(_UNDO)
                self._health.recover()
            raise
        await self._guard("savepoint", partial(self._raw.execute, _KEEP))

    async def _guard(self, where: str, call: Callable[[], Awaitable[T]]) -> T:
        self.check()
        try:
            return await call()
        except Exception as error:
            translated = translate(error, where, readonly=self._readonly, closed=is_gone(self._raw))
            self._health.fail(translated)
            if translated is error:
                raise
            raise translated from error
        except BaseException as error:
            self._health.fail(error)
            raise

    async def _rewrite(self, sql: str) -> str | None:
        if not can_batch(sql):
            return None
        # The unnamed statement: a name could meet another one behind a connection pooler.
        prepared = await self._raw.prepare(sql, name="")
        return as_batch(sql, [parameter.name for parameter in prepared.get_parameters()])

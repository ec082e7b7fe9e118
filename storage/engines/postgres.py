"""The engine for several receivers: PostgreSQL through asyncpg.

A write is a READ COMMITTED transaction, a read a REPEATABLE READ one that can't write. A deadlock or a serialization failure runs
the whole work again. The server's encoding must be UTF8; text columns are `COLLATE "C"` (see `storage.migrations`).
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from schemas.errors import ConflictError, StoreUnavailableError
from storage.engine import Row, Work
from storage.migrations import MIGRATIONS_FOLDER, apply_next, list_pending, read_migrations
from storage.statements import Dialect, Statement
from storage.text import escape_arguments, escape_rows, unescape_rows

try:
    import asyncpg
except ImportError as error:  # pragma: no cover - the tests have it
    raise ImportError("PostgreSQL needs asyncpg: install drawbar with the extra `postgres`") from error

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Raw = PoolConnectionProxy[asyncpg.Record]

T = TypeVar("T")

ATTEMPTS = 5
_JITTER_S = 0.05
_AGAIN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.InvalidCachedStatementError)
# Classes of SQLSTATE that say the server can't serve: connection, resources, operator intervention, system (Appendix A).
_UNAVAILABLE_CLASSES = frozenset({"08", "53", "57", "58"})
_READ_ONLY = "25006"  # a standby took over
_INSERT = re.compile(r"(INSERT\s+INTO\s+\w+\s*\([^()]*\))\s*VALUES\s*\((.*?)\)\s*(ON\s+CONFLICT\b.*)?", re.IGNORECASE | re.DOTALL)
_PLACEHOLDER = re.compile(r"\$(\d+)")


def _translate(error: Exception, where: str) -> Exception:
    """The error to raise for one of the driver's, which becomes its cause; the driver's own when it is a fault of the program."""
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ConflictError(f"{where}: {error}")
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return StoreUnavailableError(f"{where}: {error}") if state[:2] in _UNAVAILABLE_CLASSES else error
    if isinstance(error, OSError | asyncpg.InternalClientError):
        return StoreUnavailableError(f"{where}: {error}")
    return error


class PostgresConnection:
    """Statements inside one transaction."""

    dialect: Dialect = "postgres"

    def __init__(self, raw: "Raw", batches: dict[str, str | None]) -> None:
        self._raw = raw
        self._batches = batches
        self.failed = False

    async def fetch(self, statement: Statement, /, **values: object) -> list[Row]:
        """See `storage.engine.Connection`."""
        text, arguments = statement.bind("postgres", values)
        async with self._guard(statement.name):
            records = await self._raw.fetch(text.sql, *escape_arguments(arguments))
        return unescape_rows([tuple(record) for record in records])

    async def fetch_one(self, statement: Statement, /, **values: object) -> Row | None:
        """See `storage.engine.Connection`."""
        rows = await self.fetch(statement, **values)
        return rows[0] if rows else None

    async def execute(self, statement: Statement, /, **values: object) -> int:
        """See `storage.engine.Connection`."""
        text, arguments = statement.bind("postgres", values)
        async with self._guard(statement.name):
            status = await self._raw.execute(text.sql, *escape_arguments(arguments))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[object]]) -> None:
        """See `storage.engine.Connection`."""
        if not rows:
            return
        sql = statement.variant(frozenset(), "postgres").sql
        safe = escape_rows(rows)
        async with self._guard(statement.name):
            if sql not in self._batches:
                self._batches[sql] = await self._as_batch(sql)
            batch = self._batches[sql]
            if batch is None:
                await self._raw.executemany(sql, safe)
            else:
                await self._raw.execute(batch, *(list(column) for column in zip(*safe, strict=True)))

    async def script(self, sql: str) -> None:
        """See `storage.engine.Connection`."""
        async with self._guard("script"):
            await self._raw.execute(sql)

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """See `storage.engine.Connection`."""
        return self._savepoint()

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        self.check()
        try:
            async with self._raw.transaction():
                yield
                self.check()
        except BaseException:
            self.failed = self._raw.is_closed()
            raise

    def check(self) -> None:
        """Raise when the transaction is of no use any more."""
        if self.failed:
            raise RuntimeError("a statement of this transaction has failed: an error can be caught only around a savepoint")

    @asynccontextmanager
    async def _guard(self, where: str) -> AsyncIterator[None]:
        self.check()
        try:
            yield
        except BaseException as error:
            self.failed = True
            if isinstance(error, Exception) and (translated := _translate(error, where)) is not error:
                raise translated from error
            raise

    async def _as_batch(self, sql: str) -> str | None:
        """An INSERT of one row rewritten to take its parameters as arrays: one round trip for all rows. None: it can't be."""
        insert = _INSERT.fullmatch(sql)
        if insert is None or _PLACEHOLDER.search(insert[3] or ""):
            return None
        # The unnamed statement: a name could meet another one behind a connection pooler.
        prepared = await self._raw.prepare(sql, name="")
        types = [parameter.name for parameter in prepared.get_parameters()]
        if any(name.endswith("[]") for name in types):
            return None
        arrays = ", ".join(f"${number}::{name}[]" for number, name in enumerate(types, 1))
        columns = ", ".join(f"p{number}" for number in range(1, len(types) + 1))
        values = _PLACEHOLDER.sub(r"v.p\1", insert[2])
        return f"{insert[1]} SELECT {values} FROM unnest({arrays}) AS v({columns}) {insert[3] or ''}"  # noqa: S608 - of our own


class PostgresEngine:
    """A PostgreSQL database. The pool is made when it is first needed, so that a receiver can start before its database."""

    dialect: Dialect = "postgres"

    def __init__(
        self, url: str, *, connections: int = 8, statement_cache_size: int = 256, migrations: Path = MIGRATIONS_FOLDER
    ) -> None:
        self._url = url
        self._connections = connections
        self._statement_cache_size = statement_cache_size
        self._migrations = migrations
        self._opening = asyncio.Lock()
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._batches: dict[str, str | None] = {}
        self._closed = False

    async def write(self, work: Work[T]) -> T:
        """See `storage.engine.Engine`."""
        return await self._transact(work, "read_committed", readonly=False)

    async def read(self, work: Work[T]) -> T:
        """See `storage.engine.Engine`."""
        return await self._transact(work, "repeatable_read", readonly=True)

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
        async with self._opening:
            if self._pool is not None:
                await self._pool.close()
                self._pool = None

    async def _transact(self, work: Work[T], isolation: Literal["read_committed", "repeatable_read"], *, readonly: bool) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._attempt(work, isolation, readonly=readonly)
            except _AGAIN as error:
                if attempt == ATTEMPTS:
                    raise StoreUnavailableError(f"the transaction met others {ATTEMPTS} times: {error}") from error
            await asyncio.sleep(random.uniform(0, _JITTER_S * attempt))  # noqa: S311 - spreads load, keeps no secret
        raise AssertionError  # the last attempt returned or raised

    async def _attempt(self, work: Work[T], isolation: Literal["read_committed", "repeatable_read"], *, readonly: bool) -> T:
        pool = self._pool or await self._open()
        try:
            async with pool.acquire() as raw, raw.transaction(isolation=isolation, readonly=readonly):
                connection = PostgresConnection(raw, self._batches)
                result = await work(connection)
                connection.check()
                return result
        except _AGAIN:
            raise
        except (asyncpg.PostgresError, asyncpg.InternalClientError, OSError) as error:
            translated = _translate(error, "transaction")
            if translated is error:
                raise
            raise translated from error

    async def _open(self) -> "asyncpg.Pool[asyncpg.Record]":
        async with self._opening:
            if self._closed:
                raise StoreUnavailableError("the database is closed")
            if self._pool is None:
                try:
                    self._pool = await asyncpg.create_pool(
                        self._url,
                        min_size=1,
                        max_size=self._connections,
                        statement_cache_size=self._statement_cache_size,
                        init=_check_server,
                    )
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
                    raise StoreUnavailableError(f"can't reach the database: {error}") from error
            return self._pool


async def _check_server(raw: "asyncpg.Connection[asyncpg.Record] | Raw") -> None:
    """Refuse a database whose text isn't Unicode."""
    encoding = raw.get_settings().server_encoding
    if encoding != "UTF8":
        raise StoreUnavailableError(f"the database's encoding is {encoding}; drawbar needs UTF8")

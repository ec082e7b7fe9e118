"""The engine for several receivers: PostgreSQL through asyncpg.

A write is a READ COMMITTED transaction, a read a REPEATABLE READ one that can't write. A deadlock, a serialization failure or a
unique key that was taken runs the whole work again. The server's encoding must be UTF8; text columns are `COLLATE "C"` (see
`storage.migrations`).
"""

import asyncio
import random
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from schemas.errors import ConflictError, StoreUnavailableError
from storage.engine import Connection, Work
from storage.engines.postgres_backup import dump_database, find_programs
from storage.engines.postgres_connection import CollisionError, PostgresConnection, is_gone, translate
from storage.migrations import MIGRATIONS_FOLDER, apply_next, list_applied, list_pending, read_migrations
from storage.statements import load
from storage.translation import Dialect

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Raw = PoolConnectionProxy[asyncpg.Record]

T = TypeVar("T")

SQL = load("backup")
ATTEMPTS = 5
_JITTER_S = 0.02
_CONNECT_TIMEOUT_S = 10.0
# In SQL: the driver's own transactions raise an alarm when their end is cancelled.
_BEGIN_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_BEGIN_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


class PostgresEngine:
    """A PostgreSQL database. For the methods see `storage.engine.Engine`.

    The pool is made when it is first needed, so that a receiver can start before its database. `connections` is how many
    transactions can run at once; `statement_cache_size` is 0 behind a pooler that doesn't know prepared statements.
    """

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
        """A transaction that can write."""
        return await self._transact(work, readonly=False)

    async def read(self, work: Work[T], *, brief: bool = False) -> T:  # noqa: ARG002 - brief work is like any other here
        """A transaction that can't."""
        return await self._transact(work, readonly=True)

    async def migrate(self) -> list[str]:
        """Apply what is pending. Where nothing is, no lock is waited for."""
        if not await self.pending_migrations():
            return []
        migrations = read_migrations(self._migrations, self.dialect)
        applied: list[str] = []
        while name := await self.write(lambda connection: apply_next(connection, migrations)):
            applied.append(name)
        return applied

    async def pending_migrations(self) -> list[str]:
        """List what is pending."""
        migrations = read_migrations(self._migrations, self.dialect)
        return await self.read(lambda connection: list_pending(connection, migrations))

    async def applied_migrations(self) -> list[str]:
        """List what was applied."""
        return await self.read(list_applied)

    async def backup(self, target: Path, work: Work[T]) -> tuple[T, T | None]:
        """Let pg_dump write an archive of the snapshot; it is no database before it is restored, so nothing is run on it."""
        find_programs()

        async def dump(connection: Connection) -> T:
            result = await work(connection)
            snapshot = await connection.fetch_one(SQL["export_snapshot"])
            await dump_database(self._url, str(snapshot[0] if snapshot else ""), target)
            return result

        return await self.read(dump), None

    async def close(self) -> None:
        """Close all connections once their transactions have ended."""
        self._closed = True
        async with self._opening:
            if self._pool is not None:
                await self._pool.close()
                self._pool = None

    async def _transact(self, work: Work[T], *, readonly: bool) -> T:
        attempt = 1
        while True:
            try:
                return await self._attempt(work, readonly=readonly)
            except (CollisionError, ConflictError) as error:
                if attempt == ATTEMPTS or not _may_pass(error):
                    raise
            await asyncio.sleep(random.uniform(0, _JITTER_S * 2**attempt))  # noqa: S311 - spreads load, keeps no secret
            attempt += 1

    async def _attempt(self, work: Work[T], *, readonly: bool) -> T:
        pool = self._pool or await self._open()
        try:
            raw = await pool.acquire()
        except _DRIVER_ERRORS as error:
            raise _unreachable(error) from error
        ended = False
        try:
            result = await self._run(raw, work, readonly=readonly)
            ended = True
        except _DRIVER_ERRORS as error:
            translated = translate(error, "transaction", readonly=readonly, closed=is_gone(raw))
            if translated is error:
                raise
            raise translated from error
        finally:
            # In one piece: who is cancelled once can be cancelled again while the transaction is rolled back.
            await asyncio.shield(_give_back(pool, raw, ended=ended))
        return result

    async def _run(self, raw: "Raw", work: Work[T], *, readonly: bool) -> T:
        await raw.execute(_BEGIN_READ if readonly else _BEGIN_WRITE)
        connection = PostgresConnection(raw, self._batches, readonly=readonly)
        result = await work(connection)
        connection.check()
        await raw.execute("COMMIT")
        return result

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
                        timeout=_CONNECT_TIMEOUT_S,
                        init=_check_server,
                        reset=_keep_session,
                    )
                except (*_DRIVER_ERRORS, ValueError) as error:
                    raise _unreachable(error) from error
            return self._pool


def _may_pass(error: CollisionError | ConflictError) -> bool:
    """Whether the work may fare better on a second run: it collided, or someone else had just inserted what it inserted too."""
    return isinstance(error, CollisionError) or isinstance(error.__cause__, asyncpg.UniqueViolationError)


async def _give_back(pool: "asyncpg.Pool[asyncpg.Record]", raw: "Raw", *, ended: bool) -> None:
    """Roll back what has not ended, and let the next one have the connection; one that fails at that is closed."""
    try:
        if not ended and not is_gone(raw):
            await raw.execute("ROLLBACK")
    except _DRIVER_ERRORS:
        raw.terminate()
    await pool.release(raw)


def _unreachable(error: Exception) -> StoreUnavailableError:
    return StoreUnavailableError(f"can't reach the database: {(str(error) or repr(error)).splitlines()[0]}")


async def _check_server(raw: "asyncpg.Connection[asyncpg.Record] | Raw") -> None:
    """Refuse a database whose text isn't Unicode."""
    encoding = raw.get_settings().server_encoding
    if encoding != "UTF8":
        raise StoreUnavailableError(f"the database's encoding is {encoding}, and must be UTF8")


async def _keep_session(_: "asyncpg.Connection[asyncpg.Record] | Raw") -> None:
    """Spare the round trip that resets a session: nothing here changes one (the driver itself ends what is left open)."""

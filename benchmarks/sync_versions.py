"""What applies Asset Sync requests in `benchmarks.sync`: Drawbar, and the naive version over three drivers."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
import asyncpg
import msgspec

from benchmarks import naive, naive_sync
from benchmarks.fleet import ORGANIZATION
from handlers.asset_sync import sync_assets
from handlers.ports import Transaction
from handlers.references import put_meter, put_thing
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from schemas.asset_sync_decoding import decode_sync
from schemas.assets import Meter
from schemas.registry_records import NamedThing
from schemas.wire import time_text, to_json
from storage import open_engine
from storage.store import DatabaseStore

START_US = 1_730_000_000_000_000
ASSET_TYPE, SITE = "Vehicle", "SITE-42"
METERS = (("ODOMETER_KM", "KM"), ("HOURS", "HOURS"))
CLIENT = Actor("client", "a benchmark")

# A body and the time at which it comes, to its answer.
Apply = Callable[[bytes, int], Awaitable[bytes]]
Version = AbstractAsyncContextManager[Apply]


@asynccontextmanager
async def drawbar(url: str) -> AsyncIterator[Apply]:
    """The use case over a fresh database."""
    engine = open_engine(url)
    await engine.migrate()
    store, rules = DatabaseStore(engine), RegistryRules()

    async def set_up(tx: Transaction) -> None:
        for code, unit in METERS:
            await put_meter(tx, ORGANIZATION, Meter(code, unit), CLIENT, START_US)
        await put_thing(tx, ORGANIZATION, "asset_type", NamedThing(ASSET_TYPE))
        await put_thing(tx, ORGANIZATION, "site", NamedThing(SITE))

    async def apply(body: bytes, now_us: int) -> bytes:
        asked = decode_sync(body)
        done = await store.write(lambda tx: sync_assets(tx, ORGANIZATION, asked, CLIENT, rules, now_us))
        return to_json(done.answer)

    await store.write(set_up)
    try:
        yield apply
    finally:
        await engine.close()


@asynccontextmanager
async def drawbar_by_asset(url: str) -> AsyncIterator[Apply]:
    """The same for who sends each asset in a request of its own, which is what a row-by-row version of all that it does costs."""
    async with drawbar(url) as apply_one:

        async def apply(body: bytes, now_us: int) -> bytes:
            asked = msgspec.json.decode(body)
            bodies = [msgspec.json.encode({**asked, "assets": [entry]}) for entry in asked["assets"]]
            answers = [msgspec.json.decode(await apply_one(one, now_us)) for one in bodies]
            return msgspec.json.encode({key: [one for answer in answers for one in answer[key]] for key in ("results", "errors")})

        yield apply


@asynccontextmanager
async def naive_aiosqlite(path: Path, *, an_asset: bool) -> AsyncIterator[Apply]:
    """The naive version on the driver that Drawbar has too, which leaves the event loop free: a call for each statement."""
    naive.connect(path).close()
    async with aiosqlite.connect(path, isolation_level=None, cached_statements=256) as raw:
        for pragma in naive.PRAGMAS:
            await raw.execute(f"PRAGMA {pragma}")
        await raw.executescript(naive_sync.SCHEMA)
        yield await _naive(_Aiosqlite(raw), an_asset=an_asset)


@asynccontextmanager
async def naive_sqlite(path: Path, *, an_asset: bool) -> AsyncIterator[Apply]:
    """The same on the standard library's driver, with which nothing else is served meanwhile."""
    raw = naive.connect(path)
    raw.executescript(naive_sync.SCHEMA)
    try:
        yield await _naive(_Sqlite(raw), an_asset=an_asset)
    finally:
        raw.close()


@asynccontextmanager
async def naive_postgres(url: str, *, an_asset: bool) -> AsyncIterator[Apply]:
    """The same over asyncpg."""
    raw = await asyncpg.connect(url)
    await raw.execute(naive_sync.SCHEMA)
    try:
        yield await _naive(_Postgres(raw), an_asset=an_asset)
    finally:
        await raw.close()


async def _naive(database: naive_sync.Database, *, an_asset: bool) -> Apply:
    await database.execute("INSERT INTO asset_types VALUES (?, ?)", ORGANIZATION, ASSET_TYPE)
    await database.execute("INSERT INTO sites VALUES (?, ?)", ORGANIZATION, SITE)
    for code, unit in METERS:
        await database.execute("INSERT INTO meters VALUES (?, ?, ?)", ORGANIZATION, code, unit)

    async def commit() -> None:
        await database.execute("COMMIT")
        await database.execute("BEGIN")

    async def apply(body: bytes, now_us: int) -> bytes:
        await database.execute("BEGIN")
        answer = await naive_sync.sync(database, ORGANIZATION, body, time_text(now_us), commit if an_asset else _go_on)
        await database.execute("COMMIT")
        return answer

    return apply


async def _go_on() -> None:
    """No commit yet."""


class _Aiosqlite:
    """Implements `naive_sync.Database`."""

    def __init__(self, raw: aiosqlite.Connection) -> None:
        self._raw = raw

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row, in one call, where most would make three."""
        return next(iter(await self._raw.execute_fetchall(sql, values)), None)

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""
        await self._raw.execute(sql, values)


class _Sqlite:
    """Implements `naive_sync.Database`."""

    def __init__(self, raw: sqlite3.Connection) -> None:
        self._raw = raw

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row."""
        row: Sequence[Any] | None = self._raw.execute(sql, values).fetchone()
        return row

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""
        self._raw.execute(sql, values)


class _Postgres:
    """Implements `naive_sync.Database`."""

    def __init__(self, raw: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._raw = raw
        self._texts: dict[str, str] = {}

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row."""
        return next(iter(await self._raw.fetch(self._text(sql), *values)), None)  # type: ignore[return-value] # acts as a row

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""
        await self._raw.execute(self._text(sql), *values)

    def _text(self, sql: str) -> str:
        """The statement with the placeholders of PostgreSQL."""
        if sql not in self._texts:
            first, *rest = sql.split("?")
            self._texts[sql] = first + "".join(f"${number}{part}" for number, part in enumerate(rest, 1))
        return self._texts[sql]

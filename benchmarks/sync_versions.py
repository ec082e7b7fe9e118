"""What applies Asset Sync requests in `benchmarks.sync`: Drawbar, and two versions that work row by row."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import aiosqlite
import asyncpg
import msgspec
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from benchmarks import by_hand_sync, orm_sync, orm_tables
from benchmarks.by_hand_drivers import Aiosqlite, Postgres, Sqlite
from benchmarks.fleet import ORGANIZATION
from benchmarks.naive import PRAGMAS, connect
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
async def naive(url: str) -> AsyncIterator[Apply]:
    """The version of `benchmarks.orm_sync`, as durable as Drawbar."""
    engine = create_async_engine(url.replace("postgresql:", "postgresql+asyncpg:"))
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _set_up)
    async with engine.begin() as connection:
        await connection.run_sync(orm_tables.Base.metadata.create_all)
    async with AsyncSession(engine) as session, session.begin():
        session.add(orm_tables.AssetType(organization_id=ORGANIZATION, name=ASSET_TYPE))
        session.add(orm_tables.Site(organization_id=ORGANIZATION, code=SITE))
        session.add_all(orm_tables.Meter(organization_id=ORGANIZATION, code=code, unit=unit) for code, unit in METERS)

    async def apply(body: bytes, now_us: int) -> bytes:
        async with AsyncSession(engine) as session:
            return await orm_sync.sync(session, ORGANIZATION, body, time_text(now_us))

    try:
        yield apply
    finally:
        await engine.dispose()


def _set_up(connection: DBAPIConnection, _: object) -> None:
    for pragma in PRAGMAS:
        connection.cursor().execute(f"PRAGMA {pragma}")


@asynccontextmanager
async def by_hand_aiosqlite(path: Path, *, an_asset: bool) -> AsyncIterator[Apply]:
    """`benchmarks.by_hand_sync` on the driver that Drawbar has too, leaving the event loop free: a call for each statement."""
    connect(path).close()
    async with aiosqlite.connect(path, isolation_level=None, cached_statements=256) as raw:
        for pragma in PRAGMAS:
            await raw.execute(f"PRAGMA {pragma}")
        await raw.executescript(by_hand_sync.SCHEMA)
        yield await _by_hand(Aiosqlite(raw), an_asset=an_asset)


@asynccontextmanager
async def by_hand_sqlite(path: Path, *, an_asset: bool) -> AsyncIterator[Apply]:
    """The same on the standard library's driver, with which nothing else is served meanwhile."""
    raw = connect(path)
    raw.executescript(by_hand_sync.SCHEMA)
    try:
        yield await _by_hand(Sqlite(raw), an_asset=an_asset)
    finally:
        raw.close()


@asynccontextmanager
async def by_hand_postgres(url: str, *, an_asset: bool) -> AsyncIterator[Apply]:
    """The same over asyncpg."""
    raw = await asyncpg.connect(url)
    await raw.execute(by_hand_sync.SCHEMA)
    try:
        yield await _by_hand(Postgres(raw), an_asset=an_asset)
    finally:
        await raw.close()


async def _by_hand(database: by_hand_sync.Database, *, an_asset: bool) -> Apply:
    await database.execute("INSERT INTO asset_types VALUES (?, ?)", ORGANIZATION, ASSET_TYPE)
    await database.execute("INSERT INTO sites VALUES (?, ?)", ORGANIZATION, SITE)
    for code, unit in METERS:
        await database.execute("INSERT INTO meters VALUES (?, ?, ?)", ORGANIZATION, code, unit)

    async def commit() -> None:
        await database.execute("COMMIT")
        await database.execute("BEGIN")

    async def apply(body: bytes, now_us: int) -> bytes:
        await database.execute("BEGIN")
        answer = await by_hand_sync.sync(database, ORGANIZATION, body, time_text(now_us), commit if an_asset else _go_on)
        await database.execute("COMMIT")
        return answer

    return apply


async def _go_on() -> None:
    """No commit yet."""

"""Stores for the tests of the pairing core. A disk that is waited for is not what they are about."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import uvloop

from storage import open_engine
from storage.engines import sqlite
from storage.store import DatabaseStore
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def without_waiting() -> Iterator[None]:
    """Commits of SQLite that don't wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "_WRITER_PRAGMAS", (*sqlite._WRITER_PRAGMAS, "PRAGMA synchronous = OFF"))
        yield


@pytest_asyncio.fixture
async def store(without_waiting: None, database_url: str) -> AsyncIterator[DatabaseStore]:  # noqa: ARG001 - for its effect
    """A store on a fresh, migrated database, on each engine."""
    engine = open_engine(database_url)
    yield DatabaseStore(engine)
    await engine.close()


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """An event loop for tests that aren't coroutines."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        yield runner


@pytest.fixture(scope="module")
def sqlite_store(
    runner: asyncio.Runner,
    without_waiting: None,  # noqa: ARG001 - for its effect
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[DatabaseStore]:
    """One SQLite store for all tests of a file, which begin by wiping it."""
    engine = open_engine(str(tmp_path_factory.mktemp("store") / "drawbar.db"))
    runner.run(engine.migrate())
    yield DatabaseStore(engine)
    runner.run(engine.close())


@pytest.fixture(scope="module")
def postgres_store(runner: asyncio.Runner, postgres_server: PostgresServer, postgres_template: str) -> Iterator[DatabaseStore]:
    """One PostgreSQL store for all tests of a file, which begin by wiping it."""
    name = postgres_server.create(postgres_template)
    engine = open_engine(postgres_server.url(name))
    yield DatabaseStore(engine)
    runner.run(engine.close())
    postgres_server.drop(name)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared_store(request: pytest.FixtureRequest) -> DatabaseStore:
    """One store for all tests of a file, on each engine."""
    store: DatabaseStore = request.getfixturevalue(f"{request.param}_store")
    return store

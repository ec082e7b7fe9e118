"""Stores for the tests of the pairing core: one database on each engine, wiped before every test.

A disk that is waited for is not what these tests are about.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
import uvloop

from storage import open_engine
from storage.store import DatabaseStore
from tests.support.postgres import PostgresServer
from tests.support.store import dont_wait_for_the_disk, wipe


@pytest.fixture(scope="module")
def without_waiting() -> Iterator[None]:
    """Commits of SQLite that don't wait for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        dont_wait_for_the_disk(patch)
        yield


@pytest.fixture(scope="session")
def shared_sqlite_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a SQLite file for many tests."""
    return str(shutil.copy(sqlite_template, tmp_path_factory.mktemp("shared") / "drawbar.db"))


@pytest.fixture(scope="session")
def shared_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> str:
    """The URL of a PostgreSQL database for many tests."""
    return postgres_server.url(postgres_server.create(postgres_template))


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def store(
    request: pytest.FixtureRequest,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[DatabaseStore]:
    """An empty store on each engine."""
    engine = open_engine(request.getfixturevalue(f"shared_{request.param}_url"))
    opened = DatabaseStore(engine)
    await wipe(opened)
    yield opened
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
    shared_sqlite_url: str,
) -> Iterator[DatabaseStore]:
    """One SQLite store for tests that wipe it themselves."""
    engine = open_engine(shared_sqlite_url)
    yield DatabaseStore(engine)
    runner.run(engine.close())


@pytest.fixture(scope="module")
def postgres_store(runner: asyncio.Runner, shared_postgres_url: str) -> Iterator[DatabaseStore]:
    """One PostgreSQL store for tests that wipe it themselves."""
    engine = open_engine(shared_postgres_url)
    yield DatabaseStore(engine)
    runner.run(engine.close())


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared_store(request: pytest.FixtureRequest) -> DatabaseStore:
    """The same, on each engine."""
    store: DatabaseStore = request.getfixturevalue(f"{request.param}_store")
    return store

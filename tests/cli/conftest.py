"""The command line on a database of its own."""

from pathlib import Path

import pytest

from storage.store import DatabaseStore
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.postgres import PostgresServer
from tests.support.store import dont_wait_for_the_disk, execute, wipe


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits of SQLite inside this process don't wait for the disk: it is not what these tests are about."""
    dont_wait_for_the_disk(monkeypatch)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder to work in."""
    made = tmp_path / "work"
    made.mkdir()
    return made


@pytest.fixture
def fresh(folder: Path) -> Cli:
    """The command line where nothing is yet."""
    return Cli(folder)


@pytest.fixture(scope="session")
def lasting_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> str:
    """The URL of one PostgreSQL database for many tests."""
    return postgres_server.url(postgres_server.create(postgres_template))


@pytest.fixture
def emptied_postgres_url(lasting_postgres_url: str) -> str:
    """The same, emptied: to make a database takes longer than most of these tests."""

    async def empty(store: DatabaseStore) -> None:
        await wipe(store)
        await execute(store, "DELETE FROM tokens", "DELETE FROM clients")

    on_store(lasting_postgres_url, empty)
    return lasting_postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def cli(request: pytest.FixtureRequest, folder: Path) -> Cli:
    """The command line on an empty database of each engine."""
    name = "sqlite_url" if request.param == "sqlite" else "emptied_postgres_url"
    return Cli(folder, {"DRAWBAR_DATABASE": request.getfixturevalue(name)})


@pytest.fixture
def alone(folder: Path, database_url: str) -> Cli:
    """The same on a database that no other test sees, for what changes more than rows."""
    return Cli(folder, {"DRAWBAR_DATABASE": database_url})


@pytest.fixture
def on_sqlite(folder: Path, sqlite_url: str) -> Cli:
    """The command line on an empty SQLite file."""
    return Cli(folder, {"DRAWBAR_DATABASE": sqlite_url})

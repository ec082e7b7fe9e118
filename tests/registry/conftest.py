"""The API over one database of each engine, wiped before every test; secrets that cost nothing to check."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from handlers import credentials
from tests.support.api import Api, running_api
from tests.support.postgres import PostgresServer
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import dont_wait_for_the_disk, wipe


@pytest.fixture(scope="package")
def without_waiting() -> Iterator[None]:
    """Commits that don't wait for the disk, and secrets that are hashed at once: neither is what these tests are about."""
    with pytest.MonkeyPatch.context() as patch:
        dont_wait_for_the_disk(patch)
        patch.setattr(credentials, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        yield


@pytest.fixture(scope="package")
def registry_sqlite_url(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a SQLite file for all tests here."""
    return str(shutil.copy(sqlite_template, tmp_path_factory.mktemp("registry") / "drawbar.db"))


@pytest.fixture(scope="package")
def registry_postgres_url(postgres_server: PostgresServer, postgres_template: str) -> str:
    """The URL of a PostgreSQL database for all tests here."""
    return postgres_server.url(postgres_server.create(postgres_template))


@pytest.fixture(params=["sqlite", "postgres"])
def registry_url(request: pytest.FixtureRequest) -> str:
    """The URL of a database of each engine."""
    return str(request.getfixturevalue(f"registry_{request.param}_url"))


@pytest_asyncio.fixture
async def api(
    registry_url: str,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[Api]:
    """The API with nothing in its database but clients."""
    async with running_api(registry_url) as running:
        await wipe(running.store)
        yield running


@pytest_asyncio.fixture
async def registry(api: Api) -> RegistryApi:
    """A client of an organization whose reference data is that of the fixtures."""
    return await registry_api(api)

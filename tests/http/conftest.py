"""The API over a fresh database of each engine."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.support.api import Api, running_api


@pytest_asyncio.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """The API with nothing in its database but the operator."""
    async with running_api(database_url) as running:
        yield running

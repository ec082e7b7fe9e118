"""A rebuild while others write: what they change between its reading of a page and its lock was not stored wrongly.

On PostgreSQL alone: SQLite has one writer at a time.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from handlers.rebuild import Rebuilt, rebuild
from storage.readings import ReadingTables
from storage.vin_keys import VinKeyTable
from tests.registry.test_by_unit import link, post, reading, relink
from tests.registry.test_links import SECOND, VIN
from tests.support.api import running_api
from tests.support.facts import A
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import pairing, wipe

Change = Callable[[], Awaitable[object]]


@pytest_asyncio.fixture
async def registry(
    registry_postgres_url: str,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[RegistryApi]:
    """A client of an organization, on PostgreSQL."""
    async with running_api(registry_postgres_url) as running:
        await wipe(running.store)
        yield await registry_api(running)


async def rebuild_while(registry: RegistryApi, patch: pytest.MonkeyPatch, table: type[Any], change: Change) -> Rebuilt:
    """A rebuild; `change` is made and committed once it has read the first page of a table, before it locks anything."""
    read = table.all_rows
    pending = [change]

    async def all_rows(self: object, after: object, limit: int) -> list[Any]:
        page: list[Any] = await read(self, after, limit)
        while page and pending:
            await pending.pop()()
        return page

    with patch.context() as patched:
        patched.setattr("handlers.rebuild.digest", _no_digest)
        patched.setattr(table, "all_rows", all_rows)
        done = await rebuild(registry.api.store, registry.api.clock)
    assert not pending
    return done


async def _no_digest(_store: object) -> str:
    """A digest reads the same tables, and locks nothing."""
    return ""


async def test_a_reading_that_moves_meanwhile(registry: RegistryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reading that an operator's link takes to another asset just then is no stray, and stands where it belongs."""
    made = await link(registry, A="on A", B="on B")
    await registry.api.events(pairing(0, A))
    await post(registry, reading(1))
    done = await rebuild_while(registry, monkeypatch, ReadingTables, lambda: relink(registry, {A: made["B"]}))
    assert done.registry_mended == 0
    assert (await rebuild(registry.api.store, registry.api.clock)).registry_mended == 0


async def test_a_vin_that_changes_meanwhile(registry: RegistryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that a sync takes away just then, with the VIN that it was of, is no stray."""
    await registry.put_asset(externalAssetId="T1", name="n", serial=VIN)
    other = {"externalAssetId": "T1", "name": "n", "serial": SECOND}
    done = await rebuild_while(registry, monkeypatch, VinKeyTable, lambda: registry.put_asset(**other))
    assert done.registry_mended == 0
    assert (await rebuild(registry.api.store, registry.api.clock)).registry_mended == 0

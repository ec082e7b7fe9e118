"""The store that a dry run looks into: the configured one as it is, or an empty one where there is none yet."""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from handlers.ports import Store
from receiver.cli.common import check_current, opened, opened_store
from receiver.settings import Settings


@contextlib.asynccontextmanager
async def preview_store(settings: Settings) -> AsyncIterator[Store]:
    """A store to read from; nothing is made or migrated where the settings say. Errors as for `common.opened_store`."""
    async with opened(settings) as (database, store):
        if await database.applied_migrations():
            await check_current(database, settings)
            yield store
            return
    with tempfile.TemporaryDirectory(prefix="drawbar-") as folder:
        elsewhere = msgspec.structs.replace(settings, database=str(Path(folder, "empty.db")))
        async with opened_store(elsewhere, make=True) as empty:
            yield empty

"""Which asset a request means. The one place that knows the kinds of references to assets."""

import re

from handlers.ports import Transaction
from handlers.queries.lists import LAST_TEXT, NEWEST, Viewer
from schemas.errors import NotFoundError
from schemas.events import UUID_PATTERN

_UUID = re.compile(UUID_PATTERN)


async def find_asset(tx: Transaction, viewer: Viewer, ref: str) -> str:
    """The Datahub UUID that a reference stands for, in lower case.

    A reference is such a UUID; ids of the registry will be taken here too. NotFoundError for what is none, and for an asset
    that no event or assertion of an organization in view has named.
    """
    asset_id = ref.lower()
    if _UUID.match(asset_id):
        if await tx.pairings.list_pairings((LAST_TEXT, NEWEST, LAST_TEXT), 1, viewer.organization_id, asset_id=asset_id):
            return asset_id
        if await tx.events.list_events(NEWEST, 1, viewer.organization_id, asset_id=asset_id):
            return asset_id
        if await tx.statements.list_assertions(NEWEST, 1, viewer.organization_id, asset_id=asset_id):
            return asset_id
    raise NotFoundError(f"there is no asset {ref!r}")

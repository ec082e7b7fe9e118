"""Which asset a request means. The one place that knows the kinds of references to assets."""

import re

from handlers.ports import Transaction
from handlers.queries.lists import LAST_TEXT, NEWEST, Viewer
from schemas.errors import ConflictError, NotFoundError, at
from schemas.events import UUID_PATTERN
from schemas.registry_records import AssetRow

_UUID = re.compile(UUID_PATTERN)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")


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


async def find_registry_asset(tx: Transaction, viewer: Viewer, ref: str) -> AssetRow:
    """The asset of the registry that a reference stands for.

    A reference is an `asset_…` id, an externalAssetId or alias, a Datahub UUID that is linked, or the integer id. NotFoundError
    for what is none of an asset in view, ConflictError for what means several, InvalidInputError that names `organizationId`
    where they are of several organizations.
    """
    assets = tx.registry.assets
    found = await assets.find(viewer.organization_id, asset_id=ref) if ref.startswith("asset_") else []
    if not found:
        found = await assets.find(viewer.organization_id, identity=ref)
        if _UUID.match(ref):
            found += await assets.find(viewer.organization_id, datahub_asset_id=ref.lower())
        if _NUMBER.match(ref):
            found += await assets.find(viewer.organization_id, lease_asset_id=int(ref))
    meant = {row.asset.asset_id: row for row in found}
    if not meant:
        raise NotFoundError(f"there is no asset {ref!r}")
    if len({row.organization_id for row in meant.values()}) > 1:
        raise at("organizationId", f"more than one organization has an asset {ref!r}: say which")
    if len(meant) > 1:
        raise ConflictError(f"{ref!r} means several assets: {', '.join(sorted(meant))}")
    return meant.popitem()[1]

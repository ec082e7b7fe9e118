"""Which asset a request means. The one place that knows the kinds of references to assets."""

import re
from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.queries.lists import LAST_TEXT, NEWEST, Viewer
from handlers.rules.links import provisional_of
from schemas.errors import ConflictError, NotFoundError, at
from schemas.events import UUID_PATTERN
from schemas.registry_records import AssetRow

_UUID = re.compile(UUID_PATTERN)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")


async def find_datahub_assets(tx: Transaction, viewer: Viewer, ref: str) -> tuple[str | None, tuple[str, ...]]:
    """The Datahub UUIDs, in lower case, that a reference stands for, and the organization to which that narrows them.

    A reference is such a UUID, or one to an asset of the registry, which can be several or none. NotFoundError for what is none,
    and for an asset that no event or assertion of an organization in view has named; else as for `find_registry_asset`.
    """
    asset_id = ref.lower()
    if _UUID.match(asset_id) and await _is_named(tx, viewer, asset_id):
        return viewer.organization_id, (asset_id,)
    row = await find_registry_asset(tx, viewer, ref)
    key = (row.organization_id, row.asset.asset_id)
    return row.organization_id, tuple((await tx.registry.assets.links_from([key])).get(key, ()))


async def _is_named(tx: Transaction, viewer: Viewer, asset_id: str) -> bool:
    return bool(
        await tx.pairings.list_pairings((LAST_TEXT, NEWEST, LAST_TEXT), 1, viewer.organization_id, asset_id=asset_id)
        or await tx.events.list_events(NEWEST, 1, viewer.organization_id, asset_id=asset_id)
        or await tx.statements.list_assertions(NEWEST, 1, viewer.organization_id, asset_id=asset_id)
    )


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
    meant = {row.asset.asset_id: row for row in await stand_ins(tx, found)}
    if not meant:
        raise NotFoundError(f"there is no asset {ref!r}")
    if len({row.organization_id for row in meant.values()}) > 1:
        raise at("organizationId", f"more than one organization has an asset {ref!r}: say which")
    if len(meant) > 1:
        raise ConflictError(f"{ref!r} means several assets: {', '.join(sorted(meant))}")
    return meant.popitem()[1]


async def stand_ins(tx: Transaction, rows: Sequence[AssetRow]) -> list[AssetRow]:
    """These assets; in place of a provisional one that is none any more, the asset that its Datahub asset turned out to be."""
    provisional = {
        (row.organization_id, row.asset.asset_id): datahub_asset_id
        for row in rows
        if (datahub_asset_id := provisional_of(row.asset)) is not None
    }
    if not provisional:
        return list(rows)
    linked = await tx.registry.assets.links_from(sorted(provisional))
    found: list[AssetRow] = []
    for row in rows:
        key = (row.organization_id, row.asset.asset_id)
        if key not in provisional or key in linked:
            found.append(row)
            continue
        target = (await tx.links.linked([(row.organization_id, provisional[key])])).get((row.organization_id, provisional[key]))
        if target is not None:
            found += await tx.registry.assets.find(row.organization_id, asset_id=target)
    return found

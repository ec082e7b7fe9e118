"""The provisional assets of Datahub assets that are none of the registry's others: made, and brought to the VIN of now."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from handlers.ports import Transaction
from handlers.registry_writing import Actor, Writing, history_row
from handlers.rules.asset_changes import asset_changes
from handlers.rules.links import provisional_asset, provisional_id, provisional_identity, refreshed, vin_of
from schemas.assets import Asset
from schemas.links import DatahubAsset
from schemas.wire import to_json_text


async def provisional_assets(
    tx: Transaction, writing: Writing, rows: Sequence[DatahubAsset], by: Mapping[str, Actor]
) -> dict[str, str]:
    """By Datahub asset, the id of its provisional asset, which is made if there is none, and has the VIN of now.

    The organization's registry is locked. `by` says by Datahub asset whose doing that is, where it isn't the writer's.
    """
    if not rows:
        return {}
    organization_id = writing.organization_id
    identities = [provisional_identity(row.datahub_asset_id) for row in rows]
    assets = await tx.registry.assets.with_identities(organization_id, identities)
    by_own_id = {asset.external_asset_id: asset for asset in assets}
    codes = {asset.code for asset in await tx.registry.assets.with_codes(organization_id, identities)}
    aliased = {alias: asset for asset in assets for alias in asset.aliases}
    missing = [row for row, identity in zip(rows, identities, strict=True) if identity not in by_own_id]
    numbers = iter(await tx.registry.assets.mint(len(missing)))
    ids = await _free_ids(tx, organization_id, [row.datahub_asset_id for row in missing])
    found: dict[str, str] = {}
    put: dict[str, tuple[Asset | None, Asset, Actor | None]] = {}
    for row, identity in zip(rows, identities, strict=True):
        actor = by.get(row.datahub_asset_id)
        asset = by_own_id.get(identity)
        if asset is None:
            asset_id = ids[row.datahub_asset_id]
            code = identity if identity not in codes else f"{identity} {asset_id}"
            asset = provisional_asset(row, asset_id, next(numbers), code, writing.now_us)
            put[asset_id] = (None, asset, actor)
            if holder := aliased.get(identity):
                # It was taken over, and is so no more: whoever asks for it means the Datahub asset.
                first, latest, _ = put.get(holder.asset_id, (holder, holder, None))
                aliases = tuple(alias for alias in latest.aliases if alias != identity)
                put[holder.asset_id] = (first, replace(latest, aliases=aliases, updated_at_us=writing.now_us), actor)
        elif asset.origin == "datahub" and (fresh := refreshed(asset, row, writing.now_us)) != asset:
            put[asset.asset_id] = (asset, fresh, actor)
        found[row.datahub_asset_id] = asset.asset_id
    await tx.registry.assets.put(organization_id, [(asset, vin_of(asset.serial)) for _, asset, _ in put.values()])
    made = [(asset.external_asset_id, asset.asset_id) for before, asset, _ in put.values() if before is None]
    await tx.links.move_identities(organization_id, made)
    await tx.registry.journal.add_asset_changes(
        organization_id,
        [
            history_row(writing, asset.asset_id, to_json_text(tuple(asset_changes(before, asset))), actor)
            for before, asset, actor in put.values()
        ],
    )
    return found


async def _free_ids(tx: Transaction, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, str]:
    """By Datahub asset, the first id of its provisional assets that no asset has."""
    found: dict[str, str] = {}
    number = 0
    while wanted := {each: provisional_id(organization_id, each, number) for each in datahub_asset_ids if each not in found}:
        taken = {asset.asset_id for asset in await tx.registry.assets.of_ids(organization_id, sorted(wanted.values()))}
        found |= {each: asset_id for each, asset_id in wanted.items() if asset_id not in taken}
        number += 1
    return found

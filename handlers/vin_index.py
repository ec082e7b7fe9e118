"""Compute the keys by which assets are found for a sensor's VIN afresh from the assets, and their part of the digest."""

from collections.abc import Sequence
from itertools import groupby

from handlers.ports import Store, Transaction
from handlers.registry_digest import Hash
from handlers.rules.vin_index import keys_of
from schemas.registry_records import SerialRow
from schemas.vin_records import KeyRow
from schemas.wire import to_json

ROWS_AT_A_TIME = 500


async def rebuild_vin_keys(store: Store) -> int:
    """How many keys were missing or too much. Syncs may come in meanwhile: an organization's registry is locked for its part."""
    mended, asset = 0, ("", "")
    while True:

        async def add(tx: Transaction, after: tuple[str, str] = asset) -> tuple[list[SerialRow], int]:
            page = await tx.registry.assets.all_vins(after, ROWS_AT_A_TIME)
            return page, await _add_missing(tx, page)

        assets, missing = await store.write(add)
        mended += missing
        if not assets:
            break
        asset = assets[-1][:2]
    key = ("", "", "")
    while True:

        async def drop(tx: Transaction, after: tuple[str, str, str] = key) -> tuple[list[KeyRow], int]:
            page = await tx.vin_keys.all_rows(after, ROWS_AT_A_TIME)
            return page, await _drop_strays(tx, page)

        rows, strays = await store.write(drop)
        mended += strays
        if not rows:
            return mended
        key = rows[-1]


async def add_vin_keys(tx: Transaction, hashed: Hash) -> None:
    """Take all keys into a digest, in an order that both engines share."""
    after = ("", "", "")
    while rows := await tx.vin_keys.all_rows(after, ROWS_AT_A_TIME):
        hashed.update(to_json(rows))
        after = rows[-1]


async def _add_missing(tx: Transaction, page: Sequence[SerialRow]) -> int:
    missing = 0
    for organization_id, members in groupby(page, key=lambda row: row.organization_id):
        await tx.registry.assets.lock(organization_id)
        right = await _right_keys(tx, organization_id, [row.asset_id for row in members])
        lacking = right - await tx.vin_keys.stored(organization_id, sorted(right))
        await tx.vin_keys.change(organization_id, sorted(lacking), [])
        missing += len(lacking)
    return missing


async def _drop_strays(tx: Transaction, page: Sequence[KeyRow]) -> int:
    strays = 0
    for organization_id, members in groupby(page, key=lambda row: row.organization_id):
        await tx.registry.assets.lock(organization_id)
        stored = {(row.key, row.asset_id) for row in members}
        right = await _right_keys(tx, organization_id, sorted({asset_id for _, asset_id in stored}))
        # The page was read before the lock: what a sync has taken away meanwhile was not stored wrongly.
        wrong = await tx.vin_keys.stored(organization_id, sorted(stored - right)) if stored - right else set()
        await tx.vin_keys.change(organization_id, [], sorted(wrong))
        strays += len(wrong)
    return strays


async def _right_keys(tx: Transaction, organization_id: str, asset_ids: Sequence[str]) -> set[tuple[str, str]]:
    found = await tx.registry.assets.of_ids(organization_id, asset_ids)
    return {key for asset in found for key in keys_of(asset.asset_id, asset.serial, asset.origin)}

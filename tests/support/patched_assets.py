"""Assets in a store, put there without a sync, and what patches made of them."""

from handlers.ports import Transaction
from schemas.assets import Asset
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION


def asset(number: int, **fields: object) -> Asset:
    """An asset with this integer id."""
    given = {"external_asset_id": f"TRUCK-{number}", "code": f"TRUCK-{number}", "name": f"Truck {number}"} | fields
    return Asset(asset_id=f"asset_{number:032x}", lease_asset_id=number, **given)  # type: ignore[arg-type] # fields of Asset


async def put_assets(store: DatabaseStore, *assets: Asset, organization_id: str = ORGANIZATION) -> None:
    """Put assets."""

    async def work(tx: Transaction) -> None:
        await tx.registry.assets.put(organization_id, [(each, None) for each in assets])
        identities = [(each.external_asset_id, each.asset_id) for each in assets]
        await tx.registry.assets.add_identities(organization_id, identities)

    await store.write(work)


async def get_assets(store: DatabaseStore, *numbers: int, organization_id: str = ORGANIZATION) -> dict[int, Asset]:
    """Assets by their integer ids."""
    found = await store.read(lambda tx: tx.registry.assets.of_lease_ids(organization_id, numbers))
    return {each.lease_asset_id: each for each in found}


async def asset_history(store: DatabaseStore, number: int, organization_id: str = ORGANIZATION) -> list[tuple[str, str, str]]:
    """(kind of actor, actor, changes) of what was done to an asset, newest first."""
    rows = await store.read(
        lambda tx: tx.registry.journal.asset_history(organization_id, asset(number).asset_id, 2**63 - 1, 1000)
    )
    return [(row.actor_kind, row.actor, row.changes) for row in rows]

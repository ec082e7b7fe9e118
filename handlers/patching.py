"""Patches into the registry."""

from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.registry import Actor, apply, begin
from handlers.registry_view import RegistryView
from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_patches import not_found, plan_patch
from schemas.patches import AssetPatch


async def patch_assets(
    tx: Transaction, organization_id: str, patches: Sequence[AssetPatch], job_id: int, now_us: int
) -> list[str | None]:
    """Apply a job's patches, each of another asset; for each of them why it failed, None where it didn't."""
    writing = await begin(tx, organization_id, Actor("patch", str(job_id)), now_us)
    found = await tx.registry.assets.of_lease_ids(organization_id, [patch.asset_id for patch in patches])
    assets = {asset.lease_asset_id: asset for asset in found}
    plans = [
        plan_patch(number, assets[patch.asset_id], patch, now_us)
        for number, patch in enumerate(patches)
        if patch.asset_id in assets
    ]
    # Of meters nothing is read: no property that can be patched has a say in them.
    view = RegistryView(AssetIndex(assets=found), {})
    await apply(tx, writing, [plan for plan in plans if plan.asset_changed], view)
    return [None if patch.asset_id in assets else not_found(patch.asset_id) for patch in patches]

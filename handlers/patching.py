"""Patches into the registry."""

from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.queries.assets import stand_ins
from handlers.registry import Actor, apply, begin
from handlers.registry_view import RegistryView
from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_patches import not_found, plan_patch, refusal
from schemas.asset_plans import AssetPlan
from schemas.patches import AssetPatch
from schemas.registry_records import AssetRow


async def patch_assets(
    tx: Transaction, organization_id: str, patches: Sequence[AssetPatch], job_id: int, now_us: int
) -> list[str | None]:
    """Apply a job's patches in their order; for each of them why it failed, None where it didn't.

    The id of a provisional asset means the asset that its Datahub asset turned out to be, so two ids can be of one asset.
    """
    writing = await begin(tx, organization_id, Actor("patch", str(job_id)), now_us)
    found = await tx.registry.assets.of_lease_ids(organization_id, [patch.asset_id for patch in patches])
    rows = {asset.lease_asset_id: await stand_ins(tx, [AssetRow(organization_id, asset)]) for asset in found}
    meant = {number: row.asset for number, meant in rows.items() for row in meant}
    # Of meters nothing is read: no property that can be patched has a say in them.
    view = RegistryView(AssetIndex(assets=list(meant.values())), {})
    current = {asset.asset_id: asset for asset in meant.values()}
    plans: list[AssetPlan] = []
    messages: list[str | None] = []
    for number, patch in enumerate(patches):
        if patch.asset_id not in meant:
            messages.append(not_found(patch.asset_id))
            continue
        asset = current[meant[patch.asset_id].asset_id]
        messages.append(refusal(asset, patch))
        if messages[-1] is None:
            plan = plan_patch(number, asset, patch, now_us)
            current[plan.asset.asset_id] = plan.asset
            plans.append(plan)
    await apply(tx, writing, [plan for plan in plans if plan.asset_changed], view)
    return messages

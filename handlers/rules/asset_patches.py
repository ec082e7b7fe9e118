"""What a patch makes of an asset.

Source: the lease asset patch, "Patchable properties". `serialNumber` is the asset's serial, from which its VIN is read;
`customerSpecificFields` are its custom fields, merged as a sync merges them.
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from handlers.rules.asset_changes import asset_changes
from handlers.rules.asset_fields import merged_custom_fields
from handlers.rules.sync_messages import provisional_serial
from schemas.asset_plans import AssetPlan
from schemas.assets import Asset
from schemas.patches import AssetPatch

# The exact text of the lease asset patch, "Example". It doesn't tell an asset of others from one that doesn't exist.
_NOT_FOUND = "Either an asset with the id '{}' does not exist or it is not accessible to you."


def not_found(asset_id: int) -> str:
    """The error of a patch whose asset the organization doesn't have."""
    return _NOT_FOUND.format(asset_id)


def refusal(asset: Asset, patch: AssetPatch) -> str | None:
    """Why a patch of an asset fails: the serial of a provisional one follows from what Datahub tells."""
    if asset.origin == "datahub" and patch.serial_number not in (UNSET, asset.serial):
        return provisional_serial(asset.external_asset_id)
    return None


def plan_patch(number: int, asset: Asset, patch: AssetPatch, now_us: int) -> AssetPlan:
    """What a patch, the one of this number among its kind, writes: nothing but the properties in it that differ."""
    patched = _patched(asset, patch)
    changes = tuple(asset_changes(asset, patched))
    return AssetPlan(
        number=number,
        external_asset_id=asset.external_asset_id,
        outcome="UPDATED",
        before=asset,
        asset=replace(patched, updated_at_us=now_us) if changes else asset,
        asset_changed=bool(changes),
        changes=changes,
    )


def _patched(asset: Asset, patch: AssetPatch) -> Asset:
    given: dict[str, Any] = {
        "serial": patch.serial_number,
        "location": patch.location,
        "location_of_installation": patch.location_of_installation,
        "order_number": patch.order_number,
        "cost_center": patch.cost_center,
    }
    fields = {name: value for name, value in given.items() if value is not UNSET}
    custom_fields = merged_custom_fields(asset.custom_fields, patch.customer_specific_fields)
    return replace(asset, **fields, custom_fields=custom_fields)

"""Which keys assets are found by for a sensor's VIN, and which of them a write adds or takes away."""

from collections.abc import Iterable

from handlers.rules.vin_keys import stored_keys
from schemas.asset_plans import AssetPlan
from schemas.assets import Asset

# A key, and the asset that is found by it.
VinKey = tuple[str, str]


def keys_of(asset_id: str, serial: str | None, origin: str) -> set[VinKey]:
    """The keys of an asset. Provisional assets are never found by VIN."""
    return set() if origin == "datahub" else {(key, asset_id) for key in stored_keys(serial)}


def key_changes(plans: Iterable[AssetPlan]) -> tuple[list[VinKey], list[VinKey]]:
    """The keys that come and those that go with plans in their order; an asset can have several plans."""
    first: dict[str, Asset | None] = {}
    last: dict[str, Asset] = {}
    for plan in plans:
        first.setdefault(plan.asset.asset_id, plan.before)
        last[plan.asset.asset_id] = plan.asset
    added: set[VinKey] = set()
    removed: set[VinKey] = set()
    for asset_id, after in last.items():
        before = first[asset_id]
        if before is not None and (before.serial, before.origin) == (after.serial, after.origin):
            continue
        had = keys_of(asset_id, before.serial, before.origin) if before else set()
        has = keys_of(asset_id, after.serial, after.origin)
        added |= has - had
        removed |= had - has
    return sorted(added), sorted(removed)

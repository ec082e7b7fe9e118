"""What a write changes, field by field: for the audit, and to tell whether it changes anything at all."""

from collections.abc import Iterator
from typing import Any

from schemas.assets import Asset, Change, EffectiveAssignment
from schemas.decimals import same_json
from schemas.wire import optional_time_text

_ASSET_FIELDS = {
    "external_asset_id": "externalAssetId",
    "aliases": "aliases",
    "code": "code",
    "name": "name",
    "asset_type_name": "assetTypeName",
    "site_code": "siteCode",
    "serial": "serial",
    "status": "status",
    "description": "description",
    "metadata": "metadata",
    "location": "location",
    "location_of_installation": "locationOfInstallation",
    "order_number": "orderNumber",
    "cost_center": "costCenter",
    "time_zone": "timeZone",
    "origin": "origin",
}
_ASSIGNMENT_FIELDS = {
    "is_active": "isActive",
    "is_applicable": "isApplicable",
    "equipment_status": "equipmentStatus",
    "initial_reading": "initialReading",
    "expected_from_sync": "expectedFromSync",
    "validation_thresholds": "validationThresholds",
}
_UNASSIGNED = EffectiveAssignment()


def asset_changes(before: Asset | None, after: Asset) -> Iterator[Change]:
    """The fields that differ; of a new asset all that hold something. `customFields` are compared key by key."""
    if before is not None and is_same(before, after):
        return  # nearly always
    for field, name in _ASSET_FIELDS.items():
        old, new = getattr(before, field, None), getattr(after, field)
        if (before or new not in (None, ())) and not same_json(old, new):
            yield Change(name, old, new)
    old_fields = before.custom_fields if before else {}
    for key in sorted(old_fields.keys() | after.custom_fields.keys()):
        old, new = old_fields.get(key), after.custom_fields.get(key)
        if not same_json(old, new):
            yield Change(f"customFields.{key}", old, new)


def is_same(before: Asset, after: Asset) -> bool:
    """Whether nothing differs, seen at a glance: objects must be the very same, since what is equal need not be the same JSON."""
    if before is after:
        return True
    return before.custom_fields is after.custom_fields and before.metadata is after.metadata and before == after


def assignment_changes(meter_code: str, before: EffectiveAssignment | None, after: EffectiveAssignment) -> Iterator[Change]:
    """The effective values that differ; None is a meter that wasn't assigned, which had the default values."""
    if before is None:
        yield Change("assigned", before=False, after=True, meter_code=meter_code)
        before = _UNASSIGNED
    for field, name in _ASSIGNMENT_FIELDS.items():
        old: Any = getattr(before, field)
        new: Any = getattr(after, field)
        if not same_json(old, new):
            yield Change(name, old, new, meter_code)
    if before.installed_at_us != after.installed_at_us:
        old, new = optional_time_text(before.installed_at_us), optional_time_text(after.installed_at_us)
        yield Change("installedAt", old, new, meter_code)

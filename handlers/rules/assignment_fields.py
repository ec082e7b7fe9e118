"""The fields of an assignment after an entry of `meters`: absent leaves, null takes one out of what is said.

Source: Asset Sync, "Meter Assignment".
"""

from typing import Any

from msgspec import UNSET
from msgspec.structs import replace

from schemas.asset_sync import MeterEntry
from schemas.assets import Assignment
from schemas.decimals import same_json
from schemas.wire import microseconds


def said_fields(fields: Assignment, meter: MeterEntry) -> Assignment:
    """An explicit layer after an entry of `meters`: absent leaves, null takes the field out; itself if that says nothing new."""
    changed: dict[str, Any] = {}
    for name, given in _given(meter):
        if given is UNSET:
            continue
        stored, value = getattr(fields, name), UNSET if given is None else given
        if stored is not value and (stored is UNSET or value is UNSET or not same_json(stored, value)):
            changed[name] = value
    return replace(fields, **changed) if changed else fields


def cleared_fields(before: tuple[str, ...], meter: MeterEntry) -> tuple[str, ...]:
    """The fields that were last sent as null, after an entry of `meters` for a meter that doesn't exist."""
    given = [(name, value) for name, value in _given(meter) if value is not UNSET]
    left = set(before).difference(name for name, _ in given)
    return tuple(sorted(left.union(name for name, value in given if value is None)))


def _given(meter: MeterEntry) -> tuple[tuple[str, Any], ...]:
    """The fields of an assignment as an entry of `meters` has them, by their names in the explicit layer."""
    return (
        ("is_active", meter.is_active),
        ("is_applicable", meter.is_applicable),
        ("equipment_status", meter.equipment_status),
        ("initial_reading", meter.initial_reading),
        ("installed_at_us", microseconds(meter.installed_at) if meter.installed_at else meter.installed_at),
        ("expected_from_sync", meter.expected_from_sync),
        ("validation_thresholds", meter.validation_thresholds),
    )

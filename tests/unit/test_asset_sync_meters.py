"""Assignments of a sync, row by row of the table, and what the status of the asset and its readings do to them."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.assets import EffectiveAssignment, Explicit
from tests.support.registry_model import RegistryModel
from tests.support.sync_bodies import FULL_METER, KM, current, history

EFFECTIVE: dict[str, Any] = {
    "is_active": False,
    "is_applicable": False,
    "equipment_status": "EQUIPPED",
    "initial_reading": Decimal("15000.5"),
    "installed_at_us": 1_579_046_400_000_000,
    "expected_from_sync": True,
    "validation_thresholds": {"maxDeltaPerDay": 1000},
}
DEFAULTS: dict[str, Any] = {
    "is_active": True,
    "is_applicable": True,
    "equipment_status": "UNKNOWN",
    "initial_reading": None,
    "installed_at_us": None,
    "expected_from_sync": False,
    "validation_thresholds": None,
}
NAMES = dict(zip([name for name in FULL_METER if name != "meterCode"], EFFECTIVE, strict=True))


def test_every_assignment_field_is_stored() -> None:
    """An assignment has every field as sent."""
    registry = RegistryModel()
    registry.put(meters=[FULL_METER])
    assert registry.meter() == EffectiveAssignment(**EFFECTIVE)


def test_assignment_defaults() -> None:
    """An assignment with nothing but its code has the documented defaults, and stores none of them."""
    registry = RegistryModel()
    registry.put(meters=[{"meterCode": KM}])
    assert registry.meter() == EffectiveAssignment(**DEFAULTS) == EffectiveAssignment()
    assert registry.index.explicit(registry.asset().asset_id)[KM] == Explicit()


@pytest.mark.parametrize("field", NAMES)
def test_assignment_fields_one_by_one(field: str) -> None:
    """Each field can be sent alone, is left by a sync without it, and goes back to its default by null."""
    registry = RegistryModel()
    alone = DEFAULTS | {NAMES[field]: EFFECTIVE[NAMES[field]]}
    registry.put(meters=[{"meterCode": KM, field: FULL_METER[field]}])
    assert registry.meter() == EffectiveAssignment(**alone)
    registry.put(meters=[{"meterCode": KM}])
    assert registry.meter() == EffectiveAssignment(**alone)
    assert registry.plans[0].changes == ()
    registry.put(meters=[{"meterCode": KM, field: None}])
    assert registry.meter() == EffectiveAssignment(**DEFAULTS)


@pytest.mark.parametrize("field", NAMES)
def test_what_pairings_imply_is_no_default(field: str) -> None:
    """An explicit field stands over what a pairing implies; null brings the implied value back, never a stored one."""
    registry = RegistryModel()
    registry.put()
    implied = EffectiveAssignment(equipment_status="EQUIPPED", expected_from_sync=True)
    registry = RegistryModel(assets=[registry.asset()], implied={registry.asset().asset_id: {KM: ("tp:1",)}})
    assert registry.meter() == implied
    given = {"equipmentStatus": "UNKNOWN", "expectedFromSync": False}.get(field, FULL_METER[field])
    registry.put(meters=[{"meterCode": KM, field: given}])
    assert getattr(registry.meter(), NAMES[field]) != getattr(implied, NAMES[field])
    registry.put(meters=[{"meterCode": KM, field: None}])
    assert registry.meter() == implied


@pytest.mark.parametrize("nothing", [{}, {"meters": None, "meterReadings": None}, {"meters": [], "meterReadings": []}])
def test_no_meters_change_nothing(nothing: dict[str, object]) -> None:
    """Absent, null and empty `meters` and `meterReadings` leave all assignments and readings as they are."""
    registry = RegistryModel()
    registry.put(meters=[FULL_METER | current()[0]])
    registry.put(**nothing)
    assert registry.meter() == EffectiveAssignment(**EFFECTIVE)
    assert registry.shown() == [("25000", "NORMAL")]


@pytest.mark.parametrize("status", ["INACTIVE", "RETIRED"])
def test_a_status_turns_all_meters_off_and_back(status: str) -> None:
    """INACTIVE and RETIRED end with all meters inactive, whatever the entry says; ACTIVE brings back those turned off."""
    registry = RegistryModel()
    registry.put(meters=[{"meterCode": KM}, {"meterCode": "HOURS", "isActive": False}])
    registry.put(status=status, meters=[{"meterCode": KM, "isActive": True}])
    assert (registry.meter().is_active, registry.meter("HOURS").is_active) == (False, False)
    assert {(change.meter_code, change.name, change.after) for change in registry.plans[0].changes} == {
        (None, "status", status),
        (KM, "isActive", False),
    }
    registry.put()
    assert not registry.meter().is_active
    registry.put(status="ACTIVE")
    assert (registry.meter().is_active, registry.meter("HOURS").is_active) == (True, False)
    assert (KM, "isActive", True) in {(change.meter_code, change.name, change.after) for change in registry.plans[0].changes}


def test_a_retired_asset_keeps_its_history() -> None:
    """Readings from before a retirement stay, and SYNC readings after it are stored."""
    registry = RegistryModel()
    registry.put(meters=current(1))
    registry.put(status="RETIRED", meters=current(2, recordedAt="2024-11-19T00:00:00Z"))
    assert registry.shown() == [("1", "NORMAL"), ("2", "NORMAL")]


@pytest.mark.parametrize(
    ("status", "recorded_at", "refused"),
    [
        ("RETIRED", "2024-11-18T12:00:00.000001Z", True),
        ("RETIRED", "2024-11-18T12:00:00Z", False),
        ("RETIRED", "2024-11-18T11:59:59Z", False),
        ("INACTIVE", "2024-11-18T13:00:00Z", False),
        ("ACTIVE", "2024-11-18T13:00:00Z", False),
    ],
)
@pytest.mark.parametrize("kind", ["current", "history"])
def test_inspections_after_retirement(kind: str, status: str, recorded_at: str, *, refused: bool) -> None:
    """An INSPECTION reading recorded after the retirement is refused with a warning, in the retiring sync and in later ones."""
    fields = {"source": "INSPECTION", "recordedAt": recorded_at}
    sent: dict[str, Any] = {"meters": current(**fields)} if kind == "current" else {"meterReadings": history(25000, **fields)}
    registry = RegistryModel()
    for again in ({"status": status}, {}):
        result = registry.put(**sent, **again)
        assert len(result["warnings"]) == refused
        assert all("the asset is retired since 2024-11-18T12:00:00Z" in warning for warning in result["warnings"])
    assert len(registry.shown()) == (not refused)
    registry.put(status="ACTIVE", **sent)
    assert registry.shown() == [("25000", "NORMAL")]


def test_equipment_follows_the_newest_reading() -> None:
    """A newest reading NOT_EQUIPPED is the status of the meter until a later sync sets it or a newer reading comes."""
    registry = RegistryModel()
    registry.put(meters=[FULL_METER | current(1)[0]])
    registry.put(meters=current(None, status="NOT_EQUIPPED", recordedAt="2024-11-18T11:00:00Z"))
    assert registry.meter().equipment_status == "NOT_EQUIPPED"
    latest = registry.series()[1].latest
    assert latest is not None
    assert latest.value == 1
    registry.put(meters=[{"meterCode": KM, "equipmentStatus": "UNKNOWN"}])
    assert registry.meter().equipment_status == "UNKNOWN"
    registry.put(meters=current(None, status="NOT_EQUIPPED", recordedAt="2024-11-18T11:30:00Z"))
    assert registry.meter().equipment_status == "NOT_EQUIPPED"
    registry.put(meters=current(2, recordedAt="2024-11-18T11:45:00Z"))
    assert registry.meter().equipment_status == "UNKNOWN"
    registry.put(meterReadings=history(None, status="NOT_EQUIPPED"))
    assert registry.meter().equipment_status == "UNKNOWN"

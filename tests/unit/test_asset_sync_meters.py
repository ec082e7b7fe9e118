"""Meters and readings of a sync, row by row of the tables: assignment, units, missing meters, statuses of the asset."""

from decimal import Decimal
from typing import Any

import pytest

from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_meters import SyncContext
from handlers.rules.asset_sync import plan_held
from handlers.rules.meter_units import MissingUnit
from schemas.assets import EffectiveAssignment, Explicit, Meter
from schemas.readings import Reading
from tests.support.registry_model import METERS, NOON, RegistryModel

KM, TIME = "ODOMETER_KM", "2024-11-18T10:30:00Z"
MISSING = f"Unit is required for meter '{KM}'. Please specify the unit in your sync payload."
UNKNOWN = "Meter with exact code '{}' not found. Please create the meter in Admin → Meters → Missing Meters before syncing."
FULL: dict[str, Any] = {
    "meterCode": KM,
    "isActive": False,
    "isApplicable": False,
    "equipmentStatus": "EQUIPPED",
    "initialReading": 15000.5,
    "installedAt": "2020-01-15T02:00:00+02:00",
    "expectedFromSync": True,
    "validationThresholds": {"maxDeltaPerDay": 1000},
}
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
NAMES = dict(zip([name for name in FULL if name != "meterCode"], EFFECTIVE, strict=True))


def _mismatch(expected: str, received: str, code: str = KM) -> str:
    refused = f"Unit mismatch for meter '{code}': expected '{expected}', received '{received}'."
    return f"{refused} Reading rejected to prevent data corruption."


def _current(value: object = 25000, **fields: object) -> list[dict[str, object]]:
    return [{"meterCode": KM, "currentReading": {"value": value, "unit": "KM", "recordedAt": TIME, **fields}}]


def _history(*values: object, **fields: object) -> list[dict[str, object]]:
    hours = [f"2024-11-17T{hour:02}:00:00Z" for hour in range(len(values))]
    return [
        {"meterCode": KM, "value": value, "unit": "KM", "recordedAt": hour, **fields}
        for value, hour in zip(values, hours, strict=True)
    ]


def test_every_assignment_field_is_stored() -> None:
    """An assignment has every field as sent."""
    registry = RegistryModel()
    registry.put(meters=[FULL])
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
    registry.put(meters=[{"meterCode": KM, field: FULL[field]}])
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
    given = {"equipmentStatus": "UNKNOWN", "expectedFromSync": False}.get(field, FULL[field])
    registry.put(meters=[{"meterCode": KM, field: given}])
    assert getattr(registry.meter(), NAMES[field]) != getattr(implied, NAMES[field])
    registry.put(meters=[{"meterCode": KM, field: None}])
    assert registry.meter() == implied


@pytest.mark.parametrize("nothing", [{}, {"meters": None, "meterReadings": None}, {"meters": [], "meterReadings": []}])
def test_no_meters_change_nothing(nothing: dict[str, object]) -> None:
    """Absent, null and empty `meters` and `meterReadings` leave all assignments and readings as they are."""
    registry = RegistryModel()
    registry.put(meters=[FULL | _current()[0]])
    registry.put(**nothing)
    assert registry.meter() == EffectiveAssignment(**EFFECTIVE)
    assert registry.shown() == [("25000", "NORMAL")]


@pytest.mark.parametrize("kind", ["current", "history"])
@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ({"value": 25000}, {"value": Decimal(25000)}),
        ({"value": 25000.1}, {"value": Decimal("25000.1")}),
        ({"recordedAt": None}, {"at_us": 1_731_931_200_000_000}),
        ({"recordedAt": "2024-11-18T11:30:00.1234567+01:00"}, {"at_us": 1_731_925_800_123_457}),
        ({"source": "INSPECTION"}, {"source": "INSPECTION"}),
        ({"source": None}, {"source": "SYNC"}),
        ({"status": None}, {"status": "NORMAL"}),
        ({"status": "NOT_EQUIPPED"}, {"status": "NOT_EQUIPPED", "value": None, "unit": None}),
        ({"note": "by hand"}, {"note": "by hand"}),
        ({"note": None}, {"note": None}),
    ],
    ids=lambda case: str(case)[:40],
)
def test_every_reading_field(kind: str, sent: dict[str, object], stored: dict[str, object]) -> None:
    """Each field of a reading is stored as sent, with its documented default: the time of the sync, SYNC, NORMAL, no note."""
    fields = {"value": 1, "unit": "KM", "recordedAt": TIME, **sent}
    registry = RegistryModel()
    if kind == "current":
        registry.put(meters=[{"meterCode": KM, "currentReading": fields}])
    else:
        registry.put(meterReadings=[{"meterCode": KM, **fields}])
    (reading,) = registry.plans[0].readings
    expected = Reading(1, 0, KM, Decimal(1), 1_731_925_800_000_000, "KM")
    assert {name: getattr(reading, name) for name in expected.__struct_fields__} == {
        name: stored.get(name, getattr(expected, name)) for name in expected.__struct_fields__
    }


@pytest.mark.parametrize(
    ("unit", "missing_unit", "warning"),
    [
        ("KM", "reject", None),
        ("km", "reject", _mismatch("KM", "km")),
        ("MILES", "reject", _mismatch("KM", "MILES")),
        (None, "reject", MISSING),
        ("", "reject", MISSING),
        ("KM", "assume", None),
        ("km", "assume", _mismatch("KM", "km")),
        ("MILES", "assume", _mismatch("KM", "MILES")),
        (None, "assume", None),
        ("", "assume", None),
    ],
)
@pytest.mark.parametrize("kind", ["current", "history"])
def test_units(kind: str, unit: str | None, missing_unit: MissingUnit, warning: str | None) -> None:
    """Every row of the unit table under both settings: a reading is stored, or left out with the documented warning."""
    registry = RegistryModel(missing_unit=missing_unit)
    sent: dict[str, Any] = {"meters": _current(unit=unit)} if kind == "current" else {"meterReadings": _history(25000, unit=unit)}
    result = registry.put(**sent)
    assert (result["status"], result["warnings"]) == ("CREATED", [warning] if warning else [])
    assert registry.shown() == ([] if warning else [("25000", "NORMAL")])
    assert [reading.unit for reading in registry.plans[0].readings] == ([] if warning else ["KM"])
    assert (KM in registry.index.explicit(registry.asset().asset_id)) == (kind == "current" or warning is None)


def test_identical_warnings_appear_once() -> None:
    """However many readings lack a unit or name an unknown meter, an asset has each text once, in the order of first sight."""
    readings = [*_history(1, 2, unit=None), {"meterCode": "X", "value": 1}, {"meterCode": "X", "value": 2}]
    result = RegistryModel().put(siteCode="nowhere", meters=[{"meterCode": "X"}, *_current(unit="MI")], meterReadings=readings)
    assert result["warnings"] == [
        "Site with code 'nowhere' not found, asset will be created without site",
        UNKNOWN.format("X"),
        _mismatch("KM", "MI"),
        MISSING,
    ]


@pytest.mark.parametrize(
    ("meter_unit", "value", "unit", "hint"),
    [
        ("KM", "15534.2", "MILES", "15534.2 MILES would be 24999.872 KM"),
        ("KM", "25000", "km", "'km' differs in case only"),
        ("MILES", "1.609344", "KM", "1.609344 KM would be 1 MILES"),
        ("M", "10", "FT", "10 FT would be 3.048 M"),
        ("HOURS", "90", "MINUTES", "90 MINUTES would be 1.5 HOURS"),
        ("HOURS", "5400", "SECONDS", "5400 SECONDS would be 1.5 HOURS"),
        ("MWH", "1500", "KWH", "1500 KWH would be 1.5 MWH"),
        ("PSI", "1", "BAR", "1 BAR would be 14.504 PSI"),
        ("BAR", "100", "KPA", "100 KPA would be 1 BAR"),
        ("C", "212", "F", "212 F would be 100 C"),
        ("F", "-40", "c", "-40 c would be -40 F"),
        ("LITRE", "1", "GALLON", "1 GALLON would be 3.785 LITRE"),
        ("M3", "1500", "LITRE", "1500 LITRE would be 1.5 M3"),
        ("KWH", "5", "KW", None),
        ("KM", "5", "HOURS", None),
        ("KM", "5", "FURLONG", None),
    ],
)
def test_unit_hints(meter_unit: str, value: str, unit: str, hint: str | None) -> None:
    """A refused value in another common unit of one dimension gets a hint beside the documented warning."""
    registry = RegistryModel(meters=[Meter("X", meter_unit)])
    result = registry.put(meters=[{"meterCode": "X", "currentReading": {"value": Decimal(value), "unit": unit}}])
    assert result["warnings"] == [_mismatch(meter_unit, unit, "X")]
    assert result.get("hints") == ([f"Meter 'X' takes '{meter_unit}': {hint}."] if hint else None)


def test_a_hint_keeps_the_bounds_and_is_given_once() -> None:
    """No hint where the converted value would break min or max, and one for each meter and unit."""
    bounded = {"meterCode": KM, "validationThresholds": {"max": 20000}}
    registry = RegistryModel()
    assert "hints" not in registry.put(meters=[bounded], meterReadings=_history(15534, unit="MILES"))
    hints = registry.put(meterReadings=_history(10, 20, 30, unit="MILES"))["hints"]
    assert hints == [f"Meter '{KM}' takes 'KM': 10 MILES would be 16.093 KM."]


@pytest.mark.parametrize("code", ["ODOMETER", "odometer_km", "ODOMETER_KM_H", " ODOMETER_KM"])
def test_meter_codes_are_exact(code: str) -> None:
    """A meter is found by its exact code; any other leaves the asset, the documented warning, and everything held back."""
    registry = RegistryModel()
    result = registry.put(meters=[FULL | {"meterCode": code} | {"currentReading": {"value": 1, "recordedAt": TIME}}])
    assert (result["status"], result["warnings"]) == ("CREATED", [UNKNOWN.format(code)])
    assert registry.index.explicit(registry.asset().asset_id) == {}
    assert registry.plans[0].readings == ()
    (held,) = registry.plans[0].held
    assert (held.meter_code, held.sync_type) == (code, "ASSIGNMENT")
    assert [(reading.value, reading.unit) for reading in held.readings] == [(Decimal(1), None)]


def test_readings_of_a_missing_meter_are_held() -> None:
    """Readings of an unknown meter leave one warning and one attempt, with all of them in it."""
    registry = RegistryModel()
    result = registry.put(meterReadings=[reading | {"meterCode": "X"} for reading in _history(1, 2, 3)])
    assert result["warnings"] == [UNKNOWN.format("X")]
    (held,) = registry.plans[0].held
    assert (held.sync_type, held.fields) == ("READINGS", None)
    assert [(reading.value, reading.position) for reading in held.readings] == [(Decimal(1), 0), (Decimal(2), 1), (Decimal(3), 2)]


def test_what_was_held_can_be_applied() -> None:
    """Once the meter exists, an attempt applies as if it had existed then; what was said since stands, and units are checked."""
    registry = RegistryModel(meters=())
    registry.put(
        meters=[FULL | _current()[0], {"meterCode": KM, "isActive": True}], meterReadings=_history(24000) + _history(7, unit="MI")
    )
    (held,), asset = registry.plans[0].held, registry.asset()
    index = AssetIndex(assets=[asset], meters=METERS)
    context = SyncContext(1, registry.plans[0].asset.created_at_us, registry.plans[0].asset.created_at_us)
    plan = plan_held(held, asset, index, context)
    assert [(reading.value, reading.seq, reading.position) for reading in plan.readings] == [
        (Decimal(25000), 1, 2),
        (Decimal(24000), 1, 0),
    ]
    assert plan.warnings == (_mismatch("KM", "MI"),)
    assert (plan.counts, plan.held) == ((), ())
    assert plan.meters[0].explicit.fields.is_active is True
    assert plan.meters[0].explicit.equipment_seq == 1

    later = RegistryModel(assets=[asset])
    later.put(meters=[{"meterCode": KM, "initialReading": 7, "isApplicable": True}])
    plan = plan_held(held, later.asset(), later.index, context)
    assert (later.meter().initial_reading, later.meter().is_applicable, later.meter().is_active) == (Decimal(7), True, True)
    assert later.meter().equipment_status == "EQUIPPED"


def test_holding_back_again_while_the_meter_is_missing() -> None:
    """Applying an attempt while its meter is still missing holds all of it back again."""
    registry = RegistryModel(meters=())
    registry.put(meters=_current())
    (held,), asset = registry.plans[0].held, registry.asset()
    plan = plan_held(held, asset, registry.index, SyncContext(1, 0, 0))
    assert (plan.readings, plan.meters, plan.held) == ((), (), (held,))


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
    registry.put(meters=_current(1))
    registry.put(status="RETIRED", meters=_current(2, recordedAt="2024-11-19T00:00:00Z"))
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
    sent: dict[str, Any] = {"meters": _current(**fields)} if kind == "current" else {"meterReadings": _history(25000, **fields)}
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
    registry.put(meters=[FULL | _current(1)[0]])
    registry.put(meters=_current(None, status="NOT_EQUIPPED", recordedAt="2024-11-18T11:00:00Z"))
    assert registry.meter().equipment_status == "NOT_EQUIPPED"
    latest = registry.series()[1].latest
    assert latest is not None
    assert latest.value == 1
    registry.put(meters=[{"meterCode": KM, "equipmentStatus": "UNKNOWN"}])
    assert registry.meter().equipment_status == "UNKNOWN"
    registry.put(meters=_current(None, status="NOT_EQUIPPED", recordedAt="2024-11-18T11:30:00Z"))
    assert registry.meter().equipment_status == "NOT_EQUIPPED"
    registry.put(meters=_current(2, recordedAt="2024-11-18T11:45:00Z"))
    assert registry.meter().equipment_status == "UNKNOWN"
    registry.put(meterReadings=_history(None, status="NOT_EQUIPPED"))
    assert registry.meter().equipment_status == "UNKNOWN"


def test_a_current_reading_corrects_the_history_sent_with_it() -> None:
    """At one instant `currentReading` stands over `meterReadings`, in whichever order JSON has them, and over earlier syncs."""
    registry = RegistryModel()
    registry.put(meters=_current(2), meterReadings=_history(1, recordedAt=TIME))
    assert registry.shown() == [("1", "CORRECTED"), ("2", "NORMAL")]
    registry.put(meterReadings=_history(3, recordedAt=TIME))
    assert registry.shown() == [("1", "CORRECTED"), ("2", "CORRECTED"), ("3", "NORMAL")]


def test_a_late_retry_corrects_nothing() -> None:
    """A sync that comes again after another corrected its reading stores nothing and takes nothing back."""
    registry = RegistryModel()
    first = {"syncBatchId": "b", "assets": [{"externalAssetId": "A", "name": "n", "meters": _current(1)}]}
    registry.sync(first)
    registry.put(meters=_current(2))
    registry.sync(first)
    assert registry.shown() == [("1", "CORRECTED"), ("2", "NORMAL")]
    assert len(registry.series()[0]) == 2


def test_suspect_readings_warn() -> None:
    """A reading beyond a threshold is stored as SUSPECT and never the latest; each time it comes a warning names the bound."""
    registry = RegistryModel()
    meters = _current(999, recordedAt="2024-11-17T05:00:00Z")
    meters[0]["validationThresholds"] = {"maxDeltaPerDay": 10, "max": 5000}
    reason = "a change of 989 from the 10 of 2024-11-17T00:00:00Z, over maxDeltaPerDay 10"
    warning = f"Reading 999 for meter '{KM}' at 2024-11-17T05:00:00Z is SUSPECT: {reason}."
    for _ in range(2):
        assert registry.put(meterReadings=_history(10), meters=meters)["warnings"] == [warning]
    assert registry.shown() == [("10", "NORMAL"), ("999", "SUSPECT")]
    latest = registry.series()[1].latest
    assert latest is not None
    assert latest.value == 10


def test_thresholds_of_now_judge_the_past() -> None:
    """New thresholds judge the readings that are there, and null takes the judgement back."""
    registry = RegistryModel()
    registry.put(meterReadings=_history(10, 999))
    registry.put(meters=[{"meterCode": KM, "validationThresholds": {"max": 500}}])
    assert registry.shown() == [("10", "NORMAL"), ("999", "SUSPECT")]
    registry.put(meters=[{"meterCode": KM, "validationThresholds": None}])
    assert registry.shown() == [("10", "NORMAL"), ("999", "NORMAL")]


def test_late_history_never_turns_the_latest_back() -> None:
    """History that arrives after the current reading fills in the past."""
    registry = RegistryModel()
    registry.put(meters=_current(25000))
    registry.clock = NOON.replace("12:", "13:")
    registry.put(meterReadings=_history(24000, 24500))
    latest = registry.series()[1].latest
    assert latest is not None
    assert latest.value == 25000
    assert [value for value, _ in registry.shown()] == ["24000", "24500", "25000"]

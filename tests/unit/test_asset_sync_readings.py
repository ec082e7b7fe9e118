"""Readings of a sync, row by row of the tables, and how their series ends."""

from decimal import Decimal

import pytest

from schemas.readings import Reading
from tests.support.registry_model import NOON, RegistryModel
from tests.support.sync_bodies import KM, TIME, current, history


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


def test_a_current_reading_corrects_the_history_sent_with_it() -> None:
    """At one instant `currentReading` stands over `meterReadings`, in whichever order JSON has them, and over earlier syncs."""
    registry = RegistryModel()
    registry.put(meters=current(2), meterReadings=history(1, recordedAt=TIME))
    assert registry.shown() == [("1", "CORRECTED"), ("2", "NORMAL")]
    registry.put(meterReadings=history(3, recordedAt=TIME))
    assert registry.shown() == [("1", "CORRECTED"), ("2", "CORRECTED"), ("3", "NORMAL")]


def test_a_late_retry_corrects_nothing() -> None:
    """A sync that comes again after another corrected its reading stores nothing and takes nothing back."""
    registry = RegistryModel()
    first = {"syncBatchId": "b", "assets": [{"externalAssetId": "A", "name": "n", "meters": current(1)}]}
    registry.sync(first)
    registry.put(meters=current(2))
    registry.sync(first)
    assert registry.shown() == [("1", "CORRECTED"), ("2", "NORMAL")]
    assert len(registry.series()[0]) == 2


def test_suspect_readings_warn() -> None:
    """A reading beyond a threshold is stored as SUSPECT and never the latest; each time it comes a warning names the bound."""
    registry = RegistryModel()
    meters = current(999, recordedAt="2024-11-17T05:00:00Z")
    meters[0]["validationThresholds"] = {"maxDeltaPerDay": 10, "max": 5000}
    reason = "a change of 989 from the 10 of 2024-11-17T00:00:00Z, over maxDeltaPerDay 10"
    warning = f"Reading 999 for meter '{KM}' at 2024-11-17T05:00:00Z is SUSPECT: {reason}."
    for _ in range(2):
        assert registry.put(meterReadings=history(10), meters=meters)["warnings"] == [warning]
    assert registry.shown() == [("10", "NORMAL"), ("999", "SUSPECT")]
    latest = registry.series()[1].latest
    assert latest is not None
    assert latest.value == 10


def test_thresholds_of_now_judge_the_past() -> None:
    """New thresholds judge the readings that are there, and null takes the judgement back."""
    registry = RegistryModel()
    registry.put(meterReadings=history(10, 999))
    registry.put(meters=[{"meterCode": KM, "validationThresholds": {"max": 500}}])
    assert registry.shown() == [("10", "NORMAL"), ("999", "SUSPECT")]
    registry.put(meters=[{"meterCode": KM, "validationThresholds": None}])
    assert registry.shown() == [("10", "NORMAL"), ("999", "NORMAL")]


def test_late_history_never_turns_the_latest_back() -> None:
    """History that arrives after the current reading fills in the past."""
    registry = RegistryModel()
    registry.put(meters=current(25000))
    registry.clock = NOON.replace("12:", "13:")
    registry.put(meterReadings=history(24000, 24500))
    latest = registry.series()[1].latest
    assert latest is not None
    assert latest.value == 25000
    assert [value for value, _ in registry.shown()] == ["24000", "24500", "25000"]

"""Units of a sync's readings: every row of the table, the documented warnings, and the hints beside them."""

from decimal import Decimal
from typing import Any

import pytest

from handlers.rules.meter_units import MissingUnit
from schemas.assets import Meter
from tests.support.registry_model import RegistryModel
from tests.support.sync_bodies import KM, MISSING_UNIT, UNKNOWN_METER, current, history, mismatch


@pytest.mark.parametrize(
    ("unit", "missing_unit", "warning"),
    [
        ("KM", "reject", None),
        ("km", "reject", mismatch("KM", "km")),
        ("MILES", "reject", mismatch("KM", "MILES")),
        (None, "reject", MISSING_UNIT),
        ("", "reject", MISSING_UNIT),
        ("KM", "assume", None),
        ("km", "assume", mismatch("KM", "km")),
        ("MILES", "assume", mismatch("KM", "MILES")),
        (None, "assume", None),
        ("", "assume", None),
    ],
)
@pytest.mark.parametrize("kind", ["current", "history"])
def test_units(kind: str, unit: str | None, missing_unit: MissingUnit, warning: str | None) -> None:
    """Every row of the unit table under both settings: a reading is stored, or left out with the documented warning."""
    registry = RegistryModel(missing_unit=missing_unit)
    sent: dict[str, Any] = {"meters": current(unit=unit)} if kind == "current" else {"meterReadings": history(25000, unit=unit)}
    result = registry.put(**sent)
    assert (result["status"], result["warnings"]) == ("CREATED", [warning] if warning else [])
    assert registry.shown() == ([] if warning else [("25000", "NORMAL")])
    assert [reading.unit for reading in registry.plans[0].readings] == ([] if warning else ["KM"])
    assert (KM in registry.index.explicit(registry.asset().asset_id)) == (kind == "current" or warning is None)


def test_identical_warnings_appear_once() -> None:
    """However many readings lack a unit or name an unknown meter, an asset has each text once, in the order of first sight."""
    readings = [*history(1, 2, unit=None), {"meterCode": "X", "value": 1}, {"meterCode": "X", "value": 2}]
    result = RegistryModel().put(siteCode="nowhere", meters=[{"meterCode": "X"}, *current(unit="MI")], meterReadings=readings)
    assert result["warnings"] == [
        "Site with code 'nowhere' not found, asset will be created without site",
        UNKNOWN_METER.format("X"),
        mismatch("KM", "MI"),
        MISSING_UNIT,
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
    assert result["warnings"] == [mismatch(meter_unit, unit, "X")]
    assert result.get("hints") == ([f"Meter 'X' takes '{meter_unit}': {hint}."] if hint else None)


def test_a_hint_keeps_the_bounds_and_is_given_once() -> None:
    """No hint where the converted value would break min or max, and one for each meter and unit."""
    bounded = {"meterCode": KM, "validationThresholds": {"max": 20000}}
    registry = RegistryModel()
    assert "hints" not in registry.put(meters=[bounded], meterReadings=history(15534, unit="MILES"))
    hints = registry.put(meterReadings=history(10, 20, 30, unit="MILES"))["hints"]
    assert hints == [f"Meter '{KM}' takes 'KM': 10 MILES would be 16.093 KM."]

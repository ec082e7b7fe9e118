"""Units of readings: compared exactly, never converted; a hint says where a conversion would have helped.

Source: Asset Sync, "Unit Validation (Strict)" and "Common Units".
"""

from decimal import Context, Decimal
from fractions import Fraction
from typing import Literal, NamedTuple

from handlers.rules.thresholds import outside
from schemas.assets import Meter
from schemas.decimals import decimal_text
from schemas.readings import Thresholds

MissingUnit = Literal["reject", "assume"]


class _Unit(NamedTuple):
    """A value in this unit, plus `offset`, times `factor`, is a value in the base unit of its dimension."""

    dimension: str
    factor: Fraction
    offset: int = 0


_COMMON = {
    "KM": _Unit("distance", Fraction(1000)),
    "MILES": _Unit("distance", Fraction("1609.344")),
    "M": _Unit("distance", Fraction(1)),
    "FT": _Unit("distance", Fraction("0.3048")),
    "HOURS": _Unit("time", Fraction(3600)),
    "MINUTES": _Unit("time", Fraction(60)),
    "SECONDS": _Unit("time", Fraction(1)),
    "KWH": _Unit("energy", Fraction(1)),
    "MWH": _Unit("energy", Fraction(1000)),
    "KW": _Unit("power", Fraction(1)),
    "PSI": _Unit("pressure", Fraction("4448.2216152605") / Fraction("0.64516")),
    "BAR": _Unit("pressure", Fraction(100_000)),
    "KPA": _Unit("pressure", Fraction(1000)),
    "C": _Unit("temperature", Fraction(1)),
    "F": _Unit("temperature", Fraction(5, 9), -32),
    "LITRE": _Unit("volume", Fraction(1)),
    "GALLON": _Unit("volume", Fraction("3.785411784")),  # of the United States
    "M3": _Unit("volume", Fraction(1000)),
}
_SHOWN = Context(prec=60)
_SHOWN_STEP = Decimal("0.001")


def unit_fault(meter: Meter, unit: str | None, missing_unit: MissingUnit) -> str | None:
    """Why a reading in this unit is rejected, in the documented words; None if it is accepted. An empty unit is a missing one."""
    if not unit:
        if missing_unit == "assume":
            return None
        return f"Unit is required for meter '{meter.code}'. Please specify the unit in your sync payload."
    if unit != meter.unit:
        return (
            f"Unit mismatch for meter '{meter.code}': expected '{meter.unit}', received '{unit}'. "
            "Reading rejected to prevent data corruption."
        )
    return None


def unit_hint(meter: Meter, value: Decimal, unit: str, thresholds: Thresholds) -> str | None:
    """How a value in another unit would fit the meter: in another case, or after a common conversion that keeps min and max."""
    taken = f"Meter '{meter.code}' takes '{meter.unit}'"
    if unit.upper() == meter.unit.upper():
        return f"{taken}: '{unit}' differs in case only."
    given, wanted = _COMMON.get(unit.upper()), _COMMON.get(meter.unit.upper())
    if given is None or wanted is None or given.dimension != wanted.dimension:
        return None
    fitting = (Fraction(value) + given.offset) * given.factor / wanted.factor - wanted.offset
    shown = _SHOWN.quantize(_SHOWN.divide(Decimal(fitting.numerator), Decimal(fitting.denominator)), _SHOWN_STEP).normalize(
        _SHOWN
    )
    if outside(shown, thresholds):
        return None
    return f"{taken}: {decimal_text(value)} {unit} would be {decimal_text(shown)} {meter.unit}."

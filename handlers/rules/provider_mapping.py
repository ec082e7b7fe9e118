"""From the values that a definition picked out of a provider's record to a standard record, or to the faults in it.

Source: "API integration requirements", "Required data" and "Date and time format".
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from handlers.rules.provider_values import read_amount, read_flag, read_text, read_time_us, shown
from handlers.rules.zones import zone_of
from schemas.currencies import CURRENCIES
from schemas.errors import InvalidInputError, Problem
from schemas.provider_records import (
    METER_TYPES,
    MeterType,
    ProviderAsset,
    ProviderConsumption,
    ProviderMeter,
    ProviderReading,
    ProviderRecord,
)
from schemas.providers import EntityName

_Value = TypeVar("_Value")

REQUIRED: dict[EntityName, tuple[str, ...]] = {
    "assets": ("external_id", "name"),
    "meters": ("external_id", "asset_id", "type", "unit"),
    "readings": ("meter_id", "at", "value"),
    "consumption": ("meter_id", "start", "end", "value"),
}
_USAGE = ("redelivery", "production", "cost", "currency", "estimated")
OPTIONAL: dict[EntityName, tuple[str, ...]] = {
    "assets": ("address", "time_zone", "serial"),
    "meters": ("subtype", "description"),
    "readings": _USAGE,
    "consumption": _USAGE,
}
TIME_FIELDS = frozenset({"at", "start", "end"})


class Values:
    """The picked values of one record; each take either checks one or notes a problem, so that all faults come out at once."""

    def __init__(self, values: Mapping[str, object], time_formats: Mapping[str, str], zone: ZoneInfo | None) -> None:
        self._values, self._time_formats, self._zone = values, time_formats, zone
        self.problems: list[Problem] = []

    def text(self, name: str) -> str:
        """A required text."""
        return self._required(name, read_text, "")

    def optional_text(self, name: str) -> str | None:
        """A text that may be missing; an empty one is missing."""
        return self._optional(name, read_text)

    def amount(self, name: str) -> Decimal:
        """A required exact number."""
        return self._required(name, read_amount, Decimal(0))

    def optional_amount(self, name: str) -> Decimal | None:
        """An exact number that may be missing."""
        return self._optional(name, read_amount)

    def optional_flag(self, name: str) -> bool | None:
        """A flag that may be missing."""
        return self._optional(name, read_flag)

    def time_us(self, name: str) -> int:
        """A required time, in the field's own format."""
        return self._required(name, lambda value: read_time_us(value, self._time_formats.get(name, "iso"), self._zone), 0)

    def meter_type(self) -> MeterType:
        """One of the three types that there are."""
        return self._required("type", _meter_type, "Energy")

    def given(self, name: str) -> bool:
        """Whether the record has the field at all, right or wrong."""
        return self._values.get(name) not in (None, "")

    def fault(self, name: str, message: str) -> None:
        """Note a fault of a field."""
        self.problems.append(Problem(name, message))

    def _optional(self, name: str, read: Callable[[object], _Value]) -> _Value | None:
        if not self.given(name):
            return None
        try:
            return read(self._values[name])
        except InvalidInputError as error:
            self.fault(name, error.message)
            return None

    def _required(self, name: str, read: Callable[[object], _Value], stand_in: _Value) -> _Value:
        known = len(self.problems)
        value = self._optional(name, read)
        if value is None:
            if len(self.problems) == known:
                self.fault(name, "is required")
            return stand_in
        return value


def build_record(
    entity: EntityName,
    values: Mapping[str, object],
    metadata: dict[str, object],
    time_formats: Mapping[str, str],
    zone: ZoneInfo | None,
) -> ProviderRecord:
    """The standard record of these values. `zone` gives dates and times without an offset their instant.

    Raises InvalidInputError whose problems name the standard fields at fault; all of them at once.
    """
    taken = Values(values, time_formats, zone)
    record = _BUILDERS[entity](taken, metadata)
    if taken.problems:
        summary = "; ".join(f"{problem.path}: {problem.message}" for problem in taken.problems)
        raise InvalidInputError(summary, tuple(taken.problems))
    return record


def _asset(taken: Values, metadata: dict[str, object]) -> ProviderRecord:
    time_zone = taken.optional_text("time_zone")
    if time_zone is not None:
        try:
            zone_of(time_zone)
        except InvalidInputError as error:
            taken.fault("time_zone", error.message)
    return ProviderAsset(
        external_id=taken.text("external_id"),
        name=taken.text("name"),
        address=taken.optional_text("address"),
        time_zone=time_zone,
        serial=taken.optional_text("serial"),
        metadata=metadata,
    )


def _meter(taken: Values, metadata: dict[str, object]) -> ProviderRecord:
    return ProviderMeter(
        external_id=taken.text("external_id"),
        asset_id=taken.text("asset_id"),
        type=taken.meter_type(),
        unit=taken.text("unit"),
        subtype=taken.optional_text("subtype"),
        description=taken.optional_text("description"),
        metadata=metadata,
    )


def _reading(taken: Values, metadata: dict[str, object]) -> ProviderRecord:
    return ProviderReading(at_us=taken.time_us("at"), **_usage(taken, metadata))


def _consumption(taken: Values, metadata: dict[str, object]) -> ProviderRecord:
    start_us, end_us = taken.time_us("start"), taken.time_us("end")
    if not taken.problems and end_us <= start_us:
        taken.fault("end", "must be after the start")
    return ProviderConsumption(start_us=start_us, end_us=end_us, **_usage(taken, metadata))


def _usage(taken: Values, metadata: dict[str, object]) -> dict[str, Any]:
    """What both forms of usage have."""
    return {
        "meter_id": taken.text("meter_id"),
        "value": taken.amount("value"),
        "redelivery": taken.optional_amount("redelivery"),
        "production": taken.optional_amount("production"),
        "cost": taken.optional_amount("cost"),
        "currency": _currency(taken),
        "estimated": taken.optional_flag("estimated"),
        "metadata": metadata,
    }


_BUILDERS: dict[EntityName, Callable[[Values, dict[str, object]], ProviderRecord]] = {
    "assets": _asset,
    "meters": _meter,
    "readings": _reading,
    "consumption": _consumption,
}


def _currency(taken: Values) -> str | None:
    currency = taken.optional_text("currency")
    if currency is None:
        if taken.given("cost"):
            taken.fault("currency", "is required with a cost")
    elif currency not in CURRENCIES:
        taken.fault("currency", f"{shown(currency)} is no ISO 4217 code")
    return currency


def _meter_type(value: object) -> MeterType:
    for known in METER_TYPES:
        if value == known:
            return known
    raise InvalidInputError(f"{shown(value)} is none of the meter types {', '.join(METER_TYPES)}")

"""Readings by unit: which are taken, judged by themselves; whose they are is another matter."""

from collections.abc import Mapping
from typing import NamedTuple

from handlers.rules.meter_units import unit_fault, unit_hint
from handlers.rules.sync_context import SyncContext
from handlers.rules.sync_messages import meter_not_found
from schemas.assets import Meter
from schemas.readings import NO_THRESHOLDS, Reading
from schemas.unit_readings import UnitReadingEntry
from schemas.wire import microseconds


class Taken(NamedTuple):
    """A reading as it is kept, or why it isn't: `refused` and perhaps a hint. A `held` one waits for its meter."""

    reading: Reading
    refused: str | None = None
    hint: str | None = None
    held: bool = False


def take(entry: UnitReadingEntry, position: int, meters: Mapping[str, Meter], context: SyncContext) -> Taken:
    """What becomes of one entry at this position of a request. Units are as strict as in a sync."""
    reading = reading_of(entry, position, context)
    meter = meters.get(entry.meter_code)
    if meter is None:
        return Taken(reading, meter_not_found(entry.meter_code), held=True)
    return with_unit(reading, meter, context)


def with_unit(reading: Reading, meter: Meter, context: SyncContext) -> Taken:
    """A reading, whose unit is as sent, once its meter is known."""
    if reading.value is None:
        return Taken(reading)
    if fault := unit_fault(meter, reading.unit, context.missing_unit):
        hint = unit_hint(meter, reading.value, reading.unit, NO_THRESHOLDS) if reading.unit else None
        return Taken(reading, fault, hint)
    return Taken(reading)


def reading_of(entry: UnitReadingEntry, position: int, context: SyncContext) -> Reading:
    """An entry as a reading; without a time it was taken when it came first."""
    status = entry.status or "NORMAL"
    measured = status == "NORMAL"
    return Reading(
        seq=context.seq,
        position=position,
        meter_code=entry.meter_code,
        value=entry.value if measured else None,
        at_us=context.at_us if entry.recorded_at is None else microseconds(entry.recorded_at),
        unit=entry.unit if measured else None,
        status=status,
        source=entry.source or "SYNC",
        note=entry.note,
        unit_id=entry.unit_id,
    )

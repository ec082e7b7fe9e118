"""Readings and series as they are stored, and as the rules see them."""

from decimal import Decimal
from typing import NamedTuple

from handlers.rules.readings import Tail
from schemas.decimals import decimal_text
from schemas.readings import Mark, Reading, ReadingStatus
from schemas.registry_records import ReadingRow, SeriesKey, SeriesRow, UnitReadingRow


class Arrival(NamedTuple):
    """A `numbered` reading that comes into a series, and when it was received."""

    reading: Reading
    received_at_us: int


def arrival_row(key: SeriesKey, arrival: Arrival, mark: Mark) -> ReadingRow:
    """A reading as it is stored."""
    reading = arrival.reading
    return ReadingRow(
        *key,
        reading.at_us,
        reading.seq,
        reading.value,
        reading.source,
        reading.note,
        reading.unit_id,
        arrival.received_at_us,
        mark.status,
        int(mark.shown),
        mark.reason,
    )


def stored_reading(row: ReadingRow) -> Reading:
    """A stored reading as the rules see it."""
    return Reading(row.reading_no, 0, row.meter_code, row.value, row.at_us, status=_status(row.value))


def unit_reading(row: UnitReadingRow) -> Reading:
    """A reading that a unit brought, `numbered`."""
    return Reading(
        row.reading_no,
        0,
        row.meter_code,
        row.value,
        row.at_us,
        status=_status(row.value),
        source=row.source,  # type: ignore[arg-type] # as it was written
        note=row.note,
        unit_id=row.unit_id,
    )


def stored_mark(row: ReadingRow) -> Mark:
    """Its mark."""
    return Mark(row.mark, bool(row.shown), row.reason)  # type: ignore[arg-type] # as it was written


def stored_tail(row: SeriesRow | None) -> Tail:
    """What a series comes to, as the rules see it."""
    latest = newest = None
    if row is not None and row.latest_at_us is not None and row.latest_no is not None:
        latest = Reading(row.latest_no, 0, row.meter_code, _number(row.latest_value), row.latest_at_us)
    if row is not None and row.newest_at_us is not None and row.newest_no is not None:
        value = _number(row.newest_value)
        newest = Reading(row.newest_no, 0, row.meter_code, value, row.newest_at_us, status=_status(value))
    return Tail(latest, newest)


def newest_reading(row: SeriesRow | None) -> Reading | None:
    """The newest reading that says whether there is a meter at all."""
    return stored_tail(row).newest


def series_row(key: SeriesKey, last_at_us: int, tail: Tail) -> SeriesRow:
    """What a series comes to, as it is stored."""
    row = SeriesRow(*key, last_at_us)
    latest, newest = tail
    if latest is not None:
        row = row._replace(latest_at_us=latest.at_us, latest_no=latest.seq, latest_value=_text(latest.value))
    if newest is not None:
        row = row._replace(newest_at_us=newest.at_us, newest_no=newest.seq, newest_value=_text(newest.value))
    return row


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _status(value: object) -> ReadingStatus:
    return "NOT_EQUIPPED" if value is None else "NORMAL"

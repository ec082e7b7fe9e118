"""Readings that are later than all that is stored of their series: judged by what the series came to, with nothing else read.

That is nearly every reading of a regular sync, so the way of a single one is short.
"""

from typing import NamedTuple

from handlers.rules.readings import SeriesFold, instants, reading_order
from handlers.rules.rejudging import neighbourhood
from handlers.rules.series_change import SeriesChange
from handlers.rules.series_rows import arrival_row, series_row, stored_tail
from handlers.rules.thresholds import violation
from schemas.readings import NO_THRESHOLDS, Mark, Reading
from schemas.registry_records import ReadingRow, SeriesKey, SeriesRow

_NORMAL, _NOT_EQUIPPED = Mark("NORMAL"), Mark("NOT_EQUIPPED")


class Onward(NamedTuple):
    """What is to be stored: readings with their marks, and what the series then comes to."""

    readings: list[ReadingRow]
    series: SeriesRow | None
    marks: dict[int, Mark]


def is_onward(change: SeriesChange, stored: SeriesRow | None) -> bool:
    """Whether all arrivals are so much later than what is stored that nothing around them has to be read."""
    if change.distrusted:
        return False
    if stored is None:
        return True
    if change.anew or change.removed_us:
        return False
    arrivals = change.arrivals
    first_us = arrivals[0].reading.at_us if len(arrivals) == 1 else min(one.reading.at_us for one in arrivals)
    return stored.last_at_us < neighbourhood([first_us]).context_us


def go_on(key: SeriesKey, change: SeriesChange, stored: SeriesRow | None) -> Onward:
    """Judge the arrivals of a change that is onward."""
    if len(change.arrivals) == 1:
        return _one(key, change, stored)
    fold = SeriesFold(change.thresholds, stored_tail(stored))
    arrivals = {one.reading.seq: one for one in change.arrivals}
    rows: list[ReadingRow] = []
    marks: dict[int, Mark] = {}
    for instant in instants(sorted((one.reading for one in change.arrivals), key=reading_order)):
        for reading, mark in fold.take(instant):
            marks[reading.seq] = mark
            rows.append(arrival_row(key, arrivals[reading.seq], mark))
    if rows:
        return Onward(rows, series_row(key, rows[-1].at_us, fold.tail), marks)
    return Onward(rows, stored, marks)


def _one(key: SeriesKey, change: SeriesChange, stored: SeriesRow | None) -> Onward:
    arrival = change.arrivals[0]
    reading = arrival.reading
    mark = _NORMAL if reading.status == "NORMAL" else _NOT_EQUIPPED
    if mark is _NORMAL and change.thresholds is not NO_THRESHOLDS:
        reason = violation(reading, stored_tail(stored).latest, change.thresholds)
        mark = Mark("SUSPECT", reason=reason) if reason else mark
    return Onward([arrival_row(key, arrival, mark)], _after(key, reading, mark, stored), {reading.seq: mark})


def _after(key: SeriesKey, reading: Reading, mark: Mark, stored: SeriesRow | None) -> SeriesRow:
    """What the series comes to with one reading more."""
    at_us, number, value = reading.at_us, reading.seq, reading.value
    if mark is _NORMAL:
        return SeriesRow(*key, at_us, at_us, number, value, at_us, number, value)
    before = SeriesRow(*key, at_us) if stored is None else stored._replace(last_at_us=at_us)
    if mark is _NOT_EQUIPPED:
        return before._replace(newest_at_us=at_us, newest_no=number, newest_value=None)
    return before

"""Readings that are later than all that is stored of their series: judged by what the series came to, with nothing else read.

That is nearly every reading of a regular sync, so the way of a single one is short.
"""

from handlers.rules.readings import SeriesFold, instants, reading_order
from handlers.rules.rejudging import context_us
from handlers.rules.series_change import SeriesChange
from handlers.rules.series_rows import arrival_row, series_row, stored_tail
from handlers.rules.thresholds import violation
from schemas.decimals import decimal_text
from schemas.readings import NO_THRESHOLDS, Mark, Reading
from schemas.registry_records import ReadingRow, SeriesKey, SeriesRow

_NORMAL, _NOT_EQUIPPED = Mark("NORMAL"), Mark("NOT_EQUIPPED")


class Onward:
    """Judges changes that are onward one after the other; collects what is to be stored, and marks by number."""

    def __init__(self) -> None:
        self.readings: list[ReadingRow] = []
        self.series: list[SeriesRow] = []
        self.marks: dict[int, Mark] = {}

    def take(self, key: SeriesKey, change: SeriesChange, stored: SeriesRow | None) -> None:
        """The arrivals of a change, and what the series then comes to."""
        if len(change.arrivals) == 1:
            self._take_one(key, change, stored)
            return
        fold = SeriesFold(change.thresholds, stored_tail(stored))
        arrivals = {one.reading.seq: one for one in change.arrivals}
        last_us: int | None = None
        for instant in instants(sorted((one.reading for one in change.arrivals), key=reading_order)):
            last_us = instant[0].at_us
            for reading, mark in fold.take(instant):
                self.marks[reading.seq] = mark
                self.readings.append(arrival_row(key, arrivals[reading.seq], mark))
        if last_us is not None:
            self.series.append(series_row(key, last_us, fold.tail))

    def _take_one(self, key: SeriesKey, change: SeriesChange, stored: SeriesRow | None) -> None:
        arrival = change.arrivals[0]
        reading = arrival.reading
        mark = _NORMAL if reading.status == "NORMAL" else _NOT_EQUIPPED
        if mark is _NORMAL and change.thresholds is not NO_THRESHOLDS:
            reason = violation(reading, stored_tail(stored).latest, change.thresholds)
            mark = Mark("SUSPECT", reason=reason) if reason else mark
        self.marks[reading.seq] = mark
        self.readings.append(arrival_row(key, arrival, mark))
        self.series.append(_after(key, reading, mark, stored))


def is_onward(change: SeriesChange, stored: SeriesRow | None) -> bool:
    """Whether all arrivals are so much later than what is stored that nothing around them has to be read."""
    if stored is None or change.distrusted:
        return not change.distrusted
    if change.anew or change.removed_us:
        return False
    arrivals = change.arrivals
    first_us = arrivals[0].reading.at_us if len(arrivals) == 1 else min(one.reading.at_us for one in arrivals)
    return stored.last_at_us < context_us(first_us)


def _after(key: SeriesKey, reading: Reading, mark: Mark, stored: SeriesRow | None) -> SeriesRow:
    """What the series comes to with one reading more."""
    at_us, number = reading.at_us, reading.seq
    if mark is _NORMAL and reading.value is not None:
        value = decimal_text(reading.value)
        return SeriesRow(*key, at_us, at_us, number, value, at_us, number, value)
    before = SeriesRow(*key, at_us) if stored is None else stored._replace(last_at_us=at_us)
    if mark is _NOT_EQUIPPED:
        return before._replace(newest_at_us=at_us, newest_no=number, newest_value=None)
    return before

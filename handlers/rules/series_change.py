"""What a change of one series comes to: rows to add, marks to set, and what the series is then.

The stored readings of the neighbourhood are given page by page, and the arrivals are merged into them.
"""

from collections.abc import Iterator, Sequence
from heapq import merge

from msgspec import Struct, field
from msgspec.structs import replace

from handlers.rules.readings import Marked, Tail, reading_order
from handlers.rules.rejudging import Known, Rejudging, neighbourhood
from handlers.rules.series_rows import Arrival, arrival_row, series_row, stored_mark, stored_reading
from schemas.readings import NO_THRESHOLDS, Mark, Reading, Thresholds
from schemas.registry_records import MarkRow, Place, ReadingRow, SeriesKey, SeriesRow

_BEFORE_ALL = -(2**63)
# Later than any time, with room for what is added to times.
_NEVER_US = 2**62


class SeriesChange(Struct, gc=False):
    """What a transaction does to one series.

    `removed_us` are the times of readings that were taken out of it already. With `anew` all of it is judged again, since its
    thresholds are others; with `distrusted` too, since even what it is said to come to may be wrong.
    """

    thresholds: Thresholds = NO_THRESHOLDS
    arrivals: list[Arrival] = field(default_factory=list)
    removed_us: list[int] = field(default_factory=list)
    anew: bool = False
    distrusted: bool = False


def reading_no(reading: Reading) -> int:
    """A reading's number in the journal: those of one sync follow its own."""
    return reading.seq + 1 + reading.position


def numbered(reading: Reading) -> Reading:
    """The reading with its number as its whole identity, as it is stored."""
    return replace(reading, seq=reading_no(reading), position=0)


class SeriesJudgement:
    """Judges one series with what is stored around its changes.

    `start` it, `take` pages of what is stored until it `is_done`, then ask for the outcome.
    """

    def __init__(self, key: SeriesKey, change: SeriesChange, stored: SeriesRow | None) -> None:
        self.key, self.change, self.stored = key, change, stored
        self._new = {arrival.reading.seq: arrival for arrival in change.arrivals}
        self._waiting = sorted((arrival.reading for arrival in change.arrivals), key=reading_order)
        self._changed_us = [arrival.reading.at_us for arrival in change.arrivals] + change.removed_us
        self.from_us = min(self._changed_us, default=0)
        self.context_us = neighbourhood([self.from_us]).context_us
        self.from_start = change.anew or change.distrusted
        self.place = Place(_BEFORE_ALL if self.from_start else self.from_us, _BEFORE_ALL)
        self.is_done = False
        self.remarked = 0
        self._marks: list[MarkRow] = []
        self.told: dict[int, Mark] = {}
        self._last_us: int | None = None
        self._rejudging: Rejudging | None = None

    def start(self, tail: Tail, before: Sequence[ReadingRow] = (), last_us: int | None = None) -> None:
        """What lies before the first change: the tail, the readings of the second before, the time of the last of all."""
        changed_us = [_NEVER_US] if self.from_start else self._changed_us
        marked = [Marked(stored_reading(row), stored_mark(row)) for row in before]
        self._rejudging = Rejudging(self.change.thresholds, tail, marked, changed_us)
        self._last_us = last_us

    def take(self, page: Sequence[ReadingRow], *, end: bool) -> None:
        """The next stored readings from behind `place`; with `end` there are no more."""
        for row in page:
            if self._new.pop(row.reading_no, None):  # a sync that came again: nothing of it changes
                self.told[row.reading_no] = stored_mark(row)
        if page:
            self.place = Place(page[-1].at_us, page[-1].reading_no)
            self._last_us = page[-1].at_us
        stored = [Known(stored_reading(row), stored_mark(row)) for row in page]
        judging = self._started()
        changed = judging.take(merge(stored, self._arrived(end=end), key=lambda known: reading_order(known.reading)))
        if end and not judging.settled:
            changed += judging.finish()
        self.is_done = end or judging.settled
        for reading, mark in changed:
            if reading.seq in self._new:
                self.told[reading.seq] = mark
            else:
                self._marks.append(MarkRow(*self.key, reading.at_us, reading.seq, mark.status, int(mark.shown), mark.reason))

    def take_marks(self) -> list[MarkRow]:
        """The marks of stored readings that are others now, each given once; `remarked` counts them."""
        marks, self._marks = self._marks, []
        self.remarked += len(marks)
        return marks

    def inserts(self) -> Iterator[ReadingRow]:
        """The rows of the arrivals that weren't there."""
        for number, arrival in self._new.items():
            yield arrival_row(self.key, arrival, self.told[number])

    def row(self) -> SeriesRow | None:
        """What the series comes to; None if no reading is left in it."""
        if self._started().settled and self.stored is not None:
            return self.stored  # an accepted reading behind all changes is as it was, and so is all that follows
        times = [arrival.reading.at_us for arrival in self._new.values()]
        if self._last_us is not None:
            times.append(self._last_us)
        return series_row(self.key, max(times), self._started().tail) if times else None

    def _started(self) -> Rejudging:
        if self._rejudging is None:
            raise RuntimeError("the judgement of a series was not begun")
        return self._rejudging

    def _arrived(self, *, end: bool) -> list[Known]:
        """The arrivals that stand before the end of the page; the others wait for the next."""
        ready = 0
        while ready < len(self._waiting) and (end or reading_order(self._waiting[ready])[:2] <= self.place):
            ready += 1
        arrived, self._waiting = self._waiting[:ready], self._waiting[ready:]
        return [Known(reading, None) for reading in arrived if reading.seq in self._new]

"""The series of one asset and meter: which readings are duplicates, corrected or suspect, and which is the latest.

The marks follow from the set of readings alone, in whatever order they arrived: each carries its journal sequence and
position, which settle the one case in which arrival counts, two values at one instant.
"""

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple, TypeAlias

from handlers.rules.thresholds import violation
from schemas.readings import NO_THRESHOLDS, Mark, Reading, Thresholds

DUPLICATE_US = 1_000_000
_Said: TypeAlias = tuple[str, Decimal | None]


class Marked(NamedTuple):
    """A reading and what the series makes of it."""

    reading: Reading
    mark: Mark


class Tail(NamedTuple):
    """What a series comes to: the latest accepted reading, and the newest one that says whether there is a meter at all."""

    latest: Reading | None = None
    newest: Reading | None = None


NO_TAIL = Tail()


def reading_order(reading: Reading) -> tuple[int, int, int]:
    """In time; at one instant by arrival."""
    return reading.at_us, reading.seq, reading.position


def instants(readings: Iterable[Reading]) -> Iterator[list[Reading]]:
    """Readings in `reading_order`, those of one instant together."""
    for _, group in groupby(readings, key=lambda reading: reading.at_us):
        yield list(group)


class SeriesFold:
    """Marks readings instant by instant, in time order.

    To go on in the middle of a series, give the tail of what lies before, and the marked readings of the second before.

    - Same instant, another value: the later by sequence and position stands, the others are CORRECTED.
    - Equal value and status, neighbours at most 1 second apart (Asset Sync, "same value within 1 second"): one reading, shown
      at the earliest time. Corrected readings are compared among themselves.
    - What remains and breaks a bound is SUSPECT, and is no measure for those after it.
    """

    def __init__(self, thresholds: Thresholds = NO_THRESHOLDS, tail: Tail = NO_TAIL, before: Iterable[Marked] = ()) -> None:
        self._thresholds = thresholds
        self._standing: dict[_Said, tuple[int, Mark]] = {}
        self._corrected: dict[_Said, tuple[int, Mark]] = {}
        self.tail = tail
        for reading, mark in before:
            recent = self._corrected if mark.status == "CORRECTED" else self._standing
            recent.pop(_said(reading), None)
            recent[_said(reading)] = (reading.at_us, mark)

    def take(self, instant: Sequence[Reading]) -> list[Marked]:
        """The marks of all readings of one instant, which stand in `reading_order` and after all that was taken before."""
        winner = _said(instant[-1])
        first: dict[_Said, Mark] = {}
        marked = []
        for reading in instant:
            said = _said(reading)
            known = first.get(said)
            if known is None:
                mark = self._standing_mark(reading, said) if said == winner else self._corrected_mark(reading, said)
                first[said] = mark
            else:
                mark = _repeated(known)
            marked.append(Marked(reading, mark))
        return marked

    def _standing_mark(self, reading: Reading, said: _Said) -> Mark:
        known = _recent(self._standing, said, reading.at_us)
        if known is None:
            reason = violation(reading, self.tail.latest, self._thresholds) if reading.status == "NORMAL" else None
            mark = Mark("SUSPECT", reason=reason) if reason else _PLAIN[reading.status]
            if not reason:
                self.tail = Tail(reading if mark.accepted else self.tail.latest, reading)
        else:
            mark = _repeated(known)
        self._standing[said] = (reading.at_us, mark)
        return mark

    def _corrected_mark(self, reading: Reading, said: _Said) -> Mark:
        known = _recent(self._corrected, said, reading.at_us)
        mark = _repeated(known) if known else _CORRECTED
        self._corrected[said] = (reading.at_us, mark)
        return mark


def _said(reading: Reading) -> _Said:
    """What two readings have to share to be one: status and numeric value."""
    return reading.status, reading.value


def _recent(seen: dict[_Said, tuple[int, Mark]], said: _Said, at_us: int) -> Mark | None:
    """The mark of what was said within the last second; entries older than that are dropped, so the dict stays small."""
    while seen:
        oldest = next(iter(seen))
        if at_us - seen[oldest][0] <= DUPLICATE_US:
            break
        del seen[oldest]
    known = seen.pop(said, None)  # put back by the caller as the youngest, so that the dict stays in time order
    return known[1] if known else None


def _repeated(mark: Mark) -> Mark:
    return Mark(mark.status, shown=False, reason=mark.reason)


_PLAIN = {"NORMAL": Mark("NORMAL"), "NOT_EQUIPPED": Mark("NOT_EQUIPPED")}
_CORRECTED = Mark("CORRECTED")

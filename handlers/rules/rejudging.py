"""When readings come into the middle of a series, or leave it: which marks can change, and where the change ends.

A reading touches nothing before it. After it, what is a duplicate can change within a second, and what is suspect up to the
first reading that was accepted and still is: from there on each reading meets the same predecessor as before.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from handlers.rules.readings import DUPLICATE_US, Marked, SeriesFold, Tail, instants
from schemas.readings import Mark, Reading, Thresholds


class Neighbourhood(NamedTuple):
    """What to load before readings can be judged again, in microseconds.

    Of the series before `from_us`: its tail (the last accepted reading and the last that is NORMAL or NOT_EQUIPPED, both
    shown), and all readings from `context_us` on, with their marks. Then all readings from `from_us` on, until it has settled.
    """

    context_us: int
    from_us: int


class Known(NamedTuple):
    """A reading as it stands in the series now, with the mark that is stored; None for one that is new."""

    reading: Reading
    mark: Mark | None


def neighbourhood(changed_us: Iterable[int]) -> Neighbourhood:
    """Where judging begins when readings at these times (at least one) came or went."""
    from_us = min(changed_us)
    return Neighbourhood(context_us(from_us), from_us)


def context_us(from_us: int) -> int:
    """The first time of those whose readings can have a say in what a reading at `from_us` is."""
    return from_us - DUPLICATE_US


class Rejudging:
    """Judges a series again from the first change on, page by page.

    `take` pages of readings in time order, old and new together, until `settled`, or to the end and then `finish`. Both give
    the readings whose mark is new or another. If it settled, the series' stored tail stands; else `tail` is the new one.
    """

    def __init__(self, thresholds: Thresholds, tail: Tail, before: Sequence[Marked], changed_us: Iterable[int]) -> None:
        self._fold = SeriesFold(thresholds, tail, before)
        self._quiet_from_us = max(changed_us) + DUPLICATE_US
        self._held: list[Known] = []
        self.settled = False

    @property
    def tail(self) -> Tail:
        """What the series comes to, once all of it is taken."""
        return self._fold.tail

    def take(self, page: Iterable[Known]) -> list[Marked]:
        """The next readings in `reading_order`; the last instant is held back, since the next page can go on with it."""
        known = [*self._held, *page]
        last_us = known[-1].reading.at_us if known else 0
        self._held = [one for one in known if one.reading.at_us == last_us]
        return self._judge([one for one in known if one.reading.at_us != last_us])

    def finish(self) -> list[Marked]:
        """The readings held back, when there is no next page."""
        held, self._held = self._held, []
        return self._judge(held)

    def _judge(self, known: Sequence[Known]) -> list[Marked]:
        stored = {(one.reading.seq, one.reading.position): one.mark for one in known}
        changed: list[Marked] = []
        for instant in instants(one.reading for one in known):
            if self.settled:
                break
            for marked in self._fold.take(instant):
                reading, mark = marked
                old = stored[reading.seq, reading.position]
                if mark != old:
                    changed.append(marked)
                    self._quiet_from_us = max(self._quiet_from_us, reading.at_us + DUPLICATE_US)
                elif mark.accepted and reading.at_us > self._quiet_from_us:
                    self.settled = True
        return changed

"""Usage by local day or month: differences of a counter's readings, or consumption records, spread over calendar spans.

A difference belongs to the whole time between its two readings and is spread evenly over it. The share of a stretch of time
depends on nothing but its ends, so the days of a month add up to the month, to the last digit.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise
from typing import Literal, TypeAlias

from msgspec import Struct

from schemas.provider_records import ProviderConsumption

Change: TypeAlias = Literal["difference", "rollover", "reset"]
# Shares of a difference are rounded to this many digits more than the difference has.
_EXTRA_DIGITS = 3
# Enough for the product of an amount (38 digits) and a span in microseconds (18).
_PRECISION = 80


class Stand(Struct, frozen=True):
    """What a counter showed. One that isn't accepted (SUSPECT) is counted and otherwise left out."""

    at_us: int
    value: Decimal
    accepted: bool = True


class Counter(Struct, frozen=True):
    """What is known of a counter.

    The value at which it rolls over to 0, the one that a reset starts from, and the longest time between two readings that
    still counts as covered.
    """

    rollover: Decimal | None = None
    reset_to: Decimal | None = None
    gap_us_max: int | None = None


class Segment(Struct, frozen=True):
    """An amount used over `[start_us, end_us]`. Without `known` the amount is not, and the time isn't covered."""

    start_us: int
    end_us: int
    amount: Decimal
    change: Change = "difference"
    known: bool = True


class Bucket(Struct, frozen=True):
    """One day or month. `coverage` is the share of it that measurements cover, 0 to 1; the rest are counts."""

    start_us: int
    end_us: int
    value: Decimal
    coverage: float
    suspect: int = 0
    resets: int = 0
    rollovers: int = 0


def change_of(before: Decimal, after: Decimal, counter: Counter) -> tuple[Change, Decimal | None]:
    """How a counter went from one reading to the next, and the amount; None where a reset hides it.

    A falling value is a rollover where one is declared, both readings lie below it, and the way over the top is the shorter
    one (less than half of the range). Otherwise it is a reset: what was used then is known only where the value that a reset
    starts from is declared and doesn't exceed the reading.
    """
    if after >= before:
        return "difference", after - before
    top = counter.rollover
    if top is not None and before < top and after >= 0 and top - before + after < top / 2:
        return "rollover", top - before + after
    if counter.reset_to is not None and after >= counter.reset_to:
        return "reset", after - counter.reset_to
    return "reset", None


def segments_of(stands: Iterable[Stand], counter: Counter) -> list[Segment]:
    """Differences between neighbouring accepted readings, in time order; of readings at one instant the last given counts."""
    accepted = {stand.at_us: stand.value for stand in sorted(stands, key=lambda stand: stand.at_us) if stand.accepted}
    segments = []
    for (start_us, before), (end_us, after) in pairwise(accepted.items()):
        change, amount = change_of(before, after, counter)
        covered = counter.gap_us_max is None or end_us - start_us <= counter.gap_us_max
        segments.append(Segment(start_us, end_us, amount or Decimal(0), change, amount is not None and covered))
    return segments


def by_readings(stands: Sequence[Stand], bounds: Sequence[int], counter: Counter) -> list[Bucket]:
    """Differences of cumulative readings over the spans between `bounds` (see zones.bounds_us).

    Readings left out are counted where they stand, resets and rollovers where they were noticed.
    """
    return _buckets(segments_of(stands, counter), bounds, [stand.at_us for stand in stands if not stand.accepted])


def by_consumption(records: Iterable[ProviderConsumption], bounds: Sequence[int]) -> list[Bucket]:
    """Consumption records over the spans between `bounds`; a record that crosses one is shared out by time."""
    segments = [Segment(record.start_us, record.end_us, record.value) for record in records]
    return _buckets(sorted(segments, key=lambda segment: segment.start_us), bounds, [])


def share(segment: Segment, until_us: int) -> Decimal:
    """What a segment had amounted to by an instant, rounded to three digits more than its amount has."""
    if until_us >= segment.end_us:
        return segment.amount
    if until_us <= segment.start_us:
        return Decimal(0)
    with localcontext(prec=_PRECISION):
        exponent = segment.amount.as_tuple().exponent
        quantum = Decimal(1).scaleb(min(int(exponent), 0) - _EXTRA_DIGITS)
        part = segment.amount * (until_us - segment.start_us) / (segment.end_us - segment.start_us)
        return part.quantize(quantum, ROUND_HALF_EVEN)


def _buckets(segments: Sequence[Segment], bounds: Sequence[int], suspect_at: Iterable[int]) -> list[Bucket]:
    count = max(len(bounds) - 1, 0)
    values, covered = [Decimal(0)] * count, [0] * count
    changes: dict[Change, list[int]] = {"difference": [0] * count, "reset": [0] * count, "rollover": [0] * count}
    suspect = [0] * count
    for at_us in suspect_at:
        if count and bounds[0] <= at_us < bounds[-1]:
            suspect[bisect_right(bounds, at_us) - 1] += 1
    counted_until_us = bounds[0] if count else 0
    with localcontext(prec=_PRECISION):
        for segment in segments:
            if not count or segment.end_us <= bounds[0] or segment.start_us >= bounds[-1]:
                continue
            index = max(bisect_right(bounds, segment.start_us) - 1, 0)
            last = min(bisect_left(bounds, segment.end_us), count)
            for place in range(index, last):
                start_us, end_us = bounds[place], bounds[place + 1]
                values[place] += share(segment, end_us) - share(segment, start_us)
                if segment.known:  # overlapping records cover a time once
                    covered[place] += max(0, min(end_us, segment.end_us) - max(start_us, segment.start_us, counted_until_us))
            if segment.known:
                counted_until_us = max(counted_until_us, segment.end_us)
            if segment.end_us <= bounds[-1]:
                changes[segment.change][last - 1] += 1
    return [
        Bucket(
            bounds[place],
            bounds[place + 1],
            values[place],
            covered[place] / (bounds[place + 1] - bounds[place]),
            suspect[place],
            changes["reset"][place],
            changes["rollover"][place],
        )
        for place in range(count)
    ]

"""Readings for tests: made by hand in one line, or generated."""

from collections.abc import Iterable
from decimal import Decimal

from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.readings import Marked, SeriesFold, Tail, instants, reading_order
from schemas.readings import NO_THRESHOLDS, Reading, Thresholds

SECOND = 1_000_000
DAY = 24 * 60 * 60 * SECOND


def at(seconds: float, value: str | None, seq: int = 1, position: int = 0) -> Reading:
    """A reading so many seconds after the epoch; without a value it is NOT_EQUIPPED."""
    return Reading(
        seq=seq,
        position=position,
        meter_code="M",
        value=None if value is None else Decimal(value),
        at_us=round(seconds * SECOND),
        status="NORMAL" if value is not None else "NOT_EQUIPPED",
    )


def told(marked: Iterable[Marked]) -> list[tuple[float, str, str]]:
    """What a series shows: seconds, value, status; duplicates left out."""
    return [(reading.at_us / SECOND, str(reading.value), mark.status) for reading, mark in marked if mark.shown]


def mark_series(readings: Iterable[Reading], thresholds: Thresholds = NO_THRESHOLDS) -> tuple[list[Marked], Tail]:
    """The marks of a whole series given in any order, in time order, and what it comes to: folded at once, from its start."""
    fold = SeriesFold(thresholds)
    marked = [one for instant in instants(sorted(readings, key=reading_order)) for one in fold.take(instant)]
    return marked, fold.tail


# Canonical, as decoding makes them.
VALUES = st.sampled_from(["0", "1", "2", "2.5", "10", "1000", None])
# A few instants close enough to be duplicates of each other or to coincide, some hours and days apart.
MOMENTS = st.tuples(st.integers(0, 4), st.sampled_from([0, 0.25, 1, 1.5, 2, 3, 40_000])).map(
    lambda moment: moment[0] * 86_400 + moment[1]
)
THRESHOLDS = st.builds(
    Thresholds,
    max_delta_per_day=st.sampled_from([None, Decimal(1), Decimal(5)]),
    min=st.sampled_from([None, Decimal(1)]),
    max=st.sampled_from([None, Decimal(10)]),
    monotonic=st.sampled_from([None, True]),
)


def numbered(readings: Iterable[Reading]) -> list[Reading]:
    """The same readings, as if they had arrived in this order."""
    return [replace(reading, seq=seq) for seq, reading in enumerate(readings, 1)]


SERIES = st.lists(st.builds(at, MOMENTS, VALUES), max_size=14).map(numbered)

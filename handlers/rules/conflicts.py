"""`sameTypeConflict`: two units of one type on one asset at one time. Computed on reading, and never closed by itself."""

from collections.abc import Iterable, Mapping

from schemas.pairing import Interval
from schemas.unit_rows import NeighbourRow

SAME_TYPE_CONFLICT = "sameTypeConflict"
# (organization, asset, unit, start): one interval.
Place = tuple[str, str, str, int]


def find_conflicts(neighbours: Iterable[NeighbourRow]) -> set[Place]:
    """The intervals that overlap one of another unit of the same, non-empty type on the same asset.

    `[a, b)` and `[c, d)` overlap when each begins before the other ends, so an empty one overlaps nothing. Intervals of unknown
    start are not among the neighbours: nobody can say what they overlap.
    """
    groups: dict[tuple[str, str, str], list[NeighbourRow]] = {}
    for row in neighbours:
        if row.unit_type and (row.unpaired_at_us is None or row.unpaired_at_us > row.paired_at_us):
            groups.setdefault((row.organization_id, row.asset_id, row.unit_type), []).append(row)
    return {place for group in groups.values() for place in _overlapping(group)}


def pairing_flags(conflicts: set[Place], organization_id: str, unit_id: str, interval: Interval) -> tuple[str, ...]:
    """The flags of one interval."""
    start = interval.paired_at_us
    if start is None or start == interval.unpaired_at_us:
        return ()
    return (SAME_TYPE_CONFLICT,) if (organization_id, interval.asset_id, unit_id, start) in conflicts else ()


def _overlapping(group: list[NeighbourRow]) -> Iterable[Place]:
    """Two sweeps over the starts: each interval against those begun before it, then against those begun after it."""
    if len({row.unit_id for row in group}) == 1:
        return
    group.sort(key=lambda row: row.paired_at_us)
    ends: dict[str, float] = {}
    for row in group:
        if _best(ends, row.unit_id, float("-inf"), largest=True) > row.paired_at_us:
            yield _place(row)
        ends[row.unit_id] = max(ends.get(row.unit_id, float("-inf")), _end(row))
        _keep_two(ends, largest=True)
    starts: dict[str, float] = {}
    for row in reversed(group):
        if _best(starts, row.unit_id, float("inf"), largest=False) < _end(row):
            yield _place(row)
        starts[row.unit_id] = row.paired_at_us
        _keep_two(starts, largest=False)


def _best(values: Mapping[str, float], except_unit: str, default: float, *, largest: bool) -> float:
    """The largest end (or smallest start) that another unit has."""
    others = [value for unit, value in values.items() if unit != except_unit]
    return (max if largest else min)(others, default=default)


def _keep_two(values: dict[str, float], *, largest: bool) -> None:
    """Of the units seen so far two are enough: the best one, and the best for when that one asks."""
    if len(values) > 2:  # noqa: PLR2004 - as said
        del values[(min if largest else max)(values, key=lambda unit: values[unit])]


def _end(row: NeighbourRow) -> float:
    return float("inf") if row.unpaired_at_us is None else row.unpaired_at_us


def _place(row: NeighbourRow) -> Place:
    return row.organization_id, row.asset_id, row.unit_id, row.paired_at_us

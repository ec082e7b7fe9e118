"""`sameTypeConflict`: overlapping intervals of one asset by units of one type."""

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.conflicts import SAME_TYPE_CONFLICT, find_conflicts, pairing_flags
from schemas.facts import Meaning
from schemas.pairing import Interval
from schemas.unit_rows import NeighbourRow

ROWS = st.builds(
    NeighbourRow,
    organization_id=st.sampled_from(["o1", "o2"]),
    asset_id=st.sampled_from(["a1", "a2"]),
    unit_id=st.sampled_from(["tp:1", "tp:2", "tp:3", "tp:4"]),
    unit_type=st.sampled_from(["tp", "krone", ""]),
    paired_at_us=st.integers(0, 8),
    unpaired_at_us=st.one_of(st.none(), st.integers(0, 12)),
).filter(lambda row: row.unpaired_at_us is None or row.unpaired_at_us >= row.paired_at_us)


def overlap(one: NeighbourRow, other: NeighbourRow) -> bool:
    """Whether there is an instant in both intervals: read off instant by instant."""
    return any(
        all(row.paired_at_us <= time and (row.unpaired_at_us is None or time < row.unpaired_at_us) for row in (one, other))
        for time in range(13)
    )


@settings(max_examples=300, deadline=None)
@given(rows=st.lists(ROWS, max_size=9))
def test_conflicts_are_those_of_a_comparison_of_all_pairs(rows: list[NeighbourRow]) -> None:
    """The sweep finds what comparing each interval with each other one finds."""
    expected = {
        (one.organization_id, one.asset_id, one.unit_id, one.paired_at_us)
        for one in rows
        for other in rows
        if one.unit_type
        and one[:2] == other[:2]
        and one.unit_type == other.unit_type
        and one.unit_id != other.unit_id
        and overlap(one, other)
    }
    assert find_conflicts(rows) == expected


def row(unit_id: str, start: int, end: int | None = None) -> NeighbourRow:
    """An interval of a unit of type `tp`."""
    return NeighbourRow("o", "a", unit_id, "tp", start, end)


def test_intervals_that_only_touch_are_no_conflict() -> None:
    """An interval ends before the next begins at the same instant."""
    assert find_conflicts([row("tp:1", 1, 5), row("tp:2", 5)]) == set()
    assert len(find_conflicts([row("tp:1", 1, 5), row("tp:2", 4)])) == 2


def test_flags_of_one_interval() -> None:
    """An interval is flagged by its start; one of unknown start, and an empty one, never."""
    conflicts = find_conflicts([row("tp:1", 1), row("tp:2", 2)])
    interval = Interval("a", 1, "k", Meaning(), ("k",))
    assert pairing_flags(conflicts, "o", "tp:1", interval) == (SAME_TYPE_CONFLICT,)
    assert pairing_flags(conflicts, "o", "tp:2", interval) == ()
    assert pairing_flags(conflicts, "p", "tp:1", interval) == ()
    unknown = Interval("a", None, "k", Meaning(), ("k",), unpaired_at_us=1)
    empty = Interval("a", 1, "k", Meaning(), ("k",), unpaired_at_us=1)
    assert pairing_flags(conflicts, "o", "tp:1", unknown) == pairing_flags(conflicts, "o", "tp:1", empty) == ()

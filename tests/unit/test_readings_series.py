"""What a series makes of its readings: duplicates, corrections, thresholds, the latest value. Named cases."""

from decimal import Decimal

import pytest

from schemas.readings import Reading, Thresholds
from tests.support.readings import DAY, SECOND, at, mark_series, told


def _bounds(**bounds: str | bool) -> Thresholds:
    return Thresholds(**{name: value if isinstance(value, bool) else Decimal(value) for name, value in bounds.items()})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("readings", "shown"),
    [
        pytest.param([at(0, "5"), at(1, "5")], [(0, "5", "NORMAL")], id="one second apart, inclusive"),
        pytest.param([at(0, "5"), at(1.000001, "5")], [(0, "5", "NORMAL"), (1.000001, "5", "NORMAL")], id="a microsecond more"),
        pytest.param([at(0, "5"), at(0.5, "5.00")], [(0, "5", "NORMAL")], id="numerically equal"),
        pytest.param([at(0, "5"), at(0.5, "5.01")], [(0, "5", "NORMAL"), (0.5, "5.01", "NORMAL")], id="another value"),
        pytest.param([at(0, "5"), at(1, "5"), at(2, "5")], [(0, "5", "NORMAL")], id="a chain of neighbours is one reading"),
        pytest.param([at(0, "5"), at(2, "5")], [(0, "5", "NORMAL"), (2, "5", "NORMAL")], id="no neighbour between them"),
        pytest.param(
            [at(0, "5"), at(0.5, "6"), at(1, "5")], [(0, "5", "NORMAL"), (0.5, "6", "NORMAL")], id="another value between them"
        ),
        pytest.param([at(0, None), at(1, None)], [(0, "None", "NOT_EQUIPPED")], id="not equipped, twice"),
        pytest.param(
            [at(1, "5", seq=1), at(0, "5", seq=2)], [(0, "5", "NORMAL")], id="shown at the earliest time, whichever came first"
        ),
    ],
)
def test_duplicates(readings: list[Reading], shown: list[tuple[float, str, str]]) -> None:
    """Equal status and value with neighbours at most a second apart are one reading, shown at the earliest time."""
    assert told(mark_series(readings)[0]) == shown


@pytest.mark.parametrize(
    ("readings", "shown"),
    [
        pytest.param([at(0, "5", 1), at(0, "6", 2)], [(0, "5", "CORRECTED"), (0, "6", "NORMAL")], id="the later sequence wins"),
        pytest.param([at(0, "5", 2), at(0, "6", 1)], [(0, "6", "CORRECTED"), (0, "5", "NORMAL")], id="not the order of the list"),
        pytest.param(
            [at(0, "5", 1, 7), at(0, "6", 1, 3)],
            [(0, "6", "CORRECTED"), (0, "5", "NORMAL")],
            id="in one sync the later position wins",
        ),
        pytest.param(
            [at(0, "5", 1), at(0, "6", 2), at(0, "5", 3)],
            [(0, "5", "NORMAL"), (0, "6", "CORRECTED")],
            id="a correction taken back",
        ),
        pytest.param(
            [at(0, "5", 1), at(0, None, 2)], [(0, "5", "CORRECTED"), (0, "None", "NOT_EQUIPPED")], id="corrected to not equipped"
        ),
        pytest.param(
            [at(0, "5", 1), at(1, "5", 2), at(1, "6", 3), at(2, "5", 4)],
            [(0, "5", "NORMAL"), (1, "5", "CORRECTED"), (1, "6", "NORMAL"), (2, "5", "NORMAL")],
            id="a corrected reading links no duplicates",
        ),
        pytest.param(
            [at(0, "5", 1), at(1, "5", 1, 1), at(0, "6", 2), at(1, "6", 2, 1)],
            [(0, "5", "CORRECTED"), (0, "6", "NORMAL")],
            id="corrected readings are duplicates among themselves",
        ),
    ],
)
def test_corrections(readings: list[Reading], shown: list[tuple[float, str, str]]) -> None:
    """At one instant the value that came last stands, and the others stay in history as CORRECTED."""
    assert told(mark_series(readings)[0]) == shown


@pytest.mark.parametrize(
    ("bounds", "series", "statuses", "reason"),
    [
        (_bounds(min="5"), [at(0, "5"), at(10, "4.9")], "NS", "below min 5"),
        (_bounds(max="5"), [at(0, "5"), at(10, "5.1")], "NS", "above max 5"),
        (
            _bounds(monotonic=True),
            [at(0, "5"), at(10, "5"), at(20, "4")],
            "NNS",
            "below the 5 of 1970-01-01T00:00:10Z, though monotonic",
        ),
        (
            _bounds(max_delta_per_day="10"),
            [at(0, "5"), at(10, "15"), at(20, "25.1")],
            "NNS",
            "a change of 10.1 from the 15 of 1970-01-01T00:00:10Z, over maxDeltaPerDay 10",
        ),
        (
            _bounds(max_delta_per_day="10"),
            [at(0, "100"), at(DAY / SECOND, "89")],
            "NS",
            "a change of 11 from the 100 of 1970-01-01T00:00:00Z, over maxDeltaPerDay 10",
        ),
    ],
    ids=["min", "max", "monotonic", "maxDeltaPerDay", "maxDeltaPerDay downwards"],
)
def test_each_threshold(bounds: Thresholds, series: list[Reading], statuses: str, reason: str) -> None:
    """A reading beyond a bound is SUSPECT, with a reason that names the bound; one that just meets it is not."""
    marked, tail = mark_series(series, bounds)
    assert [mark.status[0] for _, mark in marked] == list(statuses)
    assert marked[-1].mark.reason == reason
    assert tail.latest == series[-2]


@pytest.mark.parametrize(
    ("days", "value", "status"),
    [(2, "20", "NORMAL"), (2, "20.000001", "SUSPECT"), (0.5, "10", "NORMAL"), (1.5, "15", "NORMAL"), (1.5, "15.1", "SUSPECT")],
)
def test_max_delta_grows_with_the_days(days: float, value: str, status: str) -> None:
    """The change may be maxDeltaPerDay for each day elapsed, and for a whole day where less has elapsed."""
    marked, _ = mark_series([at(0, "0"), at(days * DAY / SECOND, value)], _bounds(max_delta_per_day="10"))
    assert marked[1].mark.status == status


def test_max_delta_is_exact() -> None:
    """Values with as many digits as are taken are compared to the last one."""
    huge = "9" * 30 + "." + "9" * 29
    bounds = _bounds(max_delta_per_day=huge + "8")
    assert mark_series([at(0, "0"), at(1, huge + "8")], bounds)[0][1].mark.status == "NORMAL"
    assert mark_series([at(0, "0"), at(1, huge + "9")], bounds)[0][1].mark.status == "SUSPECT"


def test_a_suspect_reading_is_no_measure() -> None:
    """Readings after a SUSPECT one are judged against the last accepted one before it."""
    series = [at(0, "100"), at(10, "999999"), at(20, "101")]
    marked, tail = mark_series(series, _bounds(max_delta_per_day="50", monotonic=True))
    assert [mark.status for _, mark in marked] == ["NORMAL", "SUSPECT", "NORMAL"]
    assert tail.latest == series[2]


def test_a_duplicate_of_a_suspect_reading_is_suspect_too() -> None:
    """A duplicate has the status and the reason of what it repeats, so a retry warns like the first time."""
    marked, _ = mark_series([at(0, "99", 1), at(0, "99", 2)], _bounds(max="10"))
    assert [(mark.status, mark.shown, mark.reason) for _, mark in marked] == [
        ("SUSPECT", True, "above max 10"),
        ("SUSPECT", False, "above max 10"),
    ]


def test_thresholds_judge_again() -> None:
    """Without the bounds a series has no SUSPECT readings; nothing was dropped."""
    series = [at(0, "5"), at(10, "50")]
    assert mark_series(series, _bounds(max="10"))[1].latest == series[0]
    assert mark_series(series)[1].latest == series[1]


@pytest.mark.parametrize(
    ("series", "latest", "newest"),
    [
        ([], None, None),
        ([at(5, "5", 1), at(1, "9", 2)], "5", "NORMAL"),
        ([at(0, "5"), at(9, None)], "5", "NOT_EQUIPPED"),
        ([at(0, None), at(9, "5")], "5", "NORMAL"),
        ([at(0, None)], None, "NOT_EQUIPPED"),
    ],
    ids=["empty", "late history", "not equipped last", "equipped again", "never equipped"],
)
def test_latest_and_newest(series: list[Reading], latest: str | None, newest: str | None) -> None:
    """The latest value has the largest time whatever came last; the newest reading of either status tells of the equipment."""
    tail = mark_series(series)[1]
    assert (tail.latest and str(tail.latest.value), tail.newest and tail.newest.status) == (latest, newest)

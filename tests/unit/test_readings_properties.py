"""What holds of every series, in whatever order its readings arrive."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.readings import NO_TAIL, Marked, Tail, reading_order
from handlers.rules.rejudging import Known, Rejudging, neighbourhood
from schemas.readings import Reading, Thresholds
from tests.support.readings import SECOND, SERIES, THRESHOLDS, mark_series, numbered, told

FEW = settings(max_examples=150, deadline=None)


@FEW
@given(SERIES, THRESHOLDS, st.randoms(use_true_random=False))
def test_the_order_of_a_list_does_not_matter(series: list[Reading], thresholds: Thresholds, random: object) -> None:
    """The marks of a series follow from the set of its readings."""
    shuffled = series.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert mark_series(shuffled, thresholds) == mark_series(series, thresholds)


@FEW
@given(SERIES, THRESHOLDS, st.data())
def test_the_order_of_arrival_does_not_matter(series: list[Reading], thresholds: Thresholds, data: st.DataObject) -> None:
    """Any order of arrival shows the same readings and the same latest value, as long as no instant has two values."""
    first = {reading.at_us: reading for reading in series}
    agreed = [reading for reading in series if first[reading.at_us].value == reading.value]
    again = numbered(data.draw(st.permutations(agreed)))
    (one, one_tail), (two, two_tail) = mark_series(agreed, thresholds), mark_series(again, thresholds)
    assert told(one) == told(two)
    assert _facts(one_tail) == _facts(two_tail)


def _facts(tail: Tail) -> list[tuple[int, object] | None]:
    return [None if reading is None else (reading.at_us, reading.value) for reading in tail]


@FEW
@given(SERIES, THRESHOLDS)
def test_sending_everything_again_changes_nothing(series: list[Reading], thresholds: Thresholds) -> None:
    """A whole history that comes twice shows what it showed."""
    once = mark_series(series, thresholds)
    twice = mark_series(numbered([*series, *series]), thresholds)
    assert told(once[0]) == told(twice[0])
    assert _facts(once[1]) == _facts(twice[1])


@FEW
@given(SERIES, THRESHOLDS)
def test_a_plain_reading_of_the_rules(series: list[Reading], thresholds: Thresholds) -> None:
    """One value stands at an instant, equal neighbours are over a second apart, the last accepted is the latest."""
    marked, tail = mark_series(series, thresholds)
    assert sorted(reading_order(one.reading) for one in marked) == sorted(reading_order(reading) for reading in series)
    standing = [one for one in marked if one.mark.shown and one.mark.status != "CORRECTED"]
    assert len({one.reading.at_us for one in standing}) == len(standing)
    last_seen: dict[object, int] = {}
    for reading, mark in marked:
        if mark.status != "CORRECTED":
            key = (reading.status, reading.value)
            repeats = key in last_seen and reading.at_us - last_seen[key] <= SECOND
            assert mark.shown != repeats
            last_seen[key] = reading.at_us
    accepted = [one.reading for one in marked if one.mark.accepted]
    assert tail.latest == (accepted[-1] if accepted else None)
    for before, after in pairwise(accepted):
        assert not thresholds.monotonic or (before.value or 0) <= (after.value or 0)
    for one in marked:
        assert (one.mark.reason is not None) == (one.mark.status == "SUSPECT")


@FEW
@given(SERIES, st.sets(st.integers(0, 13), max_size=5), st.sets(st.integers(0, 13), max_size=2), THRESHOLDS, st.integers(1, 6))
def test_judging_a_neighbourhood_equals_judging_all(
    series: list[Reading], late: set[int], leaving: set[int], thresholds: Thresholds, page_size: int
) -> None:
    """Readings that come late or leave, judged from the first of them to where it settles, give the marks of a whole fold."""
    stored = [reading for number, reading in enumerate(series) if number not in late]
    wanted = [reading for number, reading in enumerate(series) if number not in leaving]
    changed_us = [reading.at_us for reading in series if (reading in stored) != (reading in wanted)]
    if not changed_us:
        return
    marks, tail = mark_series(stored, thresholds)
    context_us, from_us = neighbourhood(changed_us)
    earlier = [one for one in marks if one.reading.at_us < from_us]
    context = [one for one in earlier if one.reading.at_us >= context_us]
    known = {reading_order(one.reading): one.mark for one in marks}
    work = Rejudging(thresholds, _tail(earlier), context, changed_us)
    rows = [Known(reading, known.get(reading_order(reading))) for reading in sorted(wanted, key=reading_order)]
    rows = [row for row in rows if row.reading.at_us >= from_us]
    changed: list[Marked] = []
    for start in range(0, len(rows), page_size):
        if not work.settled:
            changed += work.take(rows[start : start + page_size])
    changed += work.finish()
    known.update((reading_order(one.reading), one.mark) for one in changed)
    expected, expected_tail = mark_series(wanted, thresholds)
    assert [(one.reading, known[reading_order(one.reading)]) for one in expected] == expected
    assert (tail if work.settled else work.tail) == expected_tail


def _tail(marked: list[Marked]) -> Tail:
    tail = NO_TAIL
    for reading, mark in marked:
        if mark.shown and mark.status in {"NORMAL", "NOT_EQUIPPED"}:
            tail = Tail(reading if mark.accepted else tail.latest, reading)
    return tail


def test_a_reading_at_the_end_settles_nothing_but_itself() -> None:
    """In a long series, a reading in the middle is settled within the neighbourhood, and not at the end."""
    series = numbered([_every_hour(number) for number in range(1000)])
    late = Reading(2000, 0, "M", series[500].value, series[500].at_us + 60 * SECOND)
    marks, tail = mark_series(series)
    work = Rejudging(Thresholds(), _tail(marks[:501]), marks[501:501], [late.at_us])
    rows = [Known(late, None), *(Known(one.reading, one.mark) for one in marks[501:])]
    changed = work.take(rows[:4])
    assert work.settled
    assert [one.reading for one in changed] == [late]
    assert tail.latest == series[-1]


def _every_hour(number: int) -> Reading:
    return Reading(1, 0, "M", Decimal(number), number * 3600 * SECOND)

"""Usage by day and month: known cases, and that no split of time changes a sum."""

from datetime import date, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.aggregation import Bucket, Counter, Stand, by_consumption, by_readings, change_of, segments_of
from handlers.rules.zones import DAY_US, bounds_us, day_start_us
from schemas.provider_records import ProviderConsumption
from schemas.wire import parse_time

BERLIN = ZoneInfo("Europe/Berlin")
HOUR_US = DAY_US // 24
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
amounts = st.decimals(0, 10**9, places=3)
PLAIN = Counter()


def at(text: str) -> int:
    """Microseconds of an ISO time."""
    return parse_time(text, "at")


def row(bucket: Bucket, *names: str) -> tuple[object, ...]:
    """These fields of a bucket."""
    return tuple(getattr(bucket, name) for name in names)


def stand(text: str, value: str, accepted: bool = True) -> Stand:
    """A reading at an ISO time."""
    return Stand(at(text), Decimal(value), accepted)


def test_half_hourly_readings_become_days_of_23_and_25_hours() -> None:
    """One kWh each half hour makes 46 on the day the clocks go on, 50 on the day they go back, each fully covered."""
    for day, kilowatt_hours in ((date(2024, 3, 31), 46), (date(2024, 10, 27), 50), (date(2024, 7, 1), 48)):
        start_us, end_us = day_start_us(day, BERLIN), day_start_us(day + timedelta(1), BERLIN)
        stands = [Stand(start_us + n * HOUR_US // 2, Decimal(1000 + n)) for n in range(-10, 70)]
        [bucket] = by_readings(stands, bounds_us(start_us, end_us, "day", BERLIN), PLAIN)
        assert row(bucket, "value", "coverage") == (kilowatt_hours, 1.0)


def test_a_difference_is_spread_over_the_time_between_its_readings() -> None:
    """12 km between 18:00 and 06:00 are 6 km of each day, and each day is covered for the 6 hours that were measured."""
    stands = [stand("2024-07-01T18:00:00Z", "100"), stand("2024-07-02T06:00:00Z", "112")]
    bounds = bounds_us(at("2024-07-01T00:00:00Z"), at("2024-07-03T00:00:00Z"), "day", ZoneInfo("UTC"))
    assert [row(bucket, "value", "coverage") for bucket in by_readings(stands, bounds, PLAIN)] == [(6, 0.25), (6, 0.25)]


def test_suspect_readings_are_left_out_and_told() -> None:
    """A SUSPECT reading changes no difference; it is counted in the day in which it stands."""
    stands = [
        stand("2024-07-01T00:00:00Z", "100"),
        stand("2024-07-01T10:00:00Z", "999999", accepted=False),
        stand("2024-07-02T00:00:00Z", "124"),
    ]
    [bucket] = by_readings(
        stands, bounds_us(at("2024-07-01T00:00:00Z"), at("2024-07-02T00:00:00Z"), "day", ZoneInfo("UTC")), PLAIN
    )
    assert row(bucket, "value", "suspect", "coverage") == (24, 1, 1.0)


@pytest.mark.parametrize(
    ("before", "after", "counter", "expected"),
    [
        ("10", "15", PLAIN, ("difference", 5)),
        ("10", "10", PLAIN, ("difference", 0)),
        ("999990", "5", Counter(rollover=Decimal(1_000_000)), ("rollover", 15)),
        ("999990", "5", PLAIN, ("reset", None)),
        ("500", "5", Counter(rollover=Decimal(1_000_000)), ("reset", None)),
        ("1000000", "5", Counter(rollover=Decimal(1_000_000)), ("reset", None)),
        ("500", "5", Counter(reset_to=Decimal(0)), ("reset", 5)),
        ("999990", "5", Counter(rollover=Decimal(1_000_000), reset_to=Decimal(0)), ("rollover", 15)),
        ("400000", "5", Counter(rollover=Decimal(1_000_000), reset_to=Decimal(0)), ("reset", 5)),
        ("100", "20", Counter(reset_to=Decimal(50)), ("reset", None)),
    ],
)
def test_rollovers_and_resets_are_told_apart(before: str, after: str, counter: Counter, expected: tuple[str, int | None]) -> None:
    """A fall is a rollover only where one is declared and the way over the top is the short one; else it is a reset."""
    assert change_of(Decimal(before), Decimal(after), counter) == expected


def test_a_reset_leaves_a_hole_that_is_told() -> None:
    """What was used between the readings around a reset isn't known: nothing is added, and the time isn't covered."""
    stands = [
        stand("2024-07-01T00:00:00Z", "500"),
        stand("2024-07-01T06:00:00Z", "510"),
        stand("2024-07-01T12:00:00Z", "3"),
        stand("2024-07-02T00:00:00Z", "9"),
    ]
    bounds = bounds_us(at("2024-07-01T00:00:00Z"), at("2024-07-02T00:00:00Z"), "day", ZoneInfo("UTC"))
    [bucket] = by_readings(stands, bounds, PLAIN)
    assert row(bucket, "value", "coverage", "resets", "rollovers") == (16, 0.75, 1, 0)
    [declared] = by_readings(stands, bounds, Counter(reset_to=Decimal(0)))
    assert row(declared, "value", "coverage", "resets") == (19, 1.0, 1)


def test_a_gap_keeps_its_amount_and_loses_its_coverage() -> None:
    """Where readings lie further apart than the counter allows, the amount is shared out but the time counts as uncovered."""
    stands = [stand("2024-07-01T00:00:00Z", "0"), stand("2024-07-01T12:00:00Z", "12"), stand("2024-07-04T12:00:00Z", "84")]
    bounds = bounds_us(at("2024-07-01T00:00:00Z"), at("2024-07-05T00:00:00Z"), "day", ZoneInfo("UTC"))
    buckets = by_readings(stands, bounds, Counter(gap_us_max=DAY_US))
    assert [row(bucket, "value", "coverage") for bucket in buckets] == [(24, 0.5), (24, 0.0), (24, 0.0), (12, 0.0)]


def test_of_two_readings_at_one_instant_the_later_given_counts() -> None:
    """A correction stands after what it corrects."""
    stands = [stand("2024-07-01T00:00:00Z", "5"), stand("2024-07-01T12:00:00Z", "90"), stand("2024-07-01T12:00:00Z", "9")]
    assert [segment.amount for segment in segments_of(stands, PLAIN)] == [4]


def test_monthly_records_are_shared_out_and_overlaps_cover_once() -> None:
    """A record of two months gives each its share by time; where two records overlap, the time is covered once."""
    record = ProviderConsumption(
        meter_id="m", value=Decimal(60), start_us=at("2024-03-01T00:00:00Z"), end_us=at("2024-04-30T00:00:00Z")
    )
    again = ProviderConsumption(
        meter_id="m", value=Decimal(1), start_us=at("2024-03-10T00:00:00Z"), end_us=at("2024-03-11T00:00:00Z")
    )
    bounds = bounds_us(at("2024-03-01T00:00:00Z"), at("2024-05-01T00:00:00Z"), "month", ZoneInfo("UTC"))
    march, april = by_consumption([again, record], bounds)
    assert row(march, "value", "coverage") == (32, 1.0)
    assert row(april, "value", "coverage") == (29, 29 / 30)


@st.composite
def counters(draw: st.DrawFn) -> list[Stand]:
    """Readings of a counter at any times, some of them suspect, in any order."""
    times = draw(st.lists(st.integers(0, 90 * DAY_US), min_size=2, max_size=25, unique=True))
    return [Stand(1_700_000_000_000_000 + time, draw(amounts), draw(st.booleans())) for time in times]


@settings(deadline=None, max_examples=80)
@given(counters(), zones, st.data())
def test_no_split_changes_the_sum(stands: list[Stand], zone: ZoneInfo, data: st.DataObject) -> None:
    """Days, months and any other split of one span add up to the same, exactly; and all counts do."""
    low, high = min(stand.at_us for stand in stands), max(stand.at_us for stand in stands) + 1
    bounds = bounds_us(low, high, "month", zone)
    counter = Counter(rollover=Decimal(10**9), reset_to=data.draw(st.sampled_from([None, Decimal(0)])))
    [whole] = by_readings(stands, [bounds[0], bounds[-1]], counter)
    cuts = data.draw(st.lists(st.integers(bounds[0] + 1, bounds[-1] - 1), unique=True, max_size=20))
    for split in (bounds, bounds_us(bounds[0], bounds[-1], "day", zone), [bounds[0], *sorted(cuts), bounds[-1]]):
        buckets = by_readings(stands, split, counter)
        assert (
            sum(bucket.value for bucket in buckets)
            == whole.value
            == sum(segment.amount for segment in segments_of(stands, counter))
        )
        for name in ("suspect", "resets", "rollovers"):
            assert sum(getattr(bucket, name) for bucket in buckets) == getattr(whole, name)
        covered = sum(bucket.coverage * (bucket.end_us - bucket.start_us) for bucket in buckets)
        assert covered == pytest.approx(whole.coverage * (whole.end_us - whole.start_us), abs=1000)
        assert all(0 <= bucket.coverage <= 1 for bucket in buckets)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 40 * DAY_US), st.integers(1, 40 * DAY_US), amounts), min_size=1, max_size=12), zones)
def test_consumption_is_preserved_by_day_and_month(rows: list[tuple[int, int, Decimal]], zone: ZoneInfo) -> None:
    """Records of any spans, overlapping or not, add up to their sum by day and by month."""
    base = 1_700_000_000_000_000
    records = [
        ProviderConsumption(meter_id="m", value=value, start_us=base + start, end_us=base + start + length)
        for start, length, value in rows
    ]
    low, high = min(record.start_us for record in records), max(record.end_us for record in records)
    for granularity in ("day", "month"):
        buckets = by_consumption(records, bounds_us(low, high, "day" if granularity == "day" else "month", zone))
        assert sum(bucket.value for bucket in buckets) == sum(record.value for record in records)
        assert all(0 <= bucket.coverage <= 1 for bucket in buckets)


@settings(deadline=None, max_examples=60)
@given(counters())
def test_the_order_of_readings_does_not_matter(stands: list[Stand]) -> None:
    """Readings come in any order."""
    bounds = [stands[0].at_us - DAY_US, stands[0].at_us + DAY_US]
    assert by_readings(stands, bounds, PLAIN) == by_readings(stands[::-1], bounds, PLAIN)


def test_nothing_gives_nothing() -> None:
    """An empty span has no buckets, and a span without readings has empty ones that say so."""
    assert by_readings([], [], PLAIN) == []
    [bucket] = by_readings([], [0, DAY_US], PLAIN)
    assert row(bucket, "value", "coverage") == (0, 0.0)

"""Local days and months: tables of known changes of the clocks, and properties over all zones."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.zones import DAY_US, bounds_us, day_of, day_start_us, month_start, zone_of
from schemas.errors import InvalidInputError
from schemas.wire import parse_time

HOUR_US = DAY_US // 24
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
days = st.dates(date(1900, 1, 3), date(2099, 12, 29))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", date(2024, 3, 31), 23),
        ("Europe/Berlin", date(2024, 10, 27), 25),
        ("Europe/Berlin", date(2024, 6, 1), 24),
        ("America/New_York", date(2024, 3, 10), 23),
        ("Australia/Lord_Howe", date(2024, 4, 7), 24.5),
        ("America/Sao_Paulo", date(2018, 11, 4), 23),  # midnight was skipped
        ("America/Havana", date(2024, 11, 3), 25),  # midnight came twice
        ("America/St_Johns", date(2010, 11, 7), 25),  # the clocks went back one minute past midnight
        ("Pacific/Apia", date(2011, 12, 30), 0),  # the day was skipped
    ],
)
def test_days_have_the_hours_of_their_zone(zone: str, day: date, hours: float) -> None:
    """A local day lasts from its first instant to the first instant of the next one."""
    assert day_start_us(day + timedelta(1), ZoneInfo(zone)) - day_start_us(day, ZoneInfo(zone)) == hours * HOUR_US


def test_a_skipped_midnight_starts_the_day_when_the_clocks_went_on() -> None:
    """São Paulo's 4 November 2018 began at 01:00 local time, which was 03:00 UTC."""
    assert day_start_us(date(2018, 11, 4), ZoneInfo("America/Sao_Paulo")) == parse_time("2018-11-04T03:00:00Z", "at")


@settings(deadline=None, max_examples=150)
@given(zones, days, st.integers(0, DAY_US - 1))
def test_every_instant_lies_in_the_day_it_is_said_to_lie_in(zone: ZoneInfo, day: date, offset_us: int) -> None:
    """`day_of` gives the one date whose span holds the instant, in every zone."""
    at_us = day_start_us(day, zone) + offset_us
    found = day_of(at_us, zone)
    assert day_start_us(found, zone) <= at_us < day_start_us(found + timedelta(1), zone)


@settings(deadline=None, max_examples=60)
@given(zones, days, st.integers(0, 90 * DAY_US), st.sampled_from(["day", "month"]))
def test_bounds_rise_and_cover(zone: ZoneInfo, day: date, length_us: int, granularity: str) -> None:
    """The bounds of a span rise strictly, enclose it as closely as can be, and each lies at the start of a local day."""
    from_us = day_start_us(day, zone) + 7
    bounds = bounds_us(from_us, from_us + length_us, "day" if granularity == "day" else "month", zone)
    if length_us == 0:
        assert bounds == []
        return
    assert bounds[0] <= from_us
    assert bounds[-1] >= from_us + length_us
    assert bounds[1] > from_us
    assert bounds[-2] < from_us + length_us
    assert all(before < after for before, after in pairwise(bounds))
    assert all(day_start_us(day_of(bound, zone), zone) == bound for bound in bounds)


@settings(deadline=None)
@given(days, st.integers(-300, 300), st.integers(-300, 300))
def test_months_add_up(day: date, first: int, second: int) -> None:
    """Going by months twice is going by their sum, and zero months lead to the first of the month."""
    assert month_start(month_start(day, first), second) == month_start(day, first + second)
    assert month_start(day) == day.replace(day=1)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "a\0b"])
def test_no_zone_is_called_that(name: str) -> None:
    """A name that is no IANA zone is refused, whatever a file system would make of it."""
    with pytest.raises(InvalidInputError):
        zone_of(name)

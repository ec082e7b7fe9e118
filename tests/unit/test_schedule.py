"""When runs are due: over changes of the clocks, and after a time without any."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.zones import DAY_US
from receiver.pull.schedule import check_schedule, cron_expression, due_us, next_run_us
from schemas.errors import InvalidInputError
from schemas.provider_schedule import Cron, Daily, Monthly, Schedule, Weekly
from schemas.wire import EPOCH, MICROSECOND, parse_time, time_text

BERLIN = "Europe/Berlin"


def at(text: str) -> int:
    """Microseconds of an ISO time."""
    return parse_time(text, "at")


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        (Daily(at=time(2, 30), time_zone=BERLIN), "2024-07-01T00:29:59Z", "2024-07-01T00:30:00Z"),
        (Daily(at=time(2, 30), time_zone=BERLIN), "2024-07-01T00:30:00Z", "2024-07-02T00:30:00Z"),
        (Daily(at=time(2, 30), time_zone=BERLIN), "2024-03-30T12:00:00Z", "2024-03-31T01:00:00Z"),  # 02:30 was skipped
        (Daily(at=time(2, 30), time_zone=BERLIN), "2024-10-27T00:00:00Z", "2024-10-27T00:30:00Z"),  # 02:30 came twice
        (Daily(at=time(2, 30), time_zone=BERLIN), "2024-10-27T00:30:00Z", "2024-10-28T01:30:00Z"),
        (Weekly(day="sunday", at=time(6, 0)), "2024-07-01T00:00:00Z", "2024-07-07T06:00:00Z"),
        (Weekly(day="monday", at=time(6, 0)), "2024-07-01T06:00:00Z", "2024-07-08T06:00:00Z"),
        (Monthly(), "2024-07-01T02:00:00Z", "2024-08-01T02:00:00Z"),
        (Monthly(day="last", at=time(23, 0)), "2024-02-01T00:00:00Z", "2024-02-29T23:00:00Z"),
        (Monthly(day=28), "2024-02-01T00:00:00Z", "2024-02-28T02:00:00Z"),
        (Cron(expression="*/15 6-18 * * MON-FRI"), "2024-07-05T18:45:00Z", "2024-07-08T06:00:00Z"),
        (Cron(expression="*/30 * * * *", time_zone=BERLIN), "2024-10-27T00:30:00Z", "2024-10-27T01:00:00Z"),
    ],
)
def test_the_next_run(schedule: Schedule, after: str, expected: str) -> None:
    """The first scheduled instant after a given one, in the schedule's own zone."""
    assert time_text(next_run_us(schedule, at(after))) == expected


def test_missed_runs_are_caught_up_once() -> None:
    """However long nothing ran, one run is due: that of the latest scheduled instant; once it has started, none is."""
    daily = Daily(at=time(2, 0))
    since, now = at("2024-07-01T02:00:00Z"), at("2024-07-10T09:00:00Z")
    due = due_us(daily, since, now)
    assert due == at("2024-07-10T02:00:00Z")
    assert due_us(daily, due, now) is None
    assert due_us(daily, due, at("2024-07-11T02:00:00Z")) == at("2024-07-11T02:00:00Z")


def test_a_new_provider_waits_for_its_first_time() -> None:
    """Seen first at noon, a provider that runs at night isn't due before the night."""
    assert due_us(Daily(at=time(2, 0)), at("2024-07-01T12:00:00Z"), at("2024-07-02T01:59:59Z")) is None


@pytest.mark.parametrize("expression", ["", "* * * *", "0 0 31 2 *", "61 * * * *", "@daily", "0 0 * * * *", "a b c d e"])
def test_a_schedule_that_cannot_be_followed_is_refused(expression: str) -> None:
    """Six fields, names of schedules, values out of range and days that never come are no schedule."""
    with pytest.raises(InvalidInputError):
        check_schedule(Cron(expression=expression))


schedules = st.one_of(
    st.builds(
        Daily,
        at=st.times().map(lambda t: t.replace(second=0, microsecond=0)),
        time_zone=st.sampled_from([BERLIN, "UTC", "America/Sao_Paulo"]),
    ),
    st.builds(Weekly, day=st.just("friday"), at=st.just(time(2, 15)), time_zone=st.sampled_from([BERLIN, "Australia/Lord_Howe"])),
    st.builds(Monthly, day=st.sampled_from([1, 15, "last"]), time_zone=st.sampled_from([BERLIN, "America/New_York"])),
    st.builds(
        Cron,
        expression=st.sampled_from(["*/20 * * * *", "5 4 * * *", "0 0,12 1 */2 *"]),
        time_zone=st.sampled_from([BERLIN, "UTC"]),
    ),
)


@settings(deadline=None, max_examples=80)
@given(schedules, st.integers(0, 40 * 365), st.integers(0, 60 * DAY_US))
def test_what_is_due_is_the_last_of_all_that_were_missed(schedule: Schedule, day: int, length: int) -> None:
    """Looking back from now gives the same instant as counting forward from the last run."""
    since = day * DAY_US
    now = since + length
    latest, steps = None, 0
    following = next_run_us(schedule, since)
    while following <= now and steps < 300:
        latest, following, steps = following, next_run_us(schedule, following), steps + 1
    if steps < 300:
        assert due_us(schedule, since, now) == latest


@settings(deadline=None, max_examples=80)
@given(schedules, st.integers(0, 40 * 365 * 24))
def test_runs_are_at_the_local_time_that_was_asked_for(schedule: Schedule, hour: int) -> None:
    """Except where the clocks skip it, a daily, weekly or monthly run is at its own local time."""
    found = EPOCH + next_run_us(schedule, hour * 3_600_000_000) * MICROSECOND
    local = found.astimezone(ZoneInfo(schedule.time_zone))
    if not isinstance(schedule, Cron):
        asked = datetime.combine(local.date(), schedule.at, ZoneInfo(schedule.time_zone))
        exists = asked.astimezone(UTC).astimezone(asked.tzinfo).time() == schedule.at
        assert local.time() == schedule.at or not exists
    assert len(cron_expression(schedule).split()) == 5

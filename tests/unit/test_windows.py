"""Windows of usage: what is planned, how it is rendered, and that nothing between two of them is lost."""

from datetime import date, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.windows import GapError, Window, advance, plan_windows, render_time, render_window, whole_days
from handlers.rules.zones import DAY_US, day_of, day_start_us
from schemas.providers import DateRange
from schemas.wire import parse_time, time_text

BERLIN = ZoneInfo("Europe/Berlin")
zones = st.sampled_from(sorted(available_timezones())).map(ZoneInfo)
formats = st.sampled_from(["date", "datetime", "epoch_s", "epoch_ms", "%d.%m.%Y", "%Y%m%dT%H%M"])


def at(text: str) -> int:
    """Microseconds of an ISO time."""
    return parse_time(text, "at")


def wanted(format_: str = "date", **settings_: object) -> DateRange:
    """A date range with the usual parameter names."""
    plain = {"start_parameter": "from", "end_parameter": "to", "first": date(2024, 1, 1), "format": format_}
    return msgspec.convert(plain | settings_, DateRange)


def rendered(range_: DateRange, zone: ZoneInfo, windows: list[Window]) -> list[tuple[str, str]]:
    """The two values of each window."""
    return [tuple(render_window(range_, zone, window).values()) for window in windows]  # type: ignore[misc]


def test_the_first_fetch_goes_from_first_to_yesterday_in_chunks() -> None:
    """Without a watermark the range begins at `first`; today isn't complete, so a range of dates ends before it."""
    range_ = wanted(span_days_max=31)
    windows = plan_windows(range_, BERLIN, None, at("2024-03-05T12:00:00Z"))
    assert rendered(range_, BERLIN, windows) == [
        ("2024-01-01", "2024-02-01"),
        ("2024-02-01", "2024-03-03"),
        ("2024-03-03", "2024-03-05"),
    ]


def test_an_inclusive_end_is_the_last_day() -> None:
    """The same windows with an inclusive end name the last day that they hold."""
    range_ = wanted(span_months_max=1, end="inclusive")
    windows = plan_windows(range_, BERLIN, None, at("2024-03-05T12:00:00Z"))
    assert rendered(range_, BERLIN, windows) == [
        ("2024-01-01", "2024-01-31"),
        ("2024-02-01", "2024-02-29"),
        ("2024-03-01", "2024-03-04"),
    ]


def test_today_begins_in_the_zone_of_the_range() -> None:
    """At 23:30 UTC it is tomorrow in Berlin already, and the day that just ended is complete."""
    windows = plan_windows(wanted(), BERLIN, at("2024-06-09T22:00:00Z"), at("2024-06-10T23:30:00Z"))
    assert windows == [Window(at("2024-06-09T22:00:00Z"), at("2024-06-10T22:00:00Z"))]


def test_the_look_back_reads_again_but_not_before_first() -> None:
    """A later fetch begins at the watermark less the look-back, and never before `first`."""
    range_ = wanted(look_back_days=7)
    windows = plan_windows(range_, BERLIN, at("2024-02-09T23:00:00Z"), at("2024-02-12T12:00:00Z"))
    assert rendered(range_, BERLIN, windows) == [("2024-02-03", "2024-02-12")]
    early = plan_windows(range_, BERLIN, at("2024-01-03T23:00:00Z"), at("2024-01-06T12:00:00Z"))
    assert rendered(range_, BERLIN, early) == [("2024-01-01", "2024-01-06")]


def test_a_first_moved_past_the_watermark_opens_no_gap() -> None:
    """What was fetched up to the watermark is where the next fetch begins, even where `first` now lies later."""
    windows = plan_windows(wanted(first=date(2024, 6, 1)), BERLIN, at("2024-02-09T23:00:00Z"), at("2024-07-01T12:00:00Z"))
    assert windows[0].start_us == at("2024-02-09T23:00:00Z")


@pytest.mark.parametrize(
    ("format_", "end", "values"),
    [
        ("datetime", "exclusive", ("2024-03-30T23:00:00Z", "2024-03-31T22:00:00Z")),
        ("datetime", "inclusive", ("2024-03-30T23:00:00Z", "2024-03-31T21:59:59Z")),
        ("epoch_s", "inclusive", ("1711839600", "1711922399")),
        ("epoch_ms", "exclusive", ("1711839600000", "1711922400000")),
        ("epoch_ms", "inclusive", ("1711839600000", "1711922399999")),
        ("date", "inclusive", ("2024-03-31", "2024-03-31")),
        ("%d.%m.%Y", "exclusive", ("31.03.2024", "01.04.2024")),
        ("%Y-%m-%d %H:%M:%S", "inclusive", ("2024-03-31 00:00:00", "2024-03-31 23:59:59")),
        ("%Y-%m-%dT%H:%M:%S%z", "exclusive", ("2024-03-31T00:00:00+0100", "2024-04-01T00:00:00+0200")),
    ],
)
def test_a_window_is_rendered_as_the_provider_wants(format_: str, end: str, values: tuple[str, str]) -> None:
    """The 31st of March 2024 in Berlin, which had 23 hours, in each form and with either end."""
    range_ = wanted(format_, end=end)
    window = Window(at("2024-03-30T23:00:00Z"), at("2024-03-31T22:00:00Z"))
    assert rendered(range_, BERLIN, [window]) == [values]


@pytest.mark.parametrize(
    ("format_", "days"),
    [
        ("date", True),
        ("datetime", False),
        ("%d/%m/%y", True),
        ("%d %Hh", False),
        ("%j%%H", True),
        ("%-d.%-m.%Y", True),
        ("%-H", False),
    ],
)
def test_formats_of_dates_are_told_from_formats_of_times(format_: str, days: bool) -> None:
    """A strftime pattern without a directive of time renders whole days."""
    assert whole_days(format_) is days


def test_a_gap_is_an_error() -> None:
    """A window that begins after the watermark doesn't advance it; one that overlaps does, and an older one leaves it."""
    assert advance(None, Window(5, 9)) == 9
    assert advance(9, Window(5, 12)) == 12
    assert advance(9, Window(1, 4)) == 9
    with pytest.raises(GapError):
        advance(9, Window(10, 12))


@settings(deadline=None, max_examples=150)
@given(
    zones,
    formats,
    st.dates(date(1990, 1, 1), date(2030, 1, 1)),
    st.one_of(st.none(), st.integers(0, 400 * DAY_US)),
    st.integers(0, 400 * DAY_US),
    st.integers(0, 40),
    st.one_of(st.none(), st.integers(1, 40)),
    st.one_of(st.none(), st.integers(1, 13)),
)
def test_windows_cover_without_gap_or_overlap(
    zone: ZoneInfo,
    format_: str,
    first: date,
    fetched: int | None,
    ahead: int,
    look_back: int,
    span_days: int | None,
    months: int | None,
) -> None:
    """Windows follow each other without gap or overlap, reach back as the look-back says, and end with what is complete."""
    range_ = wanted(format_, first=first, look_back_days=look_back, span_days_max=span_days, span_months_max=months)
    first_us = day_start_us(first, zone)
    watermark = None if fetched is None else first_us + fetched
    now = (first_us if watermark is None else watermark) + ahead
    windows = plan_windows(range_, zone, watermark, now)
    assert all(before.end_us == after.start_us for before, after in pairwise(windows))
    assert all(window.start_us < window.end_us for window in windows)
    step = DAY_US + 3 * DAY_US // 24 if whole_days(format_) else 1_000_000
    if windows:
        begin = first_us if watermark is None else max(first_us, watermark - look_back * DAY_US)
        # Local days of the look-back may each be an hour longer; a window begins at the start of a day or second.
        assert begin - step - look_back * DAY_US // 24 <= windows[0].start_us <= (begin if watermark is None else watermark)
        assert now - step - DAY_US <= windows[-1].end_us <= now
        progress = watermark
        for window in windows:
            progress = advance(progress, window)
        assert progress == max(windows[-1].end_us, watermark or windows[-1].end_us)
    elif not whole_days(format_):
        assert now - (first_us if watermark is None else watermark) < 1_000_000


@settings(deadline=None, max_examples=100)
@given(zones, st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(1, 800), st.integers(1, 40), st.integers(1, 5), formats)
def test_no_window_is_longer_than_the_provider_allows(
    zone: ZoneInfo, first: date, length: int, span_days: int, months: int, format_: str
) -> None:
    """Chunks keep to the longest span: in local dates where dates are asked for, in elapsed time otherwise; and to the months."""
    now = day_start_us(first + timedelta(length), zone)
    for window in plan_windows(wanted(format_, first=first, span_days_max=span_days), zone, None, now):
        if whole_days(format_):
            assert (day_of(window.end_us, zone) - day_of(window.start_us, zone)).days <= span_days
        else:
            assert window.end_us - window.start_us <= span_days * DAY_US
    for window in plan_windows(wanted(format_, first=first, span_months_max=months), zone, None, now):
        start, last = day_of(window.start_us, zone), day_of(window.end_us - 1, zone)
        assert (last.year - start.year) * 12 + last.month - start.month < months


@settings(deadline=None, max_examples=100)
@given(zones, st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(1, 60), st.integers(1, 9))
def test_rendered_dates_meet(zone: ZoneInfo, first: date, length: int, span: int) -> None:
    """Rendered as dates, an exclusive end is the next start, and an inclusive end is the day before it."""
    now = day_start_us(first + timedelta(length), zone)
    for end, distance in (("exclusive", 0), ("inclusive", 1)):
        range_ = wanted(first=first, span_days_max=span, end=end)
        texts = rendered(range_, zone, plan_windows(range_, zone, None, now))
        for (_, ended), (began, _) in pairwise(texts):
            days = (date.fromisoformat(began) - date.fromisoformat(ended)).days
            assert days == distance or (days > distance and zone.key in SKIPPED)


# Zones west of the date line that moved east of it, or the other way, and left out a date.
SKIPPED = {
    "Pacific/Apia",
    "Pacific/Fakaofo",
    "Pacific/Kwajalein",
    "Kwajalein",
    "Pacific/Enderbury",
    "Pacific/Kanton",
    "Pacific/Kiritimati",
}


def test_times_are_rendered_in_utc_or_local_as_the_format_says() -> None:
    """`datetime` is UTC with Z; a pattern shows the zone's own clock."""
    instant = at("2024-07-01T10:00:00Z")
    assert render_time("datetime", BERLIN, instant) == time_text(instant)
    assert render_time("%H:%M", BERLIN, instant) == "12:00"
    assert render_time("date", BERLIN, at("2024-07-01T22:30:00Z")) == "2024-07-02"

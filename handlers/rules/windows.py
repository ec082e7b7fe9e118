"""Windows of time in which usage is fetched: half-open, without a gap, no longer than the provider allows in one request."""

from datetime import UTC, date, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct

from handlers.rules.zones import DAY, DAY_US, day_of, day_start_us, month_start
from schemas.errors import DrawbarError
from schemas.providers import DateRange
from schemas.wire import EPOCH, MICROSECOND

_SECOND_US = 1_000_000
_STEPS_US = {"datetime": _SECOND_US, "epoch_s": _SECOND_US, "epoch_ms": 1_000}
_TIME_DIRECTIVES = frozenset("HIMSfpTXcsRr")


class Window(Struct, frozen=True):
    """`[start_us, end_us)`."""

    start_us: int
    end_us: int


class GapError(DrawbarError):
    """A window begins after the end of what has been fetched: what lies between would never be."""


def whole_days(format_: str) -> bool:
    """Whether a format renders dates, so that windows begin and end at local midnights."""
    if "%" not in format_:
        return format_ == "date"
    return not any(part[:1] in _TIME_DIRECTIVES for part in format_.replace("%%", "").replace("%-", "%").split("%")[1:])


def plan_windows(wanted: DateRange, zone: ZoneInfo, watermark_us: int | None, now_us: int) -> list[Window]:
    """The windows to fetch, oldest first: from the watermark less the look-back, or from `first`, up to now.

    A format of dates ends with yesterday, since today isn't complete; others end at the last whole step before now. Each
    window begins where the one before it ends. An empty list: there is nothing to fetch yet.
    """
    first_us = day_start_us(wanted.first, zone)
    if whole_days(wanted.format):
        today = day_of(now_us, zone)
        start = wanted.first
        if watermark_us is not None:
            fetched = day_of(watermark_us, zone)
            # A `first` that was moved past the watermark must not open a gap.
            start = min(fetched, max(wanted.first, fetched - DAY * wanted.look_back_days))
        return _by_days(wanted, zone, start, today)
    step_us = _STEPS_US.get(wanted.format, _SECOND_US)
    start_us = first_us
    if watermark_us is not None:
        start_us = min(watermark_us, max(first_us, watermark_us - DAY_US * wanted.look_back_days))
    return _by_time(wanted, zone, start_us - start_us % step_us, now_us - now_us % step_us)


def _by_days(wanted: DateRange, zone: ZoneInfo, start: date, until: date) -> list[Window]:
    windows = []
    while start < until:
        end = until
        if wanted.span_days_max is not None:
            end = min(end, start + DAY * wanted.span_days_max)
        if wanted.span_months_max is not None:
            end = min(end, month_start(start, wanted.span_months_max))
        window = Window(day_start_us(start, zone), day_start_us(end, zone))
        if window.start_us < window.end_us:  # a day that the zone skipped has no instant
            windows.append(window)
        start = end
    return windows


def _by_time(wanted: DateRange, zone: ZoneInfo, start_us: int, until_us: int) -> list[Window]:
    windows = []
    while start_us < until_us:
        end_us = until_us
        if wanted.span_days_max is not None:
            # The provider measures time elapsed, so a day is 24 hours here, whatever the clocks do.
            end_us = min(end_us, start_us + DAY_US * wanted.span_days_max)
        if wanted.span_months_max is not None:
            end_us = min(end_us, day_start_us(month_start(day_of(start_us, zone), wanted.span_months_max), zone))
        windows.append(Window(start_us, end_us))
        start_us = end_us
    return windows


def advance(watermark_us: int | None, window: Window) -> int:
    """The watermark after a window has been stored; it never goes back. Raises GapError if the window begins after it."""
    if watermark_us is None:
        return window.end_us
    if window.start_us > watermark_us:
        raise GapError(f"a window begins {window.start_us - watermark_us} microseconds after what has been fetched")
    return max(watermark_us, window.end_us)


def render_window(wanted: DateRange, zone: ZoneInfo, window: Window) -> dict[str, str]:
    """The two query parameters of a window, in the provider's form.

    An inclusive end is one step of the format before the half-open one: a day, a second, or a millisecond.
    """
    end_us = window.end_us
    if whole_days(wanted.format):
        start_day, end_day = day_of(window.start_us, zone), day_of(end_us, zone)
        if wanted.end == "inclusive":
            end_day = day_of(end_us - 1, zone)
        return {
            wanted.start_parameter: _date_text(wanted.format, start_day),
            wanted.end_parameter: _date_text(wanted.format, end_day),
        }
    if wanted.end == "inclusive":
        end_us -= _STEPS_US.get(wanted.format, _SECOND_US)
    return {
        wanted.start_parameter: render_time(wanted.format, zone, window.start_us),
        wanted.end_parameter: render_time(wanted.format, zone, end_us),
    }


def render_time(format_: str, zone: ZoneInfo, at_us: int) -> str:
    """One instant in a provider's form; a strftime pattern and a date show local time."""
    if format_ == "epoch_s":
        return str(at_us // _SECOND_US)
    if format_ == "epoch_ms":
        return str(at_us // 1_000)
    at = EPOCH + at_us * MICROSECOND
    if format_ == "datetime":
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return at.astimezone(zone).strftime("%Y-%m-%d" if format_ == "date" else format_)


def _date_text(format_: str, day: date) -> str:
    return day.isoformat() if format_ == "date" else day.strftime(format_)


def look_back_us(watermark_us: int, days: int) -> int:
    """The instant from which an incremental fetch asks again."""
    return watermark_us - timedelta(days=days) // MICROSECOND

"""Local days and months as spans of time: a day has 23 or 25 hours where the clocks change, and none where it was skipped."""

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.errors import InvalidInputError
from schemas.providers import Granularity
from schemas.wire import EPOCH, MICROSECOND, microseconds

DAY = timedelta(days=1)
DAY_US = DAY // MICROSECOND


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises InvalidInputError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInputError(f"no IANA time zone is called {name!r}") from error


def day_start_us(day: date, zone: ZoneInfo) -> int:
    """The first instant of a local date: of two midnights the first; of a skipped one the instant at which the clocks went on."""
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=zone))


def day_of(at_us: int, zone: ZoneInfo) -> date:
    """The local date whose span, from its start to the start of the next one, holds this instant."""
    day = (EPOCH + at_us * MICROSECOND).astimezone(zone).date()
    # Where clocks went back over midnight, an instant can carry the date before the one that has begun.
    while day_start_us(day + DAY, zone) <= at_us:
        day += DAY
    while day_start_us(day, zone) > at_us:
        day -= DAY
    return day


def month_start(day: date, months: int = 0) -> date:
    """The first of the month that lies `months` after the one of `day`."""
    years, month = divmod(day.month - 1 + months, 12)
    return date(day.year + years, month + 1, 1)


def bounds_us(from_us: int, to_us: int, granularity: Granularity, zone: ZoneInfo) -> list[int]:
    """The starts of all local days or months that touch `[from_us, to_us)`, and the end of the last: strictly rising.

    Empty where the span is empty.
    """
    if from_us >= to_us:
        return []
    day = day_of(from_us, zone)
    day = month_start(day) if granularity == "month" else day
    starts = [day_start_us(day, zone)]
    while starts[-1] < to_us:
        day = month_start(day, 1) if granularity == "month" else day + DAY
        starts.append(day_start_us(day, zone))
    return [start for start, after in pairwise(starts) if start < after] + starts[-1:]

"""When a provider's runs are due: local clock times over all changes of the clocks, and what was missed caught up once."""

from datetime import datetime

from cronsim import CronSim, CronSimError

from handlers.rules.zones import zone_of
from schemas.errors import InvalidInputError
from schemas.provider_schedule import Cron, Daily, Monthly, Schedule, Weekly
from schemas.wire import EPOCH, MICROSECOND, microseconds

_WEEKDAYS = {"monday": 1, "tuesday": 2, "wednesday": 3, "thursday": 4, "friday": 5, "saturday": 6, "sunday": 0}
_CRON_FIELDS = 5


def cron_expression(schedule: Schedule) -> str:
    """The five cron fields of a schedule."""
    match schedule:
        case Daily():
            return f"{schedule.at.minute} {schedule.at.hour} * * *"
        case Weekly():
            return f"{schedule.at.minute} {schedule.at.hour} * * {_WEEKDAYS[schedule.day]}"
        case Monthly():
            day = "L" if schedule.day == "last" else schedule.day
            return f"{schedule.at.minute} {schedule.at.hour} {day} * *"
        case Cron():
            return schedule.expression


def next_run_us(schedule: Schedule, after_us: int) -> int:
    """The first scheduled instant after `after_us`.

    A time that the clocks skip is moved to the end of the gap, one that comes twice counts once, as in Debian's cron. Raises
    InvalidInputError for an expression or a zone that can't be read, or one that is never due.
    """
    return _neighbour_us(schedule, after_us, backwards=False)


def due_us(schedule: Schedule, since_us: int, now_us: int) -> int | None:
    """The scheduled instant that a run should start for now, or None.

    `since_us` is the scheduled instant of the last run that was started, or the time when the provider was first seen. However
    many instants were missed since then, the latest of them stands for all.
    """
    if next_run_us(schedule, since_us) > now_us:
        return None
    # One microsecond on, so that an instant that is exactly now counts.
    return _neighbour_us(schedule, now_us + 1, backwards=True)


def check_schedule(schedule: Schedule) -> None:
    """Raises InvalidInputError if the schedule can't be followed."""
    if len(cron_expression(schedule).split()) != _CRON_FIELDS:
        raise InvalidInputError(f"expected five fields of cron, got {cron_expression(schedule)!r}")
    next_run_us(schedule, 0)


def _neighbour_us(schedule: Schedule, from_us: int, *, backwards: bool) -> int:
    zone = zone_of(schedule.time_zone)
    at: datetime = (EPOCH + from_us * MICROSECOND).astimezone(zone)
    try:
        for found in CronSim(cron_expression(schedule), at, reverse=backwards):
            found_us = microseconds(found)
            # Local times repeat where clocks go back: what lies on the wrong side of the start is passed over.
            if found_us < from_us if backwards else found_us > from_us:
                return found_us
    except CronSimError as error:
        raise InvalidInputError(f"{cron_expression(schedule)!r} is no cron expression: {error}") from error
    raise InvalidInputError(f"{cron_expression(schedule)!r} is never due")

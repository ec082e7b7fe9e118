"""What was in force at a time: which interval a unit was in, and which case was open."""

from collections.abc import Iterable

from handlers.rules.statements import Recorded, fold_recorded
from schemas.pairing import Interval, UnitState


def state_at(recorded: Recorded, at_us: int) -> UnitState:
    """The state of a unit after all facts up to and at a time, whenever they came to be known."""
    return fold_recorded(recorded, at_us).state


def is_in_force(interval: Interval, at_us: int, *, possible: bool = False) -> bool:
    """Whether `pairedAt <= t < unpairedAt`; if `possible`, also whether an interval of unknown start may have begun by then."""
    if interval.unpaired_at_us is not None and interval.unpaired_at_us <= at_us:
        return False
    if interval.paired_at_us is not None:
        return interval.paired_at_us <= at_us
    return possible and (interval.paired_after_us is None or interval.paired_after_us <= at_us)


def find_in_force(intervals: Iterable[Interval], at_us: int, *, possible: bool = False) -> Interval | None:
    """The interval that a unit was in, or may have been in, at a time; a unit's intervals never overlap, so there is one."""
    return next((interval for interval in intervals if is_in_force(interval, at_us, possible=possible)), None)

"""What was in force at a time: which interval a unit was in."""

from collections.abc import Iterable

from schemas.pairing import Interval


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

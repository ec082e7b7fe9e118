"""Does a reading keep the bounds of its assignment, judged against the last accepted one before it?"""

from decimal import Decimal

from schemas.decimals import EXACT, decimal_text
from schemas.readings import Reading, Thresholds
from schemas.wire import time_text

DAY_US = 24 * 60 * 60 * 1_000_000


def violation(reading: Reading, accepted: Reading | None, thresholds: Thresholds) -> str | None:
    """The bound that a NORMAL reading breaks, in words that name it; None if it keeps them all.

    `accepted` is the last accepted reading before it.
    """
    if reading.value is None:
        return None
    return outside(reading.value, thresholds) or _jump(reading.value, reading.at_us, accepted, thresholds)


def outside(value: Decimal, thresholds: Thresholds) -> str | None:
    """Which of `min` and `max` a value breaks, in words."""
    if thresholds.min is not None and value < thresholds.min:
        return f"below min {decimal_text(thresholds.min)}"
    if thresholds.max is not None and value > thresholds.max:
        return f"above max {decimal_text(thresholds.max)}"
    return None


def _jump(value: Decimal, at_us: int, accepted: Reading | None, thresholds: Thresholds) -> str | None:
    """How a value contradicts the accepted one before it.

    A change, up or down, may not exceed maxDeltaPerDay times the days elapsed, of which there is at least one.
    """
    if accepted is None or accepted.value is None:
        return None
    if thresholds.monotonic and value < accepted.value:
        return f"below the {_stand(accepted, accepted.value)}, though monotonic"
    if thresholds.max_delta_per_day is not None:
        change = EXACT.subtract(value, accepted.value).copy_abs()
        elapsed_us = max(DAY_US, at_us - accepted.at_us)
        if EXACT.multiply(change, Decimal(DAY_US)) > EXACT.multiply(thresholds.max_delta_per_day, Decimal(elapsed_us)):
            limit = decimal_text(thresholds.max_delta_per_day)
            return f"a change of {decimal_text(change)} from the {_stand(accepted, accepted.value)}, over maxDeltaPerDay {limit}"
    return None


def _stand(reading: Reading, value: Decimal) -> str:
    return f"{decimal_text(value)} of {time_text(reading.at_us)}"

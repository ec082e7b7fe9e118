"""Single values as providers write them: text, exact amounts, flags and times, each read or refused with what was expected."""

from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from handlers.rules.zones import day_start_us
from schemas.errors import InvalidInputError
from schemas.wire import EPOCH, MICROSECOND, microseconds

_EPOCH_FACTORS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
# An amount that a store must keep exactly: below a quintillion, with at most 18 decimal places.
_AMOUNT_LIMIT = Decimal(10) ** 18
_DECIMALS_MAX = 18
_TEXT_LENGTH_MAX = 1024
_SHOWN_LENGTH_MAX = 80


def read_text(value: object) -> str:
    """Text without outer spaces; whole numbers are taken as text, since many APIs number their things."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise InvalidInputError(f"expected text, got {shown(value)}")
    text = value.strip()
    if not text:
        raise InvalidInputError("is empty")
    if len(text) > _TEXT_LENGTH_MAX:
        raise InvalidInputError(f"is longer than {_TEXT_LENGTH_MAX} characters")
    return text


def read_amount(value: object) -> Decimal:
    """An exact, finite number, also as text with a decimal point."""
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
            raise InvalidInputError(f"expected a number, got {shown(value)}")
        # A float comes from a constant of the definition or from a JMESPath function; its shortest form is what was meant.
        amount = Decimal(str(value).strip())
    except (InvalidOperation, ValueError) as error:
        raise InvalidInputError(f"expected a number, got {shown(value)}") from error
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int) or amount.copy_abs() >= _AMOUNT_LIMIT or exponent < -_DECIMALS_MAX:
        raise InvalidInputError(f"expected a number below 10^18 with at most {_DECIMALS_MAX} decimal places, got {shown(value)}")
    return amount


def read_flag(value: object) -> bool:
    """A boolean, also as the text or number that stands for one."""
    flags = {"true": True, "1": True, "false": False, "0": False}
    flag = flags.get(str(value).strip().lower()) if isinstance(value, (bool, int, str)) else None
    if flag is None:
        raise InvalidInputError(f"expected true or false, got {shown(value)}")
    return flag


def read_time_us(value: object, time_format: str, zone: ZoneInfo | None) -> int:
    """Microseconds UTC of a time in `time_format`; `zone` gives a date or a time without an offset its instant."""
    if time_format in _EPOCH_FACTORS:
        return _epoch_us(value, _EPOCH_FACTORS[time_format])
    expected = f"expected a time of the format {time_format}, got {shown(value)}"
    if not isinstance(value, str):
        raise InvalidInputError(expected)
    text = value.strip()
    try:
        at = _iso(text) if time_format == "iso" else datetime.strptime(text, time_format)  # noqa: DTZ007 - the zone comes below
    except ValueError as error:
        raise InvalidInputError(expected) from error
    if isinstance(at, datetime) and at.tzinfo is not None:
        return microseconds(at)
    if zone is None:
        raise InvalidInputError(f"{shown(value)} has no time zone, and the definition states none")
    return microseconds(at.replace(tzinfo=zone)) if isinstance(at, datetime) else day_start_us(at, zone)


def _epoch_us(value: object, factor: int) -> int:
    at_us = int(read_amount(value) * factor)
    try:
        EPOCH + at_us * MICROSECOND
    except OverflowError as error:
        raise InvalidInputError(f"expected a time since 1970 in the years 1 to 9999, got {shown(value)}") from error
    return at_us


def _iso(text: str) -> date:
    """ISO 8601: YYYY-MM-DD, or a date and a time. ValueError otherwise; the basic form without hyphens is none of the two."""
    if text[4:5] != "-" or text[7:8] != "-":
        raise ValueError(text)
    return date.fromisoformat(text) if len(text) == len("2024-03-15") else datetime.fromisoformat(text)


def shown(value: object) -> str:
    """A value as a message quotes it, cut to a readable length."""
    text = repr(value) if not isinstance(value, Decimal) else str(value)
    return text if len(text) <= _SHOWN_LENGTH_MAX else text[: _SHOWN_LENGTH_MAX - 1] + "…"

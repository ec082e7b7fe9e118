"""JSON, times and cursors as they look on the wire.

Inside, a time is an integer: microseconds since 1970-01-01 UTC. Outside it is ISO 8601 with `Z`.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec

from schemas.errors import InvalidInputError, at

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_FIRST_US = (datetime(1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
_LAST_US = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND

ZonedTime = Annotated[datetime, msgspec.Meta(tz=True)]

_Key = TypeVar("_Key")

_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical = msgspec.json.Encoder(decimal_format="number", order="sorted")
_zoned_time = msgspec.json.Decoder(ZonedTime)


def to_json(value: object) -> bytes:
    """Compact UTF-8 JSON; exact decimals become numbers."""
    return _encoder.encode(value)


def to_json_text(value: object) -> str:
    """The same as text, for a column."""
    return _encoder.encode(value).decode()


def canonical_json(value: object) -> bytes:
    """The same with sorted keys: equal values give equal bytes, whatever the order of their keys was."""
    return _canonical.encode(value)


def microseconds(time: datetime) -> int:
    """Whole microseconds since the epoch of a time with a zone. Raises InvalidInputError outside the years 1 to 9999 UTC."""
    us = (time - EPOCH) // MICROSECOND
    if not _FIRST_US <= us <= _LAST_US:
        raise InvalidInputError("time is outside the years 1 to 9999 in UTC")
    return us


def time_text(us: int) -> str:
    """ISO 8601 in UTC with `Z`; the fraction is left out when it is zero and has six digits otherwise."""
    return _encoder.encode(EPOCH + timedelta(microseconds=us))[1:-1].decode()  # half the time of isoformat


def optional_time_text(us: int | None) -> str | None:
    """The same for a time that may be missing."""
    return None if us is None else time_text(us)


def parse_time(text: str, path: str) -> int:
    """Microseconds of an ISO 8601 time with a zone, such as `2025-05-12T22:20:00Z`.

    Raises InvalidInputError that names `path`.
    """
    try:
        return microseconds(_zoned_time.decode(msgspec.json.encode(text)))
    except (msgspec.DecodeError, OverflowError, InvalidInputError) as error:
        raise at(path, f"expected an ISO 8601 time with a zone, such as 2025-05-12T22:20:00Z, got {text!r}") from error


def encode_cursor(key: Sequence[str | int]) -> str:
    """An opaque cursor made from the sort key of the last row of a page."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[_Key]) -> _Key:
    """The sort key in a cursor, decoded as `shape` (a tuple type). Raises InvalidInputError that names the parameter `cursor`."""
    try:
        return msgspec.json.decode(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True), type=shape)
    except (binascii.Error, ValueError) as error:
        raise at("cursor", "not a cursor of this list") from error

"""The entries of a bulk patch as plain JSON values, in which no number passes through a binary float."""

import math
import sys
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from msgspec import Raw


class OutOfRange:
    """Stands for a number beyond what readers of JSON can be expected to hold, that is the range of a binary64."""


def decode_entry(raw: Raw) -> dict[str, Any]:
    """The members of an entry by name. DecodeError: it is no object."""
    try:
        return _decode_entry(raw)
    except msgspec.ValidationError:
        # A whole number of thousands of digits, and the decoder doesn't say where: so piece by piece.
        return {name: _piece(value) for name, value in _decode_members(raw).items()}


def in_range(number: int) -> bool:
    """Whether a whole number is in the range in which readers of JSON can be expected to hold it."""
    return abs(number) <= sys.float_info.max


def _number(text: str) -> Decimal | OutOfRange:
    try:
        return Decimal(text) if math.isfinite(float(text)) else OutOfRange()
    except InvalidOperation:
        return OutOfRange()


decode_list = msgspec.json.Decoder(list[Raw]).decode
encode_sorted = msgspec.json.Encoder(decimal_format="number", order="sorted").encode
_decode_entry = msgspec.json.Decoder(dict[str, Any], float_hook=_number).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_any = msgspec.json.Decoder(Any, float_hook=_number).decode


def _piece(raw: Raw) -> Any:  # noqa: ANN401 - any JSON
    try:
        return _decode_any(raw)
    except msgspec.ValidationError:
        if bytes(raw).startswith(b"{"):
            return {name: _piece(value) for name, value in _decode_members(raw).items()}
        return [] if bytes(raw).startswith(b"[") else OutOfRange()

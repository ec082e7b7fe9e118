"""The entries of a bulk patch as plain JSON values, in which no number passes through a binary float."""

import json
import math
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
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


class _Members(list[tuple[str, Any]]):
    """The members of an object in their order, each as often as it stands there."""


def repeated_names(raw: Raw, inside: str) -> Iterator[Sequence[str]]:
    """The names, as steps, that stand more than once in an entry, or in an object that its member `inside` is.

    A decoder keeps the last and says nothing (RFC 8259, section 4, calls that unpredictable): what stood before it would be lost.
    """
    try:
        members = _decode_pairs(bytes(raw).decode())
    except RecursionError:  # nothing that is nested so deep can be patched
        return
    for name in _repeated(members):
        yield (name,)
    for name, value in members:
        if name == inside and isinstance(value, _Members):
            for field in _repeated(value):
                yield name, field


def _repeated(members: _Members) -> Iterator[str]:
    counts = Counter(name for name, _ in members)
    if len(counts) < len(members):
        yield from (name for name, count in counts.items() if count > 1)


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
_decode_pairs = json.JSONDecoder(object_pairs_hook=_Members, parse_int=str, parse_float=str).decode
_decode_any = msgspec.json.Decoder(Any, float_hook=_number).decode


def _piece(raw: Raw) -> Any:  # noqa: ANN401 - any JSON
    try:
        return _decode_any(raw)
    except msgspec.ValidationError:
        if bytes(raw).startswith(b"{"):
            return {name: _piece(value) for name, value in _decode_members(raw).items()}
        return [] if bytes(raw).startswith(b"[") else OutOfRange()

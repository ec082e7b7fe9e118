"""Bodies that hold one array whose entries stand for themselves: the body is decoded first, each entry by itself after it."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Raw

from schemas.decimals import decoder
from schemas.errors import InvalidInputError, Problem
from schemas.json_faults import DECODE_ERRORS, fault, lone_surrogates_marked

_Body = TypeVar("_Body")

_decode_array = decoder(list[Raw]).decode


def decode_body(body: bytes, decode: Callable[[bytes], _Body]) -> _Body:
    """The body with its array left raw. InvalidInputError: it is no JSON, no object, or a field beside the array is at fault."""
    try:
        body.decode()
        try:
            return decode(body)
        except msgspec.DecodeError:
            return decode(lone_surrogates_marked(body))
    except DECODE_ERRORS as error:
        raise fault(error, "$") from error


def raw_entries(array: Raw, name: str, most: int) -> list[Raw]:
    """The entries of an array, whose name is in the plural.

    InvalidInputError: it is none, is empty or longer than `most`, or has an entry that is no object.
    """
    try:
        entries = _decode_array(array)
    except msgspec.DecodeError as error:
        raise _refused(name, f"{name} array is required", "Expected `array`") from error
    if not entries:
        raise _refused(name, f"{name} array cannot be empty", "Expected `array` of length >= 1")
    if len(entries) > most:
        message = f"{name} array has {len(entries)} {name}: at most {most} are taken in one request"
        raise _refused(name, message, f"Expected `array` of length <= {most}")
    strays = [index for index, raw in enumerate(entries) if not bytes(raw).startswith(b"{")]
    if strays:
        problems = tuple(Problem(f"$.{name}[{index}]", "Expected `object`") for index in strays)
        raise InvalidInputError(f"each entry of {name} must be an object - at {problems[0].path}", problems)
    return entries


def _refused(name: str, message: str, problem: str) -> InvalidInputError:
    return InvalidInputError(message, (Problem(f"$.{name}", problem),))

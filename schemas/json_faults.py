"""JSON that can't be decoded: what is wrong with it, at which place, in words for whoever sent it."""

import functools
import re
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.errors import InvalidInputError, Problem

HALF_PAIR = "JSON holds half of a surrogate pair, which is no text"
NOT_UTF8 = "JSON is not UTF-8"
TOO_DEEP = "JSON is nested too deep"
EMPTY = "there is nothing in it, where JSON was expected"
MARKED = "JSON has a byte order mark before it, which RFC 8259 (section 8.1) forbids"

# What a decoder can raise on hostile bytes: broken JSON and types, broken UTF-8, nesting beyond the stack, impossible dates.
DECODE_ERRORS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError, InvalidInputError)

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# An escaped pair of surrogates, a lone surrogate (the group), or any other escape.
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL)
# No UTF-8 has this byte.
_MARK = b"\xff"
_MARKED = re.compile(_MARK + rb"(u[dD][89a-fA-F][0-9a-fA-F]{2})")
# A message can quote the input, which can be as large as a body.
_MESSAGE_CHARACTERS_MAX = 500

_json = msgspec.json.Decoder(Raw)
_anything = msgspec.json.Decoder()


def lone_surrogates_marked(body: bytes) -> bytes:
    """JSON takes a lone surrogate where the decoder refuses all around it; as a bad byte it spoils only the text it is in."""
    return _ESCAPE.sub(lambda found: _MARK + found[1] if found[1] else found[0], body)


def as_received(part: bytes) -> bytes:
    """A part of such a body as it was."""
    return _MARKED.sub(rb"\\\1", part)


def is_json(body: bytes) -> bool:
    """Whether the bytes are one JSON value (RFC 8259) that can be read, however large its numbers are."""
    return _unreadable(body) is None


def json_fault(body: bytes) -> Problem | None:
    """Why the bytes are not one; None if they are."""
    error = _unreadable(body)
    if error is None:
        return None
    return _plainly(body) or fault(error, "$").problems[0]


def body_fault(error: Exception, body: bytes) -> InvalidInputError:
    """Turn a decoder's error on a whole body into ours."""
    problem = _plainly(body)
    if problem is None:
        return fault(error, "$", body)
    return InvalidInputError(f"{problem.message} - at {problem.path}", (problem,))


def _plainly(body: bytes) -> Problem | None:
    """What the decoder's words on it would help nobody with who looks at it in an editor."""
    if not body.strip():
        return Problem("$", EMPTY)
    return Problem("$", MARKED) if body.startswith(_BYTE_ORDER_MARK) else None


def _unreadable(body: bytes) -> Exception | None:
    try:
        body.decode()
        _json.decode(lone_surrogates_marked(body))
    except DECODE_ERRORS as error:
        return error
    return None


def fault(error: Exception, path: str, decoded: bytes | Raw = b"", shape: type[Struct] | None = None) -> InvalidInputError:
    """Turn a decoder's error into ours: its path is relative to what was `decoded`, which stands at `path` of the whole.

    Where a text in it is at fault, the decoder tells no place: the field is looked for by the `shape` that was expected.
    """
    if isinstance(error, InvalidInputError):
        inner = error.problems[0] if error.problems else Problem("$", error.message)
    elif isinstance(error, RecursionError):
        inner = Problem("$", TOO_DEEP)
    elif isinstance(error, UnicodeDecodeError):
        inner = Problem(_spoilt_field(decoded, shape), HALF_PAIR if _MARKED.match(error.object, error.start) else NOT_UTF8)
    elif _is_half_pair(error, bytes(decoded)):
        inner = Problem("$", HALF_PAIR)
    else:
        # The last one is the decoder's: a message can quote the input, and the input can look like a place.
        message, at, place = str(error).rpartition(" - at `")
        inner = Problem(place.rstrip("`"), message) if at else Problem("$", place)
    problem = Problem(path + inner.path.removeprefix("$"), inner.message[:_MESSAGE_CHARACTERS_MAX])
    return InvalidInputError(f"{problem.message} - at {problem.path}", (problem,))


def _is_half_pair(error: Exception, body: bytes) -> bool:
    """Whether the decoder's message misleads: it takes half of a surrogate pair for the end of the text."""
    return isinstance(error, msgspec.DecodeError) and not isinstance(error, msgspec.ValidationError) and is_json(body)


def _spoilt_field(decoded: bytes | Raw, shape: type[Struct] | None) -> str:
    """The path of the first field whose text can't be read; `$` where none is found."""
    if shape is None:
        return "$"
    try:
        fields = _raw_fields(shape).decode(decoded)
    except DECODE_ERRORS:
        return "$"
    for field in msgspec.structs.fields(shape):
        value = getattr(fields, field.name)
        try:
            if value is not UNSET:
                _anything.decode(value)
        except UnicodeDecodeError:
            return f"$.{field.encode_name}"
        except DECODE_ERRORS:
            continue
    return "$"


@functools.cache
def _raw_fields(shape: type[Struct]) -> msgspec.json.Decoder[Any]:
    """The same fields, none of them looked into."""
    fields = [
        (field.name, Raw | UnsetType, msgspec.field(name=field.encode_name, default=UNSET))
        for field in msgspec.structs.fields(shape)
    ]
    return msgspec.json.Decoder(msgspec.defstruct(f"{shape.__name__}Fields", fields))

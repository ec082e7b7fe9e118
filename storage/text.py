"""Text that an engine can't hold, made reversible.

PostgreSQL can't hold U+0000, SQLite's JSON functions cut it off, and neither holds half of a surrogate pair. Where a text has
one of these or the escape character U+001A itself, each is written as U+001A and a few ASCII letters: `U+001A 0` is U+0000,
`U+001A 1` is U+001A, `U+001A d8ab` is the lone surrogate U+D8AB. Other text, that is nearly all of it, is kept as it is, so order
and comparison are untouched.
"""

import re
from collections.abc import Sequence
from typing import Any

_ESCAPE = "\x1a"
_UNSAFE = re.compile("[\x00\x1a\ud800-\udfff]")
_ESCAPED = re.compile("\x1a(0|1|d[89a-f][0-9a-f]{2})")


def _escape_one(found: re.Match[str]) -> str:
    character = found[0]
    if character == "\x00":
        return "\x1a0"
    return "\x1a1" if character == _ESCAPE else f"\x1a{ord(character):x}"


def _unescape_one(found: re.Match[str]) -> str:
    code = found[1]
    if code == "0":
        return "\x00"
    return _ESCAPE if code == "1" else chr(int(code, 16))


def _is_unsafe(text: str) -> bool:
    """Three fast looks, for which the interpreter needs no pattern: two memory scans and a trial encoding."""
    if "\x00" in text or _ESCAPE in text:
        return True
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def escape(value: object) -> object:
    """A value as it can be stored: text escaped where it must be, in lists and pairs too."""
    if isinstance(value, str):
        return _UNSAFE.sub(_escape_one, value) if _is_unsafe(value) else value
    if isinstance(value, list | tuple):
        return [escape(item) for item in value]
    return value


def escape_arguments(arguments: list[object]) -> list[object]:
    """One statement's arguments as they can be stored."""
    return [_escape_list(value) if isinstance(value, list | tuple) else escape(value) for value in arguments]


def _escape_list(values: Sequence[Any]) -> object:
    """A list of values, or of rows."""
    rows = values if values and isinstance(values[0], list | tuple) else (values,)
    return escape(values) if _is_unsafe(_texts(rows)) else values


def escape_rows(rows: Sequence[Sequence[object]]) -> Sequence[Sequence[object]]:
    """Rows as they can be stored; the same object when nothing needs an escape, which is found out for all of them at once."""
    return [[escape(value) for value in row] for row in rows] if _is_unsafe(_texts(rows)) else rows


def unescape_rows(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows as they were written; the same object when nothing was escaped."""
    return [tuple(map(_unescape, row)) for row in rows] if _ESCAPE in _texts(rows) else rows


def _texts(rows: Sequence[Sequence[object]]) -> str:
    return "".join([value for row in rows for value in row if type(value) is str])


def _unescape(value: object) -> object:
    return _ESCAPED.sub(_unescape_one, value) if type(value) is str and _ESCAPE in value else value

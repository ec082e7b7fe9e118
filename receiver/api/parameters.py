"""The parameters of a query string, made of a filter's fields: how the text of each is read, and what OpenAPI says of it."""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import inspect

from handlers.queries.lists import Filter
from schemas.errors import at
from schemas.events import UUID_PATTERN
from schemas.wire import parse_time

# By the parameter's name and its text. Raises InvalidInputError that names the parameter.
Read = Callable[[str, str], Any]

TEXT_CHARACTERS_MAX = 1000
_UUID = re.compile(UUID_PATTERN)
_INTEGER = re.compile(r"[0-9]{1,9}\Z")
_INTEGER_MAX = 999_999_999
_SWITCH = {"true": True, "false": False}


class Parameter(NamedTuple):
    """One parameter of a query string: how its text is read, and what OpenAPI says of it."""

    name: str
    field: str
    read: Read
    schema: dict[str, object]
    description: str


def wire_name(field: str) -> str:
    """`updated_since_us` is `updatedSince` on the wire."""
    first, *rest = field.removesuffix("_us").split("_")
    return first + "".join(word.capitalize() for word in rest)


def filter_parameters(filter_type: type[Filter]) -> list[Parameter]:
    """A parameter for each field of a filter. TypeError: a field is of a type that no parameter has."""
    info = inspect.type_info(filter_type)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{filter_type.__name__} is no Struct")
    return [_parameter(field.name, field.type) for field in info.fields]


def _parameter(field: str, kind: inspect.Type) -> Parameter:
    name, description = wire_name(field), ""
    if isinstance(kind, inspect.Metadata):
        description = str((kind.extra_json_schema or {}).get("description", ""))
        kind = kind.type
    if isinstance(kind, inspect.UnionType):
        kind = _only(kind)
    if isinstance(kind, inspect.Metadata):  # of the type by itself, beside that of the parameter
        kind = kind.type
    if field.endswith("_us"):
        return Parameter(name, field, _time, {"type": "string", "format": "date-time"}, description)
    if isinstance(kind, inspect.BoolType):
        return Parameter(name, field, _switch, {"type": "boolean"}, description)
    if isinstance(kind, inspect.LiteralType):
        choices = tuple(str(value) for value in kind.values)
        return Parameter(name, field, _choice(choices), {"type": "string", "enum": list(choices)}, description)
    if isinstance(kind, inspect.IntType):
        lowest, highest = kind.ge or 0, kind.le if kind.le is not None else _INTEGER_MAX
        schema = {"type": "integer", "minimum": lowest, "maximum": highest}
        return Parameter(name, field, _whole(lowest, highest), schema, description)
    if isinstance(kind, inspect.FloatType):
        least, most = kind.ge or 0.0, kind.le if kind.le is not None else math.inf
        return Parameter(name, field, _number(least, most), {"type": "number", "minimum": least, "maximum": most}, description)
    if isinstance(kind, inspect.StrType):
        longest = kind.max_length or TEXT_CHARACTERS_MAX
        return Parameter(name, field, _text(longest), {"type": "string", "maxLength": longest}, description)
    raise TypeError(f"a parameter can't be a {type(kind).__name__}")


def _only(union: inspect.UnionType) -> inspect.Type:
    """The type of a parameter that can be left out; choices that stand in several types are one."""
    options = [option for option in union.types if not isinstance(option, inspect.NoneType)]
    if len(options) > 1 and all(isinstance(option, inspect.LiteralType) for option in options):
        return inspect.LiteralType(tuple(value for option in options for value in getattr(option, "values", ())))
    (kind,) = options
    return kind


def _time(name: str, text: str) -> int:
    # A `+` that wasn't escaped reads as a space.
    return parse_time(text.replace(" ", "+") if "T" in text else text, name)


def _switch(name: str, text: str) -> bool:
    if text not in _SWITCH:
        raise at(name, f"expected true or false, got {text[:TEXT_CHARACTERS_MAX]!r}")
    return _SWITCH[text]


def _choice(choices: tuple[str, ...]) -> Read:
    def read(name: str, text: str) -> str:
        if text not in choices:
            raise at(name, f"expected one of {', '.join(choices)}, got {text[:TEXT_CHARACTERS_MAX]!r}")
        return text

    return read


def _number(least: float, most: float) -> Read:
    def read(name: str, text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not least <= number <= most:
            raise at(name, f"expected a number from {least:g} to {most:g}, got {text[:TEXT_CHARACTERS_MAX]!r}")
        return number

    return read


def _whole(lowest: int, highest: int) -> Read:
    def read(name: str, text: str) -> int:
        number = _integer(name, text)
        if not lowest <= number <= highest:
            raise at(name, f"expected {lowest} to {highest}, got {number}")
        return number

    return read


def _text(longest: int) -> Read:
    def read(name: str, text: str) -> str:
        if len(text) > longest:
            raise at(name, f"is longer than {longest} characters")
        return text

    return read


def _uuid(name: str, text: str) -> str:
    if not _UUID.match(text):
        raise at(name, f"expected a UUID, got {text[:TEXT_CHARACTERS_MAX]!r}")
    return text.lower()


def _integer(name: str, text: str) -> int:
    if not _INTEGER.match(text):
        raise at(name, f"expected a whole number, got {text[:TEXT_CHARACTERS_MAX]!r}")
    return int(text)


ORGANIZATION = Parameter(
    "organizationId",
    "organizationId",
    _uuid,
    {"type": "string", "format": "uuid"},
    "One organization; clients of a single one need not name it.",
)
LIMIT = Parameter(
    "limit", "limit", _integer, {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Items at most."
)
CURSOR = Parameter("cursor", "cursor", _text(TEXT_CHARACTERS_MAX * 4), {"type": "string"}, "`nextCursor` of the page before.")

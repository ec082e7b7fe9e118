"""The query string of a request, read by the fields of a filter (see `handlers.queries.lists`).

Whatever can't be read, comes twice, or isn't a parameter of the operation is 400 and names the parameter: a mistyped name that is
passed over in silence would show more than was asked for.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from msgspec import inspect

from handlers.queries.lists import Filter, PageAsked
from receiver.limit_settings import Limits
from schemas.errors import at
from schemas.events import UUID_PATTERN
from schemas.wire import parse_time

F = TypeVar("F", bound=Filter)
Read = Callable[[str, str], Any]

TEXT_CHARACTERS_MAX = 1000
_PARAMETERS_MAX = 100
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


class Asked(NamedTuple, Generic[F]):
    """A query string, read."""

    filter: F
    organization_id: str | None
    page: PageAsked


class QueryReader(Generic[F]):
    """Reads the query strings of one operation; `limited` adds `limit`, `paged` adds `cursor`."""

    def __init__(self, filter_type: type[F], *, paged: bool = False, limited: bool = False) -> None:
        self._filter_type = filter_type
        self._nothing = filter_type()
        parameters = [
            *_filter_parameters(filter_type),
            _ORGANIZATION,
            *([_LIMIT] if limited else ()),
            *([_CURSOR] if paged else ()),
        ]
        self.parameters: Mapping[str, Parameter] = {parameter.name: parameter for parameter in parameters}

    def read(self, query: bytes, limits: Limits) -> Asked[F]:
        """Raises InvalidInputError that names the first parameter at fault."""
        if not query:
            return Asked(self._nothing, None, PageAsked(limits.page_default, None))
        values: dict[str, Any] = {}
        for name, text in _pairs(query):
            parameter = self.parameters.get(name)
            if parameter is None:
                raise at(name[:TEXT_CHARACTERS_MAX], "is no parameter of this operation")
            if parameter.field in values:
                raise at(name, "was given more than once")
            values[parameter.field] = parameter.read(name, text)
        organization_id = values.pop(_ORGANIZATION.field, None)
        limit = values.pop("limit", limits.page_default)
        if not 1 <= limit <= limits.page_max:
            raise at("limit", f"expected 1 to {limits.page_max}, got {limit}")
        page = PageAsked(limit, values.pop("cursor", None))
        return Asked(self._filter_type(**values), organization_id, page)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(query.decode("latin-1"), keep_blank_values=True, max_num_fields=_PARAMETERS_MAX)
    except ValueError as error:
        raise at("query", f"a query has at most {_PARAMETERS_MAX} parameters") from error


def wire_name(field: str) -> str:
    """`updated_since_us` is `updatedSince` on the wire."""
    first, *rest = field.removesuffix("_us").split("_")
    return first + "".join(word.capitalize() for word in rest)


def _filter_parameters(filter_type: type[Filter]) -> list[Parameter]:
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


_ORGANIZATION = Parameter(
    "organizationId",
    "organizationId",
    _uuid,
    {"type": "string", "format": "uuid"},
    "One organization; clients of a single one need not name it.",
)
_LIMIT = Parameter(
    "limit", "limit", _integer, {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100}, "Items at most."
)
_CURSOR = Parameter("cursor", "cursor", _text(TEXT_CHARACTERS_MAX * 4), {"type": "string"}, "`nextCursor` of the page before.")

"""The query string of a request, read by the fields of a filter (see `handlers.queries.lists`).

Whatever can't be read, comes twice, or isn't a parameter of the operation is 400 and names the parameter: a mistyped name that is
passed over in silence would show more than was asked for.
"""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl

from handlers.queries.lists import Filter, PageAsked
from receiver.api.parameters import CURSOR, LIMIT, ORGANIZATION, TEXT_CHARACTERS_MAX, Parameter, filter_parameters
from receiver.limit_settings import Limits
from schemas.errors import at

F = TypeVar("F", bound=Filter)

_PARAMETERS_MAX = 100


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
            *filter_parameters(filter_type),
            ORGANIZATION,
            *([LIMIT] if limited else ()),
            *([CURSOR] if paged else ()),
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
        organization_id = values.pop(ORGANIZATION.field, None)
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

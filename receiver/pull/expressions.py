"""JMESPath over documents whose numbers are exact: compiled once, with errors that say which expression failed."""

import contextlib
from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import jmespath
import jmespath.exceptions
from jmespath.parser import ParsedResult

from schemas.errors import InvalidInputError

# What JSON can hold, with exact decimals for fractions.
Document: TypeAlias = object

# Parts of an expression of which only the first starts from the document, and those of which each does.
_CHAINED = frozenset(
    {"subexpression", "index_expression", "projection", "value_projection", "filter_projection", "flatten", "pipe"}
)
_COMBINED = frozenset(
    {"or_expression", "and_expression", "not_expression", "comparator"}
    | {"multi_select_list", "multi_select_dict", "key_val_pair", "function_expression"}
)


class Expression:
    """A compiled expression. `roots` are the fields of the document that it starts from; None means that it can reach all."""

    def __init__(self, text: str) -> None:
        """Raises InvalidInputError if the text is no JMESPath."""
        try:
            self._parsed: ParsedResult = jmespath.compile(text)
        except jmespath.exceptions.JMESPathError as error:
            raise InvalidInputError(f"{text!r} is no JMESPath: {' '.join(str(error).split())}") from error
        self.text = text
        self.roots = _roots(self._parsed.parsed)

    def search(self, document: Document) -> Document:
        """What the expression finds, or None. Raises InvalidInputError where a function can't take what it is given."""
        try:
            return self._parsed.search(document)
        except (jmespath.exceptions.JMESPathError, TypeError, ArithmeticError) as error:
            raise InvalidInputError(f"{self.text!r} failed: {' '.join(str(error).split())}") from error


@lru_cache(maxsize=4096)
def expression(text: str) -> Expression:
    """The compiled expression of this text. Raises InvalidInputError if it is no JMESPath."""
    return Expression(text)


def _roots(node: Mapping[str, object]) -> frozenset[str] | None:
    """The leftmost field names of an expression tree; None where the whole document is used."""
    kind, children = node["type"], node["children"]
    if kind == "field":
        return frozenset({str(node["value"])})
    if kind == "literal":
        return frozenset()
    if kind == "current" or not isinstance(children, list):
        return None
    starting = children[:1] if kind in _CHAINED else children
    if kind not in _CHAINED | _COMBINED:
        return None
    found: frozenset[str] = frozenset()
    for child in starting:
        roots = _roots(child)
        if roots is None:
            return None
        found |= roots
    return found


def whole_number(value: Document) -> int | None:
    """A count that may come as a number or as its digits; None if it is neither."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            return int(value)
        return None
    return value if isinstance(value, int) and not isinstance(value, bool) else None

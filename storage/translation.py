"""Turns the SQL of our files, with `:name` parameters and macros, into the SQL of one engine."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

Dialect = Literal["sqlite", "postgres"]
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgres")
Kind = Literal["value", "list", "pairs"]

_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*' | "(?:[^"]|"")*"                        # literals and quoted names stay
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | \b in_(?P<list>list|ints) \s* \( \s* :(?P<items>\w+) \s* \)
    | \b in_pairs \s* \( \s* :(?P<left>\w+) \s*,\s* :(?P<right>\w+) \s* \)
    | (?P<lock> \s* \b for_update \b )
    | (?<![\w:]) :(?P<name>[A-Za-z_]\w*)                     # neither a cast nor a slice
    """,
    re.VERBOSE | re.DOTALL,
)


class Parameter(NamedTuple):
    """One placeholder of a statement's text: the names of the values that it takes, and how they are sent."""

    names: tuple[str, ...]
    kind: Kind


class Text(NamedTuple):
    """SQL as one engine takes it, with the parameters in the order of its placeholders."""

    sql: str
    parameters: tuple[Parameter, ...]
    names: tuple[str, ...]
    plain: bool  # every parameter is a single value
    pairs: tuple[tuple[str, str], ...]  # lists that belong together

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of the placeholders; a pair on SQLite is one list of two. KeyError: a value is missing."""
        if self.plain:
            return [values[name] for name in self.names]
        lists = {pair: [cast("Sequence[object]", values[name]) for name in pair] for pair in self.pairs}
        zipped = {pair: list(zip(*both, strict=True)) for pair, both in lists.items()}
        return [zipped[(names[0], names[1])] if kind == "pairs" else values[names[0]] for names, kind in self.parameters]


def translate(sql: str, dialect: Dialect) -> Text:
    """The text for an engine: `?1` or `$1` for parameters, numbered by first appearance; macros spelt out; no comments."""
    return _Translation(dialect).text(sql)


_SQLITE_LIST = "IN (SELECT value FROM json_each({}))"
_SQLITE_PAIRS = "IN (SELECT value ->> 0, value ->> 1 FROM json_each({}))"
_POSTGRES_PAIRS = "IN (SELECT * FROM unnest({}::text[], {}::text[]))"


class _Translation:
    """One statement's text on its way to an engine: replaces parameters and macros, numbered by first appearance."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._parameters: list[Parameter] = []
        self._pairs: list[tuple[str, str]] = []

    def text(self, sql: str) -> Text:
        """The whole text as the engine takes it."""
        translated = "\n".join(line for line in _TOKEN.sub(self._replace, sql).rstrip("; \n").splitlines() if line.strip())
        parameters = tuple(self._parameters)
        names = tuple(dict.fromkeys(name for parameter in parameters for name in parameter.names))
        return Text(translated, parameters, names, all(parameter.kind == "value" for parameter in parameters), tuple(self._pairs))

    def _replace(self, token: re.Match[str]) -> str:
        if token["comment"]:
            return ""
        if token["lock"]:
            return "" if self._dialect == "sqlite" else token["lock"].replace("for_update", "FOR UPDATE")
        if token["name"]:
            return self._place("value", token["name"])
        if token["list"]:
            return self._in_list(token["items"], "text" if token["list"] == "list" else "bigint")
        return self._in_pairs(token["left"], token["right"]) if token["left"] else token[0]

    def _in_list(self, items: str, element: str) -> str:
        place = self._place("list", items)
        return _SQLITE_LIST.format(place) if self._dialect == "sqlite" else f"= ANY({place}::{element}[])"

    def _in_pairs(self, left: str, right: str) -> str:
        self._pairs.append((left, right))
        if self._dialect == "sqlite":
            return _SQLITE_PAIRS.format(self._place("pairs", left, right))
        return _POSTGRES_PAIRS.format(self._place("list", left), self._place("list", right))

    def _place(self, kind: Kind, *names: str) -> str:
        parameter = Parameter(names, kind)
        if parameter not in self._parameters:
            self._parameters.append(parameter)
        return f"{'?' if self._dialect == 'sqlite' else '$'}{self._parameters.index(parameter) + 1}"

"""Turns the SQL of our files, with `:name` parameters and macros, into the SQL of one engine."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, cast

Dialect = Literal["sqlite", "postgres"]
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgres")
Kind = Literal["value", "list", "rows"]

_TOKEN = re.compile(
    r"""
      '(?:[^']|'')*' | "(?:[^"]|"")*"                        # literals and quoted names stay
    | (?P<comment> --[^\n]* | /\*.*?\*/ )
    | \b in_(?P<list>list|ints) \s* \( \s* :(?P<items>\w+) \s* \)
    | \b in_pairs \s* \( \s* :(?P<left>\w+) \s*,\s* :(?P<right>\w+) \s* \)
    | \b rows_of \s* \( (?P<columns>[^()]*) \) \s+ AS \s+ (?P<alias>\w+)
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
    together: tuple[tuple[str, ...], ...]  # lists that belong together

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of the placeholders; lists that belong together are on SQLite one list of rows.

        KeyError: a value is missing. ValueError: lists that belong together differ in length.
        """
        if self.plain:
            return [values[name] for name in self.names]
        lists = {names: [cast("Sequence[object]", values[name]) for name in names] for names in self.together}
        zipped = {names: list(zip(*columns, strict=True)) for names, columns in lists.items()}
        return [zipped[names] if kind == "rows" else values[names[0]] for names, kind in self.parameters]


def translate(sql: str, dialect: Dialect) -> Text:
    """The text for an engine: `?1` or `$1` for parameters, numbered by first appearance; macros spelt out; no comments."""
    return _Translation(dialect).text(sql)


_COLUMN = re.compile(r"\s*:(\w+)\s+(TEXT|BIGINT)\s*")
_SQLITE_LIST = "IN (SELECT value FROM json_each({}))"
_SQLITE_PAIRS = "IN (SELECT value ->> 0, value ->> 1 FROM json_each({}))"
_POSTGRES_PAIRS = "IN (SELECT * FROM unnest({}::text[], {}::text[]))"


class _Translation:
    """One statement's text on its way to an engine: replaces parameters and macros, numbered by first appearance."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._parameters: list[Parameter] = []
        self._together: list[tuple[str, ...]] = []

    def text(self, sql: str) -> Text:
        """The whole text as the engine takes it."""
        translated = "\n".join(line for line in _TOKEN.sub(self._replace, sql).rstrip("; \n").splitlines() if line.strip())
        parameters = tuple(self._parameters)
        names = tuple(dict.fromkeys(name for parameter in parameters for name in parameter.names))
        plain = all(parameter.kind == "value" for parameter in parameters)
        return Text(translated, parameters, names, plain, tuple(self._together))

    def _replace(self, token: re.Match[str]) -> str:
        if token["comment"]:
            return ""
        if token["lock"]:
            return "" if self._dialect == "sqlite" else token["lock"].replace("for_update", "FOR UPDATE")
        if token["name"]:
            return self._place("value", token["name"])
        if token["list"]:
            return self._in_list(token["items"], "text" if token["list"] == "list" else "bigint")
        if token["alias"]:
            return self._rows_of(token["columns"], token["alias"])
        return self._in_pairs(token["left"], token["right"]) if token["left"] else token[0]

    def _in_list(self, items: str, element: str) -> str:
        place = self._place("list", items)
        return _SQLITE_LIST.format(place) if self._dialect == "sqlite" else f"= ANY({place}::{element}[])"

    def _in_pairs(self, left: str, right: str) -> str:
        self._together.append((left, right))
        if self._dialect == "sqlite":
            return _SQLITE_PAIRS.format(self._place("rows", left, right))
        return _POSTGRES_PAIRS.format(self._place("list", left), self._place("list", right))

    def _rows_of(self, columns: str, alias: str) -> str:
        """ValueError: what stands in the parentheses are no typed parameters."""
        found = [_COLUMN.fullmatch(column) for column in columns.split(",")]
        typed = [(match[1], match[2].lower()) for match in found if match]
        if len(typed) != len(found):
            raise ValueError(f"rows_of takes parameters with TEXT or BIGINT, not ({columns})")
        names = tuple(name for name, _ in typed)
        self._together.append(names)
        if self._dialect == "sqlite":
            selected = ", ".join(f"value ->> {number} AS {name}" for number, name in enumerate(names))
            return f"(SELECT {selected} FROM json_each({self._place('rows', *names)})) AS {alias}"  # noqa: S608 - a statement of ours
        arrays = ", ".join(f"{self._place('list', name)}::{kind}[]" for name, kind in typed)
        return f"unnest({arrays}) AS {alias} ({', '.join(names)})"

    def _place(self, kind: Kind, *names: str) -> str:
        parameter = Parameter(names, kind)
        if parameter not in self._parameters:
            self._parameters.append(parameter)
        return f"{'?' if self._dialect == 'sqlite' else '$'}{self._parameters.index(parameter) + 1}"

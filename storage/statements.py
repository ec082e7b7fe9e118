"""Named SQL statements, read from `storage/sql/*.sql` and written once for both engines.

A file holds statements such as

    -- name: list_pairings
    -- Pairings of some units, newest first.
    SELECT unit_id, asset_id FROM pairings
    WHERE organization_id = :organization_id
      AND unit_id in_list(:unit_ids)
      AND status = :status  --? status
      AND ended_at_us IS NULL  --? only_open
    ORDER BY started_at_us DESC
    LIMIT :limit

- `:name` is a parameter and may be used more than once; casts (`::type`), literals, comments and slices are left alone. Where
  PostgreSQL can't infer a parameter's type, write `CAST(:name AS BIGINT)`, which both engines read.
- A line that ends in `--? flag` is kept only when `flag` is among the values given. A flag that names a parameter is given when
  its value isn't None; any other flag is a switch, given when its value is true, and isn't bound.
- After `-- only: sqlite` or `-- only: postgres` the lines up to the next such line are for that engine alone.
- Macros: `x in_list(:texts)` and `x in_ints(:integers)` take a list; `(x, y) in_pairs(:xs, :ys)` takes two lists of texts of
  equal length; `for_update` locks the rows on PostgreSQL and is nothing on SQLite, whose writer is alone anyway.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

Dialect = Literal["sqlite", "postgres"]
DIALECTS: tuple[Dialect, ...] = ("sqlite", "postgres")
Kind = Literal["value", "list", "pairs"]

SQL_FOLDER = Path(__file__).parent / "sql"

_NAME = re.compile(r"--\s*name:\s*(\w+)\s*")
_ONLY = re.compile(r"--\s*only:\s*(\w+)\s*")
_OPTIONAL = re.compile(r"(.*?)\s*--\?\s*(\w+)\s*")
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

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of the placeholders; a pair on SQLite is one list of two. KeyError: a value is missing."""
        if self.plain:
            return [values[name] for name in self.names]
        return [
            values[parameter.names[0]]
            if parameter.kind != "pairs"
            else list(zip(*(values[name] for name in parameter.names), strict=True))
            for parameter in self.parameters
        ]


class Statement:
    """One named statement. `source` holds its lines, each with the flag that keeps it and the engine that it is for."""

    def __init__(self, name: str, doc: str, lines: list[tuple[str, str | None, Dialect | None]]) -> None:
        self.name = name
        self.doc = doc
        self._lines = lines
        self._texts: dict[tuple[Dialect, frozenset[str]], Text] = {}
        self.flags = frozenset(flag for _, flag, _ in lines if flag is not None)
        self.parameters = frozenset(name for dialect in DIALECTS for name in self._text(dialect, self.flags).names)
        self._switches = self.flags - self.parameters

    def __repr__(self) -> str:
        return f"<Statement {self.name}>"

    def variant(self, flags: frozenset[str], dialect: Dialect) -> Text:
        """The text for an engine with the optional lines of `flags`, made once."""
        key = (dialect, flags)
        if key not in self._texts:
            self._texts[key] = self._text(dialect, flags)
        return self._texts[key]

    def bind(self, dialect: Dialect, values: Mapping[str, object]) -> tuple[Text, list[object]]:
        """The text that the given values ask for, and its arguments. TypeError: a value is missing or unknown."""
        text = self.variant(self._present(values) if self.flags else _NONE, dialect)
        try:
            arguments = text.arguments(values)
        except KeyError as error:
            raise TypeError(f"statement {self.name} needs a value for :{error.args[0]}") from None
        except ValueError as error:
            raise ValueError(f"statement {self.name} takes lists of equal length in in_pairs") from error
        if len(values) != len(text.names):
            unknown = values.keys() - self.parameters - self.flags
            if unknown:
                raise TypeError(f"statement {self.name} has no parameter :{', :'.join(sorted(unknown))}")
        return text, arguments

    def for_rows(self, dialect: Dialect) -> Text:
        """The text that many rows are sent to. TypeError: a parameter is a list, or lines are optional."""
        text = self.variant(_NONE, dialect)
        if self.flags or not text.plain:
            raise TypeError(f"statement {self.name} doesn't take rows: it has optional lines or lists")
        return text

    def prefixed(self, prefix: str) -> "Statement":
        """The same statement with words before it, such as EXPLAIN."""
        return Statement(f"{prefix} {self.name}", self.doc, [(prefix, None, None), *self._lines])

    def _present(self, values: Mapping[str, object]) -> frozenset[str]:
        return frozenset(
            flag for flag in self.flags if (values.get(flag) if flag in self._switches else values.get(flag) is not None)
        )

    def _text(self, dialect: Dialect, flags: frozenset[str]) -> Text:
        kept = [line for line, flag, only in self._lines if (flag is None or flag in flags) and (only is None or only == dialect)]
        return _Translation(dialect).translate("\n".join(kept))


_NONE: frozenset[str] = frozenset()


class Statements(Mapping[str, Statement]):
    """The statements of one file by name."""

    def __init__(self, source: str, statements: dict[str, Statement]) -> None:
        self._source = source
        self._statements = statements

    def __getitem__(self, name: str) -> Statement:
        try:
            return self._statements[name]
        except KeyError:
            raise KeyError(f"{self._source} has no statement {name}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


@cache
def load(name: str) -> Statements:
    """The statements of `storage/sql/{name}.sql`. ValueError: the file breaks the rules above."""
    return parse((SQL_FOLDER / f"{name}.sql").read_text(encoding="utf-8"), f"{name}.sql")


def parse(text: str, source: str = "text") -> Statements:
    """The statements of a text in the form described above; `source` names it in errors."""
    statements: dict[str, Statement] = {}
    head, *rest = re.split(r"(?m)^(?=--\s*name:)", text)
    if any(line.strip() and not line.lstrip().startswith("--") for line in head.splitlines()):
        raise ValueError(f"{source} has SQL before its first name")
    for section in rest:
        statement = _statement(section, source)
        if statement.name in statements:
            raise ValueError(f"{source} names {statement.name} twice")
        statements[statement.name] = statement
    return Statements(source, statements)


def _statement(section: str, source: str) -> Statement:
    first, *body = section.rstrip().splitlines()
    name = _NAME.fullmatch(first)
    if name is None:
        raise ValueError(f"{source} has a name that is none: {first}")
    doc: list[str] = []
    while body and body[0].startswith("--") and not _ONLY.fullmatch(body[0]):
        doc.append(body.pop(0).lstrip("- ").rstrip())
    if not doc:
        raise ValueError(f"{source} doesn't say what {name[1]} is for")
    lines: list[tuple[str, str | None, Dialect | None]] = []
    only: Dialect | None = None
    for line in body:
        if section_only := _ONLY.fullmatch(line):
            only = next((dialect for dialect in DIALECTS if dialect == section_only[1]), None)
            if only is None:
                raise ValueError(f"{source}: {name[1]} has lines for {section_only[1]}, which is no engine")
        elif optional := _OPTIONAL.fullmatch(line):
            if not optional[1]:
                raise ValueError(f"{source}: {name[1]} has an optional line without SQL")
            lines.append((optional[1], optional[2], only))
        elif line.strip():
            lines.append((line.rstrip(), None, only))
    for dialect in DIALECTS:
        if not any(line[2] in {None, dialect} for line in lines):
            raise ValueError(f"{source}: {name[1]} has no SQL for {dialect}")
    return Statement(name[1], " ".join(doc), lines)


_SQLITE_LIST = "IN (SELECT value FROM json_each({}))"
_SQLITE_PAIRS = "IN (SELECT value ->> 0, value ->> 1 FROM json_each({}))"
_POSTGRES_PAIRS = "IN (SELECT * FROM unnest({}::text[], {}::text[]))"


class _Translation:
    """One statement's text on its way to an engine: replaces parameters and macros, numbered by first appearance."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._parameters: list[Parameter] = []

    def translate(self, sql: str) -> Text:
        """The text as the engine takes it."""
        translated = "\n".join(line for line in _TOKEN.sub(self._replace, sql).rstrip("; \n").splitlines() if line.strip())
        parameters = tuple(self._parameters)
        names = tuple(dict.fromkeys(name for parameter in parameters for name in parameter.names))
        return Text(translated, parameters, names, all(parameter.kind == "value" for parameter in parameters))

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
        if self._dialect == "sqlite":
            return _SQLITE_PAIRS.format(self._place("pairs", left, right))
        return _POSTGRES_PAIRS.format(self._place("list", left), self._place("list", right))

    def _place(self, kind: Kind, *names: str) -> str:
        parameter = Parameter(names, kind)
        if parameter not in self._parameters:
            self._parameters.append(parameter)
        return f"{'?' if self._dialect == 'sqlite' else '$'}{self._parameters.index(parameter) + 1}"

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
  equal length; `rows_of(:a TEXT, :n BIGINT) AS s` is a table with the columns `a` and `n` made of two lists of equal length;
  `for_update` locks the rows on PostgreSQL and is nothing on SQLite, whose writer is alone anyway.

Where the engines differ without a word: SUM of integers is NUMERIC on PostgreSQL (write `CAST(SUM(x) AS BIGINT)`), NULL sorts
last there (write NULLS FIRST or NULLS LAST), a backslash escapes in LIKE there (write `ESCAPE '!'`), and SQLite's LOWER knows
ASCII alone (fold case before storing). LIKE heeds case on both.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from storage.translation import DIALECTS, Dialect, Text, translate

Line = tuple[str, str | None, Dialect | None]  # SQL, the flag that keeps it, the engine that it is for

SQL_FOLDER = Path(__file__).parent / "sql"

_NAME = re.compile(r"--\s*name:\s*(\w+)\s*")
_ONLY = re.compile(r"--\s*only:\s*(\w+)\s*")
_OPTIONAL = re.compile(r"(.*?)\s*--\?\s*(\w+)\s*")


class Statement:
    """One named statement, made of lines that each may be for a flag or for an engine alone."""

    def __init__(self, name: str, doc: str, lines: list[Line]) -> None:
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
            raise ValueError(f"statement {self.name} takes lists of equal length in in_pairs and rows_of") from error
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
        return translate("\n".join(kept), dialect)


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
    while body and body[0].startswith("--") and not _ONLY.fullmatch(body[0]) and not _OPTIONAL.fullmatch(body[0]):
        doc.append(body.pop(0).lstrip("- ").rstrip())
    if not doc:
        raise ValueError(f"{source} doesn't say what {name[1]} is for")
    lines = _lines(body, f"{source}: {name[1]}")
    for dialect in DIALECTS:
        if not any(line[2] in {None, dialect} for line in lines):
            raise ValueError(f"{source}: {name[1]} has no SQL for {dialect}")
    return Statement(name[1], " ".join(doc), lines)


def _lines(body: list[str], where: str) -> list[Line]:
    lines: list[Line] = []
    only: Dialect | None = None
    for line in filter(str.strip, body):
        if section := _ONLY.fullmatch(line):
            only = next((dialect for dialect in DIALECTS if dialect == section[1]), None)
            if only is None:
                raise ValueError(f"{where} has lines for {section[1]}, which is no engine")
        elif optional := _OPTIONAL.fullmatch(line):
            if not optional[1]:
                raise ValueError(f"{where} has an optional line without SQL")
            lines.append((optional[1], optional[2], only))
        else:
            lines.append((line.rstrip(), None, only))
    return lines

"""The pairings of a fleet in a CSV file (RFC 4180), as assertions.

The first row names the columns, in any order: `unitId`, `assetId` and at least one of `pairedAt` and `unpairedAt`, and if wanted
`vin`, `organizationId` and `note`. The other columns of an export may stand there too, so an export can be imported as it is. A
file from a spreadsheet may have semicolons for commas, and a byte order mark.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from handlers.statements import Assertion
from receiver.pairing_table import HEADER, is_formula
from schemas.errors import InvalidInputError, Problem
from schemas.events import UUID_PATTERN, clean_vin
from schemas.statements import NOTE_CHARACTERS_MAX, UNIT_ID_CHARACTERS_MAX, VIN_CHARACTERS_MAX
from schemas.wire import parse_time

COLUMNS = ("unitId", "assetId", "pairedAt", "unpairedAt", "vin", "organizationId", "note")
ROWS_MAX = 1_000_000
_REQUIRED = ("unitId", "assetId")
_SHOWN = 100
_UUID = re.compile(UUID_PATTERN)


class RowFault(NamedTuple):
    """What is wrong in a row, as a spreadsheet numbers it: the header is row 1."""

    row: int
    column: str
    message: str

    def __str__(self) -> str:
        return f"row {self.row}: {self.column}: {self.message}"


class Fleet(NamedTuple):
    """What a file holds: how many rows, what they assert, and what is wrong with those that can't be read."""

    rows: int
    assertions: list[Assertion]
    faults: list[RowFault]


def read_fleet(body: bytes, organization_id: str | None) -> Fleet:
    """All of a file. `organization_id`, in lower case, stands for the column where a row has none.

    Each row stands for itself. InvalidInputError: it isn't UTF-8, has no header that will do, or too many rows.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInputError(f"the file isn't UTF-8: {error.reason} at byte {error.start}") from error
    rows = _rows(text)
    header = [name.strip() for name in next(rows, [])]
    _check_header(header)
    fleet = Fleet(0, [], [])
    number = 1
    for number, cells in enumerate(rows, 2):
        if number > ROWS_MAX + 1:
            raise InvalidInputError(f"more than {ROWS_MAX} rows: import them in several files")
        if any(cell.strip() for cell in cells):
            _read_row(number, header, cells, organization_id, fleet)
    return fleet._replace(rows=number - 1)


def _rows(text: str) -> Iterator[list[str]]:
    first = text.partition("\n")[0]
    delimiter = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        yield from reader
    except csv.Error as error:
        raise InvalidInputError(f"line {reader.line_num} of the file is no CSV: {error}") from error


def _check_header(header: Sequence[str]) -> None:
    problems = [f"there is no column {name}" for name in _REQUIRED if name not in header]
    if not {"pairedAt", "unpairedAt"}.intersection(header):
        problems.append("there is no column pairedAt or unpairedAt")
    problems += [f"there is no such column as {name!r}" for name in header if name not in {*COLUMNS, *HEADER}]
    problems += sorted({f"the column {name} is there twice" for name in header if header.count(name) > 1})
    if problems:
        message = f"row 1: {problems[0]}; the columns are {', '.join(COLUMNS)}"
        raise InvalidInputError(message, tuple(Problem("row 1", problem) for problem in problems))


def _read_row(number: int, header: Sequence[str], cells: Sequence[str], organization_id: str | None, fleet: Fleet) -> None:
    """Add what a row asserts, or all that is wrong with it."""
    if len(cells) != len(header):
        fleet.faults.append(RowFault(number, "unitId", f"the row has {len(cells)} cells, the header has {len(header)}"))
        return
    row = _Row(number, dict(zip(header, map(_plain, cells), strict=True)))
    unit_id, asset_id = row.text("unitId", UNIT_ID_CHARACTERS_MAX, required=True), row.uuid("assetId", None)
    organization = row.uuid("organizationId", organization_id)
    vin, note = row.text("vin", VIN_CHARACTERS_MAX), row.text("note", NOTE_CHARACTERS_MAX)
    paired_us, unpaired_us = row.time("pairedAt"), row.time("unpairedAt")
    if not row.faults and paired_us is None and unpaired_us is None:
        row.wrong("pairedAt", "a row says when the unit was paired, or unpaired, or both")
    if paired_us is not None and unpaired_us is not None and unpaired_us < paired_us:
        row.wrong("unpairedAt", "is before pairedAt")
    fleet.faults.extend(row.faults)
    if row.faults:
        return
    moments: tuple[tuple[Literal["paired", "unpaired"], int | None], ...] = (("paired", paired_us), ("unpaired", unpaired_us))
    fleet.assertions.extend(
        Assertion(kind, organization, unit_id, asset_id, at_us, clean_vin(vin), note)
        for kind, at_us in moments
        if at_us is not None
    )


class _Row:
    """The cells of one row by their columns, and what is wrong with them."""

    def __init__(self, number: int, cells: Mapping[str, str]) -> None:
        self._number = number
        self._cells = cells
        self.faults: list[RowFault] = []

    def wrong(self, column: str, message: str) -> None:
        self.faults.append(RowFault(self._number, column, message))

    def text(self, column: str, longest: int, *, required: bool = False) -> str:
        found = self._cells.get(column, "")
        if len(found) > longest:
            self.wrong(column, f"is longer than {longest} characters")
        elif required and not found:
            self.wrong(column, "is missing")
        return found

    def uuid(self, column: str, default: str | None) -> str:
        """A UUID in lower case; one that contradicts `default` is wrong, since it can't be meant."""
        found = self._cells.get(column, "").lower() or default or ""
        if not found:
            self.wrong(column, "is missing")
        elif not _UUID.match(found):
            self.wrong(column, f"expected a UUID, got {found[:_SHOWN]!r}")
        elif default and found != default:
            self.wrong(column, f"is {found}, which isn't the organization that was asked for")
        return found

    def time(self, column: str) -> int | None:
        found = self._cells.get(column, "")
        if not found:
            return None
        try:
            return parse_time(found, column)
        except InvalidInputError:
            self.wrong(column, f"expected an ISO 8601 time with a zone, such as 2025-05-12T22:20:00Z, got {found[:_SHOWN]!r}")
            return None


def _plain(cell: str) -> str:
    """A cell without the apostrophe that keeps a spreadsheet from taking it for a formula, and without outer spaces."""
    return cell[1:] if cell.startswith("'") and is_formula(cell) else cell.strip()

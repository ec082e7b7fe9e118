"""Assets and readings in CSV files (RFC 4180), row by row as entries of Asset Sync.

The first row names the columns, in any order. With a column `meterCode` each row is one historical reading of an asset:
`externalAssetId`, `meterCode`, `value`, `unit`, `recordedAt`, `source`, `status`, `note`. Else each row is one asset: its fields
by their names, `customFields.NAME` and `metadata.NAME`, and of a meter `meters.CODE.FIELD`, where FIELD is one of the assignment
(`isActive`, `initialReading`, …), a bound of its thresholds (`maxDeltaPerDay`, `min`, `max`, `monotonic`), or one of its current
reading (`value`, `unit`, `recordedAt`, `source`, `status`, `note`).

An empty cell is a field that isn't sent, `null` one that is cleared. Numbers keep each of their digits. Commas or semicolons
separate, and a byte order mark may stand at the beginning.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from schemas.decimals import exact
from schemas.errors import InvalidInputError

ASSET_COLUMNS = ("externalAssetId", "name", "code", "assetTypeName", "siteCode", "serial", "status", "description")
READING_COLUMNS = ("value", "unit", "recordedAt", "source", "status", "note")
HISTORY_COLUMNS = ("externalAssetId", "meterCode", *READING_COLUMNS)
ASSIGNMENT_COLUMNS = ("isActive", "isApplicable", "equipmentStatus", "initialReading", "installedAt", "expectedFromSync")
THRESHOLD_COLUMNS = ("maxDeltaPerDay", "min", "max", "monotonic")
OBJECTS = ("customFields", "metadata")
NULL = "null"
_NUMBERS = frozenset({"value", "initialReading", "maxDeltaPerDay", "min", "max"})
_SWITCHES = frozenset({"isActive", "isApplicable", "expectedFromSync", "monotonic"})
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?\Z")


class Row(NamedTuple):
    """One row as an entry of `assets`; `number` is as a spreadsheet counts, `fault` says what is wrong with it."""

    number: int
    entry: dict[str, Any]
    fault: str | None = None


def read_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of a file, given line by line. InvalidInputError: there is no header that will do, or it is no CSV."""
    stream = iter(lines)
    first = next(stream, "").removeprefix("\ufeff")
    delimiter = ";" if ";" in first and "," not in first else ","
    header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    _check_header(header)
    is_history = "meterCode" in header
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    try:
        for number, cells in enumerate(reader, 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                yield Row(number, {}, f"has {len(cells)} cells, and there are {len(header)} columns")
                continue
            try:
                entry = _history(header, cells) if is_history else _asset(header, cells)
            except ValueError as error:
                yield Row(number, {}, str(error))
            else:
                yield Row(number, entry)
    except csv.Error as error:
        raise InvalidInputError(f"line {reader.line_num + 1} of the file is no CSV: {error}") from error


def _check_header(header: Sequence[str]) -> None:
    if "externalAssetId" not in header:
        raise InvalidInputError("there is no column externalAssetId")
    known = HISTORY_COLUMNS if "meterCode" in header else ASSET_COLUMNS
    for name in header:
        if header.count(name) > 1:
            raise InvalidInputError(f"the column {name} stands twice")
        if name not in known and ("meterCode" in header or not _is_nested(name)):
            raise InvalidInputError(f"no column is called {name!r}")


def _is_nested(name: str) -> bool:
    group, _, rest = name.partition(".")
    if group in OBJECTS:
        return bool(rest)
    code, _, field = rest.rpartition(".")
    return group == "meters" and bool(code) and field in (*ASSIGNMENT_COLUMNS, *THRESHOLD_COLUMNS, *READING_COLUMNS)


def _asset(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    meters: dict[str, dict[str, Any]] = {}
    for name, cell in zip(header, cells, strict=False):
        if cell == "":
            continue
        group, _, rest = name.partition(".")
        if not rest or name in ASSET_COLUMNS:
            entry[name] = _text(cell)
        elif group in OBJECTS:
            entry.setdefault(group, {})[rest] = _text(cell)
        else:
            code, _, field = rest.rpartition(".")
            _set(meters.setdefault(code, {"meterCode": code}), name, field, cell)
    return entry | {"meters": list(meters.values())} if meters else entry


def _set(meter: dict[str, Any], column: str, field: str, cell: str) -> None:
    place = meter
    if field in THRESHOLD_COLUMNS:
        place = meter.setdefault("validationThresholds", {})
    elif field in READING_COLUMNS:
        place = meter.setdefault("currentReading", {})
    place[field] = _value(column, field, cell)


def _history(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    given = {name: cell for name, cell in zip(header, cells, strict=False) if cell != ""}
    reading = {name: _value(name, name, cell) for name, cell in given.items() if name != "externalAssetId"}
    return {"externalAssetId": given.get("externalAssetId"), "meterReadings": [reading]}


def _value(column: str, field: str, cell: str) -> Any:  # noqa: ANN401 - a JSON value
    if cell == NULL:
        return None
    if field in _SWITCHES:
        if cell not in {"true", "false"}:
            raise ValueError(f"{column}: expected true or false, got {cell!r}")
        return cell == "true"
    if field in _NUMBERS:
        if not _NUMBER.match(cell.strip()):
            raise ValueError(f"{column}: expected a number such as 25000.1, got {cell!r}")
        try:
            return exact(Decimal(cell.strip()))
        except ValueError as error:
            raise ValueError(f"{column}: {error}") from error
    return cell


def _text(cell: str) -> str | None:
    return None if cell == NULL else cell

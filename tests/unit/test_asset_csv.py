"""CSV rows as entries of Asset Sync: every column, what an empty cell and `null` mean, and what is told of a bad row."""

import csv
import io
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.asset_csv import ASSET_COLUMNS, Row, read_rows
from schemas.errors import InvalidInputError


def rows(text: str) -> list[Row]:
    """The rows of a file."""
    return list(read_rows(io.StringIO(text, newline="")))


def entry(header: str, cells: str) -> dict[str, Any]:
    """The entry of the only row."""
    ((number, found, fault),) = rows(f"{header}\n{cells}\n")
    assert (number, fault) == (2, None)
    return found


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("name", "Pump", {"name": "Pump"}),
        ("status", "RETIRED", {"status": "RETIRED"}),
        ("serial", "null", {"serial": None}),
        ("serial", "", {}),
        ("customFields.colour", "red", {"customFields": {"colour": "red"}}),
        ("customFields.a.b", "1", {"customFields": {"a.b": "1"}}),
        ("metadata.source", "null", {"metadata": {"source": None}}),
        ("meters.M.isActive", "false", {"meters": [{"meterCode": "M", "isActive": False}]}),
        ("meters.M.expectedFromSync", "null", {"meters": [{"meterCode": "M", "expectedFromSync": None}]}),
        ("meters.M.equipmentStatus", "EQUIPPED", {"meters": [{"meterCode": "M", "equipmentStatus": "EQUIPPED"}]}),
        ("meters.A.B.initialReading", "0.10", {"meters": [{"meterCode": "A.B", "initialReading": Decimal("0.1")}]}),
        ("meters.M.installedAt", "2020-01-15T00:00:00Z", {"meters": [{"meterCode": "M", "installedAt": "2020-01-15T00:00:00Z"}]}),
        ("meters.M.max", "-1e3", {"meters": [{"meterCode": "M", "validationThresholds": {"max": Decimal(-1000)}}]}),
        ("meters.M.monotonic", "true", {"meters": [{"meterCode": "M", "validationThresholds": {"monotonic": True}}]}),
        ("meters.M.value", "25000.1", {"meters": [{"meterCode": "M", "currentReading": {"value": Decimal("25000.1")}}]}),
        ("meters.M.note", "full, new", {"meters": [{"meterCode": "M", "currentReading": {"note": "full, new"}}]}),
    ],
)
def test_columns_of_assets(column: str, cell: str, expected: dict[str, Any]) -> None:
    """Each kind of column is the field that it names; empty is not sent, `null` is null, numbers keep their digits."""
    assert entry(f"externalAssetId,{column}", f'A,"{cell}"') == {"externalAssetId": "A", **expected}


def test_all_columns_of_one_meter_are_one_assignment() -> None:
    """Assignment, thresholds and current reading of a meter stand together; another meter is another one."""
    header = "externalAssetId,meters.M.isActive,meters.M.maxDeltaPerDay,meters.M.value,meters.M.unit,meters.N.value"
    assert entry(header, "A,true,1000,5,KM,7")["meters"] == [
        {
            "meterCode": "M",
            "isActive": True,
            "validationThresholds": {"maxDeltaPerDay": Decimal(1000)},
            "currentReading": {"value": Decimal(5), "unit": "KM"},
        },
        {"meterCode": "N", "currentReading": {"value": Decimal(7)}},
    ]


def test_columns_of_readings() -> None:
    """With a meterCode each row is one historical reading."""
    header = "externalAssetId,meterCode,value,unit,recordedAt,source,status,note"
    assert entry(header, "A,M,1.50,KM,2024-11-17T10:00:00Z,INSPECTION,NORMAL,")["meterReadings"] == [
        {
            "meterCode": "M",
            "value": Decimal("1.5"),
            "unit": "KM",
            "recordedAt": "2024-11-17T10:00:00Z",
            "source": "INSPECTION",
            "status": "NORMAL",
        }
    ]


def test_files_of_spreadsheets() -> None:
    """A byte order mark, semicolons, quotes, line breaks in cells, empty rows and rows that end early are taken."""
    text = '\ufeffexternalAssetId;name;description\r\n"A";"x ""y""";"two\r\nlines"\r\n;;\r\n"B";z\r\n'
    assert [(row.number, row.entry) for row in rows(text)] == [
        (2, {"externalAssetId": "A", "name": 'x "y"', "description": "two\r\nlines"}),
        (4, {"externalAssetId": "B", "name": "z"}),
    ]


@pytest.mark.parametrize(
    ("column", "cell", "fault"),
    [
        ("meters.M.value", "1,5", "meters.M.value: expected a number such as 25000.1, got '1,5'"),
        ("meters.M.value", "NaN", "meters.M.value: expected a number such as 25000.1, got 'NaN'"),
        ("meters.M.value", "1e99", "meters.M.value: Number out of bounds"),
        ("meters.M.isActive", "yes", "meters.M.isActive: expected true or false, got 'yes'"),
    ],
)
def test_a_bad_cell_is_its_row_s_fault(column: str, cell: str, fault: str) -> None:
    """It is told with the column, and the rows around it are read."""
    found = rows(f'externalAssetId,{column}\nA,\nB,"{cell}"\nC,\n')
    assert [(row.number, (row.fault or "")[: len(fault)]) for row in found] == [(2, ""), (3, fault), (4, "")]


def test_a_row_with_too_many_cells() -> None:
    """It is told; what stands where is anybody's guess."""
    assert rows("externalAssetId\nA,B\n") == [Row(2, {}, "has 2 cells, and there are 1 columns")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no column externalAssetId"),
        ("name\n", "there is no column externalAssetId"),
        ("externalAssetId,colour\n", "no column is called 'colour'"),
        ("externalAssetId,meters.M.colour\n", r"no column is called 'meters\.M\.colour'"),
        ("externalAssetId,meters.isActive\n", r"no column is called 'meters\.isActive'"),
        ("externalAssetId,meterCode,name\n", "no column is called 'name'"),
        ("externalAssetId,name,name\n", "the column name stands twice"),
        ('externalAssetId\n"A"B\n', "line 2 of the file is no CSV"),
    ],
)
def test_a_file_that_is_none(text: str, message: str) -> None:
    """A header that won't do, or what is no CSV, is refused."""
    with pytest.raises(InvalidInputError, match=message):
        rows(text)


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r\n"), min_size=1, max_size=8).filter(
    lambda text: text != "null" and text.strip() != ""
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.fixed_dictionaries(dict.fromkeys(ASSET_COLUMNS, TEXT)), min_size=1, max_size=4))
def test_what_is_written_is_read(assets: list[dict[str, str]]) -> None:
    """Whatever texts a program writes with its CSV library come back."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, ASSET_COLUMNS)
    writer.writeheader()
    writer.writerows(assets)
    assert [row.entry for row in rows(file.getvalue())] == assets

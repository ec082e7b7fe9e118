"""Reading a fleet from CSV: which columns and cells will do, and how each fault is named."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.statements import Assertion
from receiver import pairing_import
from receiver.pairing_import import RowFault, read_fleet
from receiver.pairing_table import csv_row
from schemas.errors import InvalidInputError
from schemas.wire import time_text
from tests.support.facts import ASSETS, ORGANIZATION, UNIT, A, minute

AT_0, AT_5 = time_text(minute(0)), time_text(minute(5))
OTHER = "d9d90b90-ad39-4a3d-8b89-c25a22acaa25"


def read(text: str, organization_id: str | None = ORGANIZATION) -> pairing_import.Fleet:
    """A file of this text."""
    return read_fleet(text.encode(), organization_id)


def one(text: str) -> Assertion:
    """The one assertion of a file."""
    (assertion,) = read(text).assertions
    return assertion


@pytest.mark.parametrize(
    "text",
    [
        f"unitId,assetId,pairedAt\n{UNIT},{A},{AT_0}\n",
        f"unitId,assetId,pairedAt\r\n{UNIT},{A},{AT_0}\r\n",
        f"unitId,assetId,pairedAt\n{UNIT},{A},{AT_0}",
        f"\ufeffunitId;assetId;pairedAt\n{UNIT};{A};{AT_0}\n",
        f" pairedAt , assetId , unitId \n {AT_0} , {A.upper()} , {UNIT} \n",
        f'"unitId","assetId","pairedAt"\n"{UNIT}","{A}","2025-05-13T00:20:00+02:00"\n\n,,\n',
        f"unitId,assetId,pairedAt,unpairedAt,vin,note,organizationId\n{UNIT},{A},{AT_0},,,,{ORGANIZATION.upper()}\n",
        f"unitId,unitType,assetId,pairedAt,flags,events,reason\n{UNIT},tp,{A},{AT_0},,a b,ManualPair\n",
    ],
)
def test_forms_of_one_row(text: str) -> None:
    """Line ends, quotes, spaces, semicolons, a byte order mark, any order of columns, and those of an export."""
    assert one(text) == Assertion("paired", ORGANIZATION, UNIT, A, minute(0))


def test_a_row_asserts_what_it_has_times_for() -> None:
    """A start, an end, or both; VIN and note go with each."""
    head = "unitId,assetId,pairedAt,unpairedAt,vin,note\n"
    fleet = read(head + f"{UNIT},{A},{AT_0},{AT_5}, VIN ,seen\n{UNIT},{A},,{AT_5},,\n{UNIT},{A},{AT_5},{AT_5},,\n")
    assert [(each.kind, each.at_us, each.asset_vin, each.note) for each in fleet.assertions] == [
        ("paired", minute(0), "VIN", "seen"),
        ("unpaired", minute(5), "VIN", "seen"),
        ("unpaired", minute(5), None, ""),
        ("paired", minute(5), None, ""),
        ("unpaired", minute(5), None, ""),
    ]
    assert (fleet.rows, fleet.faults) == (3, [])


def test_a_text_that_looked_like_a_formula() -> None:
    """The apostrophe that an export puts before it is not part of it."""
    assert one(f"unitId,assetId,pairedAt\n'=1+2,{A},{AT_0}\n").unit_id == "=1+2"
    assert one(f"unitId,assetId,pairedAt\n'tp:1,{A},{AT_0}\n").unit_id == "'tp:1"


@pytest.mark.parametrize(
    ("row", "organization_id", "faults"),
    [
        (f",{A},{AT_0},,,", ORGANIZATION, [("unitId", "is missing")]),
        (f"{'x' * 257},{A},{AT_0},,,", ORGANIZATION, [("unitId", "is longer than 256 characters")]),
        (f"{UNIT},,{AT_0},,,", ORGANIZATION, [("assetId", "is missing")]),
        (f"{UNIT},a,{AT_0},,,", ORGANIZATION, [("assetId", "expected a UUID, got 'a'")]),
        (f"{UNIT},{A},,,,", ORGANIZATION, [("pairedAt", "a row says when the unit was paired, or unpaired, or both")]),
        (f"{UNIT},{A},{AT_5},{AT_0},,", ORGANIZATION, [("unpairedAt", "is before pairedAt")]),
        (f"{UNIT},{A},{AT_0},,,", None, [("organizationId", "is missing")]),
        (f"{UNIT},{A},{AT_0},,x,", None, [("organizationId", "expected a UUID, got 'x'")]),
        (
            f"{UNIT},{A},{AT_0},,{OTHER},",
            ORGANIZATION,
            [("organizationId", f"is {OTHER}, which isn't the organization that was asked for")],
        ),
        (f"{UNIT},{A}", ORGANIZATION, [("unitId", "the row has 2 cells, the header has 6")]),
        (f"{UNIT},{A},{AT_0},,,,", ORGANIZATION, [("unitId", "the row has 7 cells, the header has 6")]),
        (f",b,{AT_0},,,", ORGANIZATION, [("unitId", "is missing"), ("assetId", "expected a UUID, got 'b'")]),
    ],
)
def test_faults(row: str, organization_id: str | None, faults: list[tuple[str, str]]) -> None:
    """All that is wrong in a row is told with its column; the rows around it are read."""
    good = f"{UNIT},{A},{AT_0},,{ORGANIZATION},"
    fleet = read(f"unitId,assetId,pairedAt,unpairedAt,organizationId,note\n{good}\n{row}\n{good}\n", organization_id)
    assert fleet.faults == [RowFault(3, *fault) for fault in faults]
    assert (fleet.rows, len(fleet.assertions)) == (3, 2)


@pytest.mark.parametrize(
    "time", ["2025-05-12", "2025-05-12T22:20:00", "12.05.2025 22:20", "0001-01-01T00:00:00+14:00", "x" * 500]
)
def test_times_have_a_zone(time: str) -> None:
    """What is no time with a zone is a fault that shows the beginning of it."""
    (fault,) = read(f"unitId,assetId,unpairedAt\n{UNIT},{A},{time}\n").faults
    assert fault.column == "unpairedAt"
    assert time[:100] in fault.message
    assert len(fault.message) < 250


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "there is no column unitId"),
        (b"unitId,assetId\n", "there is no column pairedAt or unpairedAt"),
        (b"unitId,assetId,pairedAt,pairdAt\n", "there is no such column as 'pairdAt'"),
        (b"unitId,assetId,pairedAt,unitId\n", "the column unitId is there twice"),
        (b"unitId,assetId,pairedAt\n\xff", "isn't UTF-8"),
        (b'unitId,assetId,pairedAt\n"x', "is no CSV"),
        (b"unitId,assetId,pairedAt\n" + b"x" * 140_000, "is no CSV"),
    ],
)
def test_what_is_no_such_table(body: bytes, message: str) -> None:
    """The whole file is refused with the reason."""
    with pytest.raises(InvalidInputError, match=message):
        read_fleet(body, ORGANIZATION)


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of more rows than the bound is refused."""
    monkeypatch.setattr(pairing_import, "ROWS_MAX", 2)
    row = f"{UNIT},{A},{AT_0}\n"
    assert len(read("unitId,assetId,pairedAt\n" + row * 2).assertions) == 2
    with pytest.raises(InvalidInputError, match="more than 2 rows"):
        read("unitId,assetId,pairedAt\n" + row * 3)


TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20).map(str.strip).filter(bool)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(TEXTS, st.sampled_from(ASSETS), st.integers(0, 9), TEXTS), max_size=5))
def test_what_is_written_reads_back(rows: list[tuple[str, str, int, str]]) -> None:
    """Rows as the export writes them give the same texts, whatever characters they have."""
    body = csv_row(("unitId", "assetId", "pairedAt", "note"))
    body += b"".join(csv_row((unit, asset, time_text(minute(at)), note)) for unit, asset, at, note in rows)
    fleet = read_fleet(body, ORGANIZATION)
    assert fleet.faults == []
    assert [(each.unit_id, each.asset_id, each.at_us, each.note) for each in fleet.assertions] == [
        (unit, asset, minute(at), note) for unit, asset, at, note in rows
    ]

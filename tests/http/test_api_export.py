"""The export: everything, in either format, a page at a time."""

import csv
import io
from typing import Any

import msgspec
import pytest

from receiver.api import export
from receiver.pairing_table import HEADER, csv_row
from schemas.events import Payload
from schemas.facts import Location, Meaning
from schemas.wire import time_text
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, A, B, event_of, minute
from tests.support.store import OTHER, pairing, unpairing

PATH = "/api/v1/export/pairings"


async def lines(api: Api, query: str = "") -> list[Any]:
    """The objects of an NDJSON export."""
    answer = await api.ask(f"{PATH}?{query}")
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [msgspec.json.decode(line) for line in answer.content.splitlines()]


async def table(api: Api, query: str = "") -> list[dict[str, str]]:
    """The rows of a CSV export."""
    answer = await api.ask(f"{PATH}?format=csv&{query}")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "pairings.csv" in answer.headers["content-disposition"]
    assert answer.text.endswith("\r\n")
    return list(csv.DictReader(io.StringIO(answer.text, newline="")))


@pytest.mark.parametrize("at_once", [1, 3, 500])
async def test_everything_is_exported(api: Api, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """Both formats hold what the list holds, however many rows are read at once."""
    monkeypatch.setattr(export, "_ROWS_AT_ONCE", at_once)
    await api.events(*(pairing(n, (A, B)[n % 2]) for n in range(6)), unpairing(3, A, "tp:2"), pairing(1, A, UNIT, OTHER))
    listed = await api.items("/api/v1/pairings")
    assert len(listed) == 8
    assert await lines(api) == listed
    assert [row["pairingId"] for row in await table(api)] == [item["pairingId"] for item in listed]


async def test_an_empty_export(api: Api) -> None:
    """Without pairings there are no lines, or a header row alone."""
    assert await lines(api) == []
    assert (await api.ask(f"{PATH}?format=csv")).text == ",".join(HEADER) + "\r\n"


async def test_the_export_takes_the_filters_of_the_list(api: Api) -> None:
    """As-of, organization and the other filters hold for the export too; a bad one is a problem, not a stream."""
    await api.events(pairing(1), pairing(3, B), pairing(1, A, "tp:2", OTHER))
    assert [item["assetId"] for item in await lines(api, f"at={time_text(minute(2))}&organizationId={ORGANIZATION}")] == [A]
    assert len(await table(api, "state=open")) == 2
    mine = await api.ask(PATH, await api.credentials(OTHER))
    assert len(mine.content.splitlines()) == 1
    assert (await api.refused(400, f"{PATH}?format=xml"))["errors"][0]["path"] == "format"
    assert (await api.refused(400, f"{PATH}?limit=3"))["errors"][0]["path"] == "limit"


async def test_a_row_of_the_table(api: Api) -> None:
    """A row has the place in two columns, and lists with spaces between their items."""
    meaning = Meaning("AutoPair", "1HGCM82633A000001", "F3A000001", (), Location(-50.5, 2.25))
    for number in (1, 2):
        await api.events(event_of(Payload(ORGANIZATION, UNIT, "paired", minute(number), A, meaning), 2), number=number)
    await api.events(pairing(1, A, "tp:2"), number=3)
    (row,) = [row for row in await table(api) if row["unitId"] == UNIT]
    assert (row["latitude"], row["longitude"], row["flags"], row["sensorVin"]) == (
        "-50.5",
        "2.25",
        "sameTypeConflict",
        "F3A000001",
    )
    assert len(row["events"].split()) == 2
    assert row["unpairedAt"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
async def test_no_cell_is_a_formula(api: Api, start: str) -> None:
    """What a spreadsheet would take for a formula is text there, with an apostrophe before it."""
    await api.events(pairing(1, A, f"{start}cmd|' /C calc'!A0"))
    (row,) = await table(api)
    assert row["unitId"] == f"'{start}cmd|' /C calc'!A0"


def test_cells_are_quoted_where_they_must_be() -> None:
    """Commas, quotes and line breaks stay inside their cell."""
    assert csv_row(["a,b", 'c"d', "e\nf", None, -1.5]) == b'"a,b","c""d","e\nf",,-1.5\r\n'


async def test_a_head_request_reads_no_more_than_a_page(api: Api) -> None:
    """HEAD tells the type and reads on for nobody."""
    await api.events(pairing(1))
    answer = await api.ask(f"{PATH}?format=csv", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/csv")

"""`drawbar pairings` and `drawbar export`: the same pairings, as a table, as JSON, as lines and as CSV."""

import csv
import io
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from receiver.cli import pairings, parts
from schemas.wire import time_text
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, UNIT, A, B, C, body_of, minute
from tests.support.store import NOW_US, OTHER, deliver, pairing, unpairing

KRONE = "krone:7"
EVENTS = [
    unpairing(5, C),
    pairing(10),
    unpairing(20),
    pairing(30, B),
    pairing(12, A, KRONE),
    pairing(10, A, UNIT, OTHER),
]


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """The command line on a database with some pairings: one of unknown start, closed and open ones, of two organizations."""
    on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, [body_of(EVENTS)]))
    return cli


def found(cli: Cli, *arguments: str) -> list[tuple[str, str, str | None]]:
    """Unit, asset and start of what is listed."""
    items = cli("pairings", "--json", *arguments).json["items"]
    return [(item["unitId"], item["assetId"], item["pairedAt"]) for item in items]


def at(number: float) -> str:
    """The time of a minute."""
    return time_text(minute(number))


def test_all_are_listed_newest_first(filled: Cli) -> None:
    """Organization by organization; the JSON is a page as the API gives it."""
    assert found(filled) == [
        (UNIT, A, at(10)),
        (UNIT, B, at(30)),
        (KRONE, A, at(12)),
        (UNIT, A, at(10)),
        (UNIT, C, None),
    ]
    page = filled("pairings", "--json").json
    assert page["nextCursor"] is None
    assert page["items"][0]["organizationId"] == OTHER


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--unit", KRONE), [(KRONE, A)]),
        (("--asset", B.upper()), [(UNIT, B)]),
        (("--type", "krone"), [(KRONE, A)]),
        (("--state", "closed"), [(UNIT, A), (UNIT, C)]),
        (("--organization", OTHER.upper()), [(UNIT, A)]),
        (("--reason", "AutoPair"), []),
        (("--vin", "1HGCM82633A000001"), []),
        (("--organization", ORGANIZATION, "--state", "open"), [(UNIT, B), (KRONE, A)]),
        (("--organization", ORGANIZATION, "--at", at(15)), [(KRONE, A), (UNIT, A)]),
        (("--organization", ORGANIZATION, "--at", at(4)), []),
        (("--organization", ORGANIZATION, "--at", at(4), "--possible"), [(UNIT, C)]),
        (("--updated-since", time_text(NOW_US + 1)), []),
        (("--known-at", time_text(NOW_US - 1)), []),
    ],
)
def test_filters(filled: Cli, arguments: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    """Each is that of the API."""
    assert [(unit, asset) for unit, asset, _ in found(filled, *arguments)] == expected


def test_a_limit_and_going_on(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list longer than its limit says how to go on, and the parts are the whole, whatever is read at once."""
    everything = found(filled)
    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 2)
    assert found(filled) == everything
    first = filled("pairings", "--limit", "3", "--json").json
    assert len(first["items"]) == 3
    assert found(filled, "--cursor", first["nextCursor"]) == everything[3:]
    assert f"there are more: --limit, or --cursor {first['nextCursor']}" in filled("pairings", "--limit", "3").err
    assert filled("pairings", "--limit", "5").err == ""
    assert "not a cursor of this list" in filled("pairings", "--cursor", "x", status=2).err


def test_the_table(filled: Cli) -> None:
    """One line a pairing, off a terminal however long; what isn't known is a question mark."""
    lines = filled("pairings", "--organization", ORGANIZATION).out.splitlines()
    assert lines[0] == "Pairings"
    assert [line.split("│")[1].strip() for line in lines[4:-1]] == [UNIT, KRONE, UNIT, UNIT]
    assert [line.split("│")[4].strip() for line in lines[4:-1]] == [at(30), at(12), at(10), "?"]


def test_an_export_has_what_the_list_has(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Line by line, as the API exports it, read page by page."""
    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 2)
    listed = filled("pairings", "--json").json["items"]
    assert [msgspec.json.decode(line) for line in filled("export").out.splitlines()] == listed
    table = list(csv.DictReader(io.StringIO(filled("export", "pairings", "--format", "csv").out)))
    assert [row["pairingId"] for row in table] == [item["pairingId"] for item in listed]
    assert [row["pairedAt"] for row in table] == [item["pairedAt"] or "" for item in listed]
    some = filled("export", "--state", "closed", "--organization", ORGANIZATION).out.splitlines()
    assert len(some) == 2


def test_an_export_of_nothing(on_sqlite: Cli) -> None:
    """No lines, or the header row alone."""
    assert on_sqlite("export").out == ""
    assert on_sqlite("export", "--format", "csv").out.startswith("pairingId,unitId,")
    assert on_sqlite("export", "--format", "csv").out.count("\n") == 1


def test_an_export_to_a_file(filled: Cli) -> None:
    """The same bytes; the file is there at once, and how much is in it is said beside it."""
    expected = filled("export", "--format", "csv").out
    done = filled("export", "--format", "csv", "--output", "pairings.csv")
    assert (done.out, done.err) == ("", "5 pairings in pairings.csv\n")
    assert (filled.folder / "pairings.csv").read_bytes().decode() == expected
    assert os.listdir(filled.folder) == ["pairings.csv"]  # noqa: PTH208 - names alone


def test_an_export_that_fails_leaves_the_file_as_it_was(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an export looks like a whole one."""
    (filled.folder / "pairings.ndjson").write_text("yesterday's")
    honest, read = pairings._read, []

    async def failing(*arguments: Any) -> Any:  # noqa: ANN401 - as it is called
        read.append(arguments)
        if len(read) == 2:
            raise OSError(28, "No space left on device")
        return await honest(*arguments)

    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(pairings, "_read", failing)
    done = filled("export", "--output", "pairings.ndjson", status=1)
    assert done.err == "drawbar: [Errno 28] No space left on device\n"
    assert (filled.folder / "pairings.ndjson").read_text() == "yesterday's"
    assert os.listdir(filled.folder) == ["pairings.ndjson"]  # noqa: PTH208 - names alone


def test_an_export_to_where_nothing_can_be_written(on_sqlite: Cli) -> None:
    """It is said before anything is read."""
    done = on_sqlite("export", "--output", Path("missing", "pairings.ndjson"), status=2)
    assert done.err == "drawbar: can't write missing/pairings.ndjson: No such file or directory\n"
    assert sys.exc_info() == (None, None, None)

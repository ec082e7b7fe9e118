"""`drawbar import pairings`: a fleet from a CSV file, tried, imported, imported again."""

from pathlib import Path
from typing import Any

import pytest

from receiver.cli import importing
from schemas.wire import time_text
from tests.support.batches import digest_in, everything_in, on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, UNIT, A, B, C, body_of, minute
from tests.support.store import OTHER, deliver, pairing, unpairing

HEADER = "unitId,assetId,pairedAt,unpairedAt,vin,note\n"


def at(number: float) -> str:
    """A minute on the wire."""
    return time_text(minute(number))


FLEET = HEADER + f"{UNIT},{A},{at(0)},{at(5)},1HGCM82633A000001,first\n{UNIT},{B},{at(7)},,,\ntp:2,{C},,{at(3)},,\n"


def write(folder: Path, text: str) -> str:
    """A file to import."""
    (folder / "fleet.csv").write_text(text)
    return "fleet.csv"


def histories(cli: Cli, *arguments: str) -> list[tuple[Any, ...]]:
    """Who was on what, when, in all that is listed."""
    items = cli("pairings", "--json", *arguments).json["items"]
    return [(item["unitId"], item["assetId"], item["pairedAt"], item["unpairedAt"], item["vin"]) for item in items]


EXPECTED = [
    (UNIT, B, at(7), None, None),
    ("tp:2", C, None, at(3), None),
    (UNIT, A, at(0), at(5), "1HGCM82633A000001"),
]


def test_a_fleet_is_imported_once(cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying changes nothing and tells what importing does; importing again changes nothing at all."""
    monkeypatch.setattr(importing, "AT_A_TIME", 1)
    command = ("import", "pairings", write(folder, FLEET), "--organization", ORGANIZATION, "--by", "anna")
    before = everything_in(cli.environment["DRAWBAR_DATABASE"])
    tried = cli(*command, "--dry-run")
    assert everything_in(cli.environment["DRAWBAR_DATABASE"]) == before
    assert f"pairing.opened {UNIT}: on 1HGCM82633A000001 {at(0)} to now" in tried.out
    told = "3 rows, 4 assertions, 4 of them new; {}: 2 pairing.closed, 2 pairing.opened"
    assert tried.out.splitlines()[-1] == told.format("would change")
    assert cli(*command).out.splitlines() == [told.format("changed")]
    assert sorted(histories(cli), key=repr) == sorted(EXPECTED, key=repr)
    after = everything_in(cli.environment["DRAWBAR_DATABASE"])
    assert {row["actor"] for row in after["statements"]} == {"anna"}
    assert cli(*command, "--json").json == {"rows": 3, "assertions": 4, "added": 0, "changes": {}}
    assert everything_in(cli.environment["DRAWBAR_DATABASE"]) == after
    digest_in(cli.environment["DRAWBAR_DATABASE"])


def test_events_go_on_from_what_was_imported(cli: Cli, folder: Path) -> None:
    """What Datahub said before and says after stands with it: the unpairing of unknown start gets its start."""
    url = cli.environment["DRAWBAR_DATABASE"]
    on_store(url, lambda store: deliver(store, [body_of([unpairing(9)])]))
    cli("import", "pairings", write(folder, f"unitId,assetId,pairedAt\n{UNIT},{A},{at(0)}\n"), "--organization", ORGANIZATION)
    on_store(url, lambda store: deliver(store, [body_of([pairing(12, B)], event_batch_id=A)]))
    assert histories(cli) == [(UNIT, B, at(12), None, None), (UNIT, A, at(0), at(9), None)]


def test_an_export_is_imported_as_it_is(cli: Cli, fresh: Cli, folder: Path) -> None:
    """What one service exports another takes, organizations and all: the same units on the same assets at the same times."""
    events = [pairing(0), pairing(5, B), unpairing(9, B), unpairing(3, C, "=tp:2"), pairing(1, A, UNIT, OTHER)]
    on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, [body_of(events)]))
    cli("export", "--format", "csv", "--output", "all.csv")
    other = Cli(folder, {"DRAWBAR_DATABASE": "other.db"})
    assert other("import", "pairings", "all.csv", "--json").json["added"] == 6
    assert sorted(histories(other), key=repr) == sorted(histories(cli), key=repr)
    assert fresh("import", "pairings", "all.csv", "--dry-run", "--json").json["added"] == 6


def test_every_fault_is_named_by_its_row(cli: Cli, folder: Path) -> None:
    """While any row has a fault nothing is imported; as lines and as JSON, with status 1."""
    file = write(folder, FLEET + f"tp:3,asset_1,{at(0)},,,\ntp:4,{A},{at(5)},{at(0)},,\n")
    command = ("import", "pairings", file, "--organization", ORGANIZATION)
    done = cli(*command, status=1)
    assert done.err.splitlines() == [
        "row 5: assetId: expected a UUID, got 'asset_1'",
        "row 6: unpairedAt: is before pairedAt",
        "nothing was imported",
    ]
    faults = cli(*command, "--json", "--dry-run", status=1).json["faults"]
    assert faults[0] == {"row": 5, "column": "assetId", "message": "expected a UUID, got 'asset_1'"}
    assert histories(cli) == []
    many = write(folder, HEADER + f",{A},{at(0)},,,\n" * 30)
    assert cli("import", "pairings", many, "--organization", ORGANIZATION, status=1).err.splitlines()[-2] == "… and 10 more"


def test_standard_input_and_what_can_t_be_read(cli: Cli, folder: Path) -> None:
    """A file can come from another program; one that isn't there, or is no table, is wrong use."""
    done = cli("import", "pairings", "-", "--organization", ORGANIZATION, "--json", stdin=FLEET.encode())
    assert done.json["added"] == 4
    assert "can't read nothing.csv" in cli("import", "pairings", "nothing.csv", status=2).err
    assert "there is no column unitId" in cli("import", "pairings", write(folder, "a,b\n"), status=2).err
    assert "expected a UUID" in cli("import", "pairings", write(folder, FLEET), "--organization", "x", status=2).err
    assert "row 2: organizationId: is missing" in cli("import", "pairings", write(folder, FLEET), status=1).err

"""`drawbar cases`: lists, one case, decisions and notes, and the table for those who pair units in SCALAR."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from handlers.rules.cases import case_id
from handlers.rules.facts import event_key
from receiver.cli import parts
from schemas.events import Payload
from schemas.facts import Location, Meaning
from schemas.wire import time_text
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of, event_of, minute
from tests.support.store import OTHER, deliver, failure, pairing


def id_of(at: float, unit_id: str = UNIT, organization_id: str = ORGANIZATION) -> str:
    """The caseId that a NotFound at a minute gives."""
    key = event_key(organization_id, unit_id, "failed", minute(at), ("NotFound", "F3A000001"))
    return case_id(organization_id, unit_id, key)


SPLIT = Payload(
    ORGANIZATION,
    "tp:3",
    "failed",
    minute(9),
    None,
    Meaning("MultipleMatchFound", None, "=F3A000001", (A, B), Location(50.5, -2.0)),
)


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """Cases of three units and two organizations, one resolved."""
    events = [failure(1), failure(5), failure(2, "tp:2"), pairing(4, A, "tp:2"), failure(3, UNIT, OTHER), event_of(SPLIT, 2)]
    on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, [body_of(events)]))
    return cli


def listed(cli: Cli, *arguments: str) -> list[tuple[str, str]]:
    """Unit and state of the cases in a list."""
    items = cli("cases", "list", "--json", *arguments).json["items"]
    return [(item["unitId"], item["state"]) for item in items]


def test_lists(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unresolved ones unless others are asked for, newest first; all pages of them."""
    monkeypatch.setattr(parts, "ROWS_AT_ONCE", 1)
    assert listed(filled) == [(UNIT, "escalated"), ("tp:3", "escalated"), (UNIT, "escalated")]
    assert listed(filled, "--organization", ORGANIZATION.upper()) == [("tp:3", "escalated"), (UNIT, "escalated")]
    assert listed(filled, "--state", "resolved") == [("tp:2", "resolved")]
    assert len(listed(filled, "--state", "all")) == 4
    assert listed(filled, "--reason", "MultipleMatchFound") == [("tp:3", "escalated")]
    assert listed(filled, "--unit", "tp:2", "--state", "all") == [("tp:2", "resolved")]
    page = filled("cases", "list", "--json", "--limit", "2").json
    assert listed(filled, "--cursor", page["nextCursor"]) == [(UNIT, "escalated")]
    done = filled("cases", "list", "--limit", "1")
    assert id_of(3, UNIT, OTHER) in done.out
    assert "there are more" in done.err


def test_one_case(filled: Cli) -> None:
    """By the id of any failure in it, with candidates and notes."""
    filled("cases", "note", id_of(1), "asked the depot", "--by", "anna")
    shown = filled("cases", "show", id_of(5), "--json").json
    assert (shown["caseId"], shown["attempts"]) == (id_of(1), 2)
    text = filled("cases", "show", id_of(1)).out
    assert "anna: asked the depot" in text
    assert "sensor vin        F3A000001" in text
    (split,) = filled("cases", "list", "--json", "--unit", "tp:3").json["items"]
    assert B in filled("cases", "show", split["caseId"]).out
    assert "no case 'case_0'" in filled("cases", "show", "case_0", status=1).err


def test_decisions(filled: Cli) -> None:
    """Dismissed, reopened, with words that become notes under the name that was given, or the user's."""
    done = filled("cases", "dismiss", id_of(1), "--note", "on the bench", "--by", "anna")
    assert done.out == f"{id_of(1)} is dismissed\n"
    assert listed(filled, "--state", "dismissed") == [(UNIT, "dismissed")]
    assert "is escalated" in filled("cases", "reopen", id_of(5)).out
    case = filled("cases", "note", id_of(1), "left it", "--json").json
    assert [note["text"] for note in case["notes"]] == ["on the bench", "left it"]
    assert case["notes"][0]["author"] == "anna"
    assert case["notes"][1]["author"]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("dismiss", "case_0"), 1, "there is no case"),
        (("dismiss", id_of(2, "tp:2")), 1, "resolved already"),
        (("reopen", id_of(2, "tp:2")), 1, "resolved already"),
        (("note", id_of(1), ""), 2, "is empty"),
        (("note", id_of(1), "x" * 4001), 2, "longer than 4000"),
        (("note", id_of(1), "x", "--by", " "), 2, "expected 1 to 200"),
        (("list", "--state", "closed"), 2, "closed"),
        (("list", "--cursor", "x"), 2, "not a cursor"),
        ((), 2, "Usage"),
    ],
)
def test_what_is_refused(on_sqlite: Cli, arguments: tuple[str, ...], status: int, message: str) -> None:
    """Each with its reason, and 2 where the command was wrong."""
    events = [failure(1), failure(2, "tp:2"), pairing(4, A, "tp:2")]
    on_store(on_sqlite.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, [body_of(events)]))
    done = on_sqlite("cases", *arguments, status=status)
    assert message in done.err + done.out


def test_the_table_for_pairing(filled: Cli, folder: Path) -> None:
    """One row a case with its best candidate; to a file or to standard output, and no cell is a formula."""
    filled("cases", "note", id_of(1), "first\nsecond", "--by", "anna")
    assert "3 cases in out.csv" in filled("cases", "export", "--output", "out.csv").err
    written = (folder / "out.csv").read_bytes().decode()
    assert written.encode() == filled("cases", "export").out.encode()
    rows = list(csv.DictReader(io.StringIO(written, newline="")))
    split = next(row for row in rows if row["unitId"] == "tp:3")
    expected: dict[str, Any] = {
        "unitType": "tp",
        "serialNumber": "3",
        "state": "escalated",
        "reason": "MultipleMatchFound",
        "sensorVin": "'=F3A000001",
        "attempts": "1",
        "firstSeenAt": time_text(minute(9)),
        "bestAssetId": B,  # A is held by the registry, and its id sorts behind none
        "bestTier": "named",
        "bestScore": "0.0",
        "advice": "none",
        "candidates": "2",
        "latitude": "50.5",
        "longitude": "-2.0",
    }
    assert {name: split[name] for name in expected} == expected
    assert "named by Datahub" in split["explanation"]
    noted = next(row for row in rows if row["caseId"] == id_of(1))
    assert noted["notes"].endswith("anna: first\nsecond")
    assert noted["bestAssetId"] == ""

"""`drawbar quarantine`: list, show, try again, discard."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from handlers import ignored
from schemas.event_decoding import DECODERS
from schemas.wire import time_text
from storage.store import DatabaseStore
from tests.support.batches import digest_in, on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, A, body_of, minute
from tests.support.store import OTHER, deliver, execute, pairing

OTHERS_ID = "41634ca6-a7fb-4dc2-9461-7e9b24be885e"


def fill(cli: Cli, bodies: Sequence[bytes], **arrival: Any) -> None:  # noqa: ANN401 - fields of Arrival
    """Take bodies in."""
    on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, bodies, **arrival))


def waiting(cli: Cli, *arguments: str) -> list[dict[str, Any]]:
    """What waits, newest first."""
    items: list[dict[str, Any]] = cli("quarantine", "list", "--json", *arguments).json["items"]
    return items


@pytest.fixture
def filled(cli: Cli) -> Cli:
    """The command line on a database in which wait: a body, an entry that is none, and one that a binding refused."""
    fill(cli, [b"[]"], received_at_us=minute(0), subscription="eu")
    events = [7, pairing(3), pairing(3, organization_id=OTHER)]
    fill(cli, [body_of(events)], received_at_us=minute(1), organizations=[ORGANIZATION], subscription="us")
    return cli


def test_what_waits_is_listed(filled: Cli) -> None:
    """Newest first, with path and reason; the JSON has what was received."""
    bound, entry, body = waiting(filled)
    assert (body["kind"], body["subscription"], body["path"], body["raw"]) == ("body", "eu", "$", "[]")
    assert (entry["kind"], entry["path"], entry["raw"]) == ("event", "$.eventsData[0]", "7")
    assert (bound["organizationId"], bound["path"]) == (OTHER, "$.eventsData[2].eventData.organizationId")
    shown = filled("quarantine", "list").out
    for one in (bound, entry, body):
        assert one["quarantineId"] in shown
        assert one["message"] in shown


@pytest.mark.parametrize(
    ("arguments", "number"),
    [
        (("--kind", "body"), 1),
        (("--subscription", "us"), 2),
        (("--path", "$.eventsData[0]"), 1),
        (("--from", time_text(minute(1))), 2),
        (("--to", time_text(minute(1))), 1),
        (("--organization", OTHER), 1),
        (("--state", "resolved"), 0),
        (("--state", "all"), 3),
    ],
)
def test_filters(filled: Cli, arguments: tuple[str, ...], number: int) -> None:
    """Each is that of the API."""
    assert len(waiting(filled, *arguments)) == number


def test_a_limit_and_going_on(filled: Cli) -> None:
    """The parts are the whole."""
    first = filled("quarantine", "list", "--limit", "2", "--json").json
    rest = waiting(filled, "--cursor", first["nextCursor"])
    assert [*first["items"], *rest] == waiting(filled)
    assert "there are more" in filled("quarantine", "list", "--limit", "2").err


def test_one_is_shown_with_what_was_received(filled: Cli) -> None:
    """In words and as JSON; one that isn't there is 1."""
    bound = waiting(filled)[0]
    assert filled("quarantine", "show", bound["quarantineId"], "--json").json == bound
    lines = filled("quarantine", "show", bound["quarantineId"]).out.splitlines()
    assert f"organization id {OTHER}" in lines
    assert lines[-1] == bound["raw"]
    assert filled("quarantine", "show", "qtn_9", status=1).err == "drawbar: there is no quarantine entry 'qtn_9'\n"
    assert filled("quarantine", "show", "nonsense", status=1).err == "drawbar: there is no 'nonsense'\n"


def test_entries_are_discarded(filled: Cli) -> None:
    """They stay; one that is discarded already, or isn't there, keeps the others from nothing."""
    first, second, _ = (entry["quarantineId"] for entry in waiting(filled))
    assert filled("quarantine", "discard", first).out == "1 discarded\n"
    done = filled("quarantine", "discard", first, "qtn_9", second, status=1)
    assert done.out == "1 discarded\n"
    assert done.err == f"{first}: the entry is discarded already\nqtn_9: there is no quarantine entry 'qtn_9'\n"
    assert [entry["quarantineId"] for entry in waiting(filled, "--state", "discarded")] == [first, second]


def test_an_entry_is_tried_again_under_the_binding_of_today(filled: Cli) -> None:
    """It waits while its subscription is bound as it was, and is applied once that is widened."""
    bound = waiting(filled)[0]["quarantineId"]
    (filled.folder / "drawbar.toml").write_text(f'[subscriptions.us]\nsecrets = "x"\norganizations = ["{ORGANIZATION}"]\n')
    before = digest_in(filled.environment["DRAWBAR_DATABASE"])
    done = filled("quarantine", "reprocess", bound, status=1)
    assert done.out == "0 resolved, 1 still waiting\n"
    assert done.err.startswith(f"{bound}: $.eventsData[2].eventData.organizationId: organization {OTHER} is not one of")
    assert digest_in(filled.environment["DRAWBAR_DATABASE"]) == before
    (filled.folder / "drawbar.toml").write_text(f'[subscriptions.us]\nsecrets = "x"\norganizations = ["{OTHER}"]\n')
    done = filled("quarantine", "reprocess", bound, "--json")
    assert (done.json["resolved"], done.json["items"][0]["outcome"]) == (1, "applied")
    (one,) = filled("pairings", "--organization", OTHER, "--json").json["items"]
    assert one["assetId"] == A


def test_what_does_not_wait_is_not_tried_again(filled: Cli) -> None:
    """An entry that is settled, or isn't there, is told and not counted among those that still wait; the others are tried."""
    first, second, _ = (entry["quarantineId"] for entry in waiting(filled))
    filled("quarantine", "discard", first)
    done = filled("quarantine", "reprocess", first, "qtn_9", second, status=1)
    assert done.out == "0 resolved, 1 still waiting\n"
    assert done.err.endswith(f"{first}: the entry is discarded already\nqtn_9: there is no quarantine entry 'qtn_9'\n")


def test_all_are_tried_and_each_stands_for_itself(filled: Cli) -> None:
    """What can be read now is resolved, the rest says why it waits, and the exit status says that some do."""
    done = filled("quarantine", "reprocess", "--all", "--json", status=1)
    assert (done.json["resolved"], done.json["waiting"]) == (1, 2)
    assert len(waiting(filled)) == 2
    again = filled("quarantine", "reprocess", "--all", status=1)
    assert again.out == "0 resolved, 2 still waiting\n"
    assert len(again.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "tried"),
    [
        (("--kind", "body"), 1),
        (("--subscription", "us"), 2),
        (("--path", "$"), 1),
        (("--from", time_text(minute(1))), 2),
        (("--to", time_text(minute(1))), 1),
        (("--organization", OTHER), 1),
    ],
)
def test_some_are_tried(filled: Cli, arguments: tuple[str, ...], tried: int) -> None:
    """Those that a filter selects."""
    assert len(filled("quarantine", "reprocess", *arguments, "--json", status=None).json["items"]) == tried


def test_many_entries_are_tried_each_in_a_transaction(cli: Cli) -> None:
    """One that can't be applied takes none with it."""
    fill(cli, [body_of([pairing(number, unit_id=f"tp:{number}") for number in range(20)])], organizations=[OTHER])

    async def break_one(store: DatabaseStore) -> None:
        sql = "UPDATE quarantine SET raw = :raw WHERE path = '$.eventsData[7].eventData.organizationId'"
        await execute(store, sql, raw=b"{")

    on_store(cli.environment["DRAWBAR_DATABASE"], break_one)
    done = cli("quarantine", "reprocess", "--all", "--json", status=1)
    assert (done.json["resolved"], done.json["waiting"]) == (19, 1)
    digest_in(cli.environment["DRAWBAR_DATABASE"])
    assert cli("status", "--json").json["counts"]["units"]["paired"] == 19


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("qtn_1", "--all"),
        ("--all", "--kind", "body"),
        ("qtn_1", "--path", "$"),
        ("--ignored", "--all"),
        ("--ignored", "--path", "$"),
    ],
    ids=" ".join,
)
def test_it_must_be_said_which(on_sqlite: Cli, arguments: tuple[str, ...]) -> None:
    """A command that was meant for one must not take all."""
    assert "Invalid value for" in on_sqlite("quarantine", "reprocess", *arguments, status=2).err


@pytest.fixture
def with_ignored(cli: Cli) -> Cli:
    """The command line on a database with ignored events: two of a version to come, of two subscriptions, and an alarm."""
    later = [pairing(number, unit_id=f"tp:{number}") | {"eventVersion": 3} for number in range(2)]
    alarm = {"eventType": "alarm.raised", "eventVersion": 1, "eventData": {"organizationId": ORGANIZATION}}
    fill(cli, [body_of([later[0], alarm, pairing(5, unit_id="tp:9")])], subscription="eu")
    fill(cli, [body_of([later[1]], event_batch_id=OTHERS_ID)], subscription="us")
    return cli


def test_ignored_events_are_tried_once_they_can_be_read(with_ignored: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose type and version still aren't known are counted by them, and nothing is written for them."""
    done = with_ignored("quarantine", "reprocess", "--ignored", status=1)
    assert done.out == "0 resolved, 3 still waiting\n"
    assert done.err == (
        "1 events of type and version alarm.raised 1, which is not known\n"
        "2 events of type and version unit.paired 3, which is not known\n"
    )
    monkeypatch.setitem(DECODERS, ("unit.paired", 3), DECODERS["unit.paired", 2])
    monkeypatch.setattr(ignored, "_READ_AT_ONCE", 1)
    one = with_ignored("quarantine", "reprocess", "--ignored", "--subscription", "us", "--json", status=1).json
    assert (one["resolved"], one["waiting"], one["unknown"]) == (1, 1, {"alarm.raised 1": 1})
    done = with_ignored("quarantine", "reprocess", "--ignored", "--json", status=1)
    (item,) = done.json["items"]
    assert (item["state"], item["outcome"], item["entry"], item["eventVersion"]) == ("resolved", "applied", 0, 3)
    counts = with_ignored("status", "--json").json["counts"]
    assert counts["events"] == {"applied": 3, "duplicates": 0, "quarantined": 0, "ignored": 1}
    assert counts["units"]["paired"] == 3
    digest_in(with_ignored.environment["DRAWBAR_DATABASE"])


def test_an_ignored_event_meets_the_binding_of_today(with_ignored: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays ignored and says why; those of another subscription are applied."""
    monkeypatch.setitem(DECODERS, ("unit.paired", 3), DECODERS["unit.paired", 2])
    (with_ignored.folder / "drawbar.toml").write_text(f'[subscriptions.eu]\nsecrets = "x"\norganizations = ["{OTHER}"]\n')
    done = with_ignored("quarantine", "reprocess", "--ignored", status=1)
    assert done.out == "1 resolved, 2 still waiting\n"
    assert f"entry 0: $.eventsData[0].eventData.organizationId: organization {ORGANIZATION} is not one of" in done.err


def test_an_ignored_event_that_cannot_be_applied_keeps_no_other_waiting(
    with_ignored: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder with a fault is told with the entry."""

    def faulty(raw: msgspec.Raw) -> Any:  # noqa: ANN401 - as decoders are
        if b"tp:0" in bytes(raw):
            raise RuntimeError("a fault")
        return DECODERS["unit.paired", 2](raw)

    monkeypatch.setitem(DECODERS, ("unit.paired", 3), faulty)
    done = with_ignored("quarantine", "reprocess", "--ignored", status=1)
    assert done.out == "1 resolved, 2 still waiting\n"
    assert "entry 0: $.eventsData[0]: RuntimeError: a fault" in done.err

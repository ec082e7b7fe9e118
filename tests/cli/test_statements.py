"""`drawbar assert`, `void` and `restore`, and what becomes of pairings by them."""

import pytest

from handlers.rules.facts import event_key
from handlers.rules.statements import asserted_key
from schemas.wire import time_text
from tests.support.batches import digest_in, on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of, minute
from tests.support.store import deliver, pairing

AT_FIVE = time_text(minute(5))
PAIRED = ("assert", "paired", "--unit", UNIT, "--asset", B.upper(), "--at", AT_FIVE, "--organization", ORGANIZATION.upper())


def on_asset(cli: Cli) -> list[tuple[str, str | None]]:
    """The unit's assets and until when it was on them, newest first."""
    return [(item["assetId"], item["unpairedAt"]) for item in cli("pairings", "--json").json["items"]]


def test_an_assertion_opens_a_pairing(cli: Cli) -> None:
    """Its changes and key are printed; said again nothing changes; unpaired, the pairing closes; a rebuild keeps it all."""
    on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, [body_of([pairing(1)])]))
    key = asserted_key(ORGANIZATION, UNIT, "paired", minute(5), B)
    done = cli(*PAIRED, "--vin", "1HGCM82633A000001", "--note", "seen", "--by", "anna")
    assert done.out.splitlines()[-1] == key
    assert f"pairing.opened {UNIT}: on 1HGCM82633A000001 {AT_FIVE} to now" in done.out
    again = cli(*PAIRED, "--json").json
    assert again == {"eventKey": key, "changes": []}
    assert cli(*PAIRED).out == f"{key}: nothing changes\n"
    later = ("--unit", UNIT, "--asset", B, "--at", time_text(minute(7)), "--organization", ORGANIZATION)
    cli("assert", "unpaired", *later)
    assert on_asset(cli) == [(B, time_text(minute(7))), (A, AT_FIVE)]
    digest_in(cli.environment["DRAWBAR_DATABASE"])


def test_void_and_restore(cli: Cli) -> None:
    """A void event has no effect until it is restored."""
    events = [pairing(1), pairing(5, B)]
    on_store(cli.environment["DRAWBAR_DATABASE"], lambda store: deliver(store, [body_of(events)]))
    key = event_key(ORGANIZATION, UNIT, "paired", minute(5), B)
    assert "pairing.removed" in cli("void", key.upper(), "--note", "wrong label").out
    assert on_asset(cli) == [(A, None)]
    assert cli("void", key).out == f"{key}: nothing changes\n"
    changes = cli("restore", key, "--organization", ORGANIZATION, "--json").json["changes"]
    assert [change["type"] for change in changes] == ["pairing.closed", "pairing.opened"]
    assert on_asset(cli) == [(B, None), (A, AT_FIVE)]


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("void", "0" * 32), 1, "there is no event"),
        (("restore", "x"), 1, "there is no event"),
        (("assert", "moved", *PAIRED[2:]), 2, "moved"),
        (PAIRED[:-2], 2, "--organization"),
        ((*PAIRED[:-1], "org"), 2, "expected a UUID"),
        ((*PAIRED, "--asset", "asset_1"), 2, "expected a UUID"),
        ((*PAIRED, "--at", "yesterday"), 2, "ISO 8601"),
        ((*PAIRED, "--unit", ""), 2, "is empty"),
        ((*PAIRED, "--unit", "x" * 257), 2, "longer than 256"),
        ((*PAIRED, "--vin", "x" * 257), 2, "longer than 256"),
        ((*PAIRED, "--note", "x" * 4001), 2, "longer than 4000"),
    ],
)
def test_what_is_refused(on_sqlite: Cli, arguments: tuple[str, ...], status: int, message: str) -> None:
    """Each with its reason, and nothing is recorded."""
    done = on_sqlite(*arguments, status=status)
    assert message in done.err
    assert on_sqlite("pairings", "--json").json["items"] == []

"""`drawbar status`: the database, its migrations, and counts of everything."""

import pytest

from storage.store import DatabaseStore
from tests.support.batches import on_store
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, START_US, body_of
from tests.support.store import OTHER, deliver, execute, failure, pairing


def test_an_empty_database(cli: Cli) -> None:
    """Everything is there, and is none."""
    cli.environment["DRAWBAR_WEBHOOK_SECRET"] = "x"
    found = cli("status", "--json").json
    assert found["engine"] in {"sqlite", "postgres"}
    assert found["migrations"]["pending"] == []
    assert found["migrations"]["applied"][0] == "0001_pairing"
    assert found["counts"] == {
        "deliveries": 0,
        "batches": 0,
        "events": {"applied": 0, "duplicates": 0, "quarantined": 0, "ignored": 0},
        "units": {"paired": 0, "unpaired": 0, "unmatched": 0},
        "pairings": 0,
        "cases": {"open": 0, "escalated": 0},
        "quarantine": {"waiting": 0, "oldest": None},
        "rejected": {"held": 0, "bytes": 0, "oldest": None},
        "clients": 0,
        "subscriptions": {"default": {"lastDelivery": None}},
    }


def test_everything_is_told(cli: Cli) -> None:
    """By what became of it, by state, with the oldest that waits and the last that each subscription brought."""
    (cli.folder / "drawbar.toml").write_text('[subscriptions]\neu = { secrets = "a" }\nus = { secrets = "b" }\n')
    events = [pairing(0), failure(0, "tp:2"), pairing(0, organization_id=OTHER), 7, pairing(1) | {"eventVersion": 9}]

    async def fill(store: DatabaseStore) -> None:
        for second in range(2):
            await deliver(store, [body_of(events)], subscription="eu", received_at_us=START_US + second * 1_000_000)

    on_store(cli.environment["DRAWBAR_DATABASE"], fill)
    cli("clients", "add", "x", "--organization", ORGANIZATION, "--scopes", "read")
    counts = cli("status", "--json").json["counts"]
    assert counts["deliveries"] == 2
    assert counts["batches"] == 1
    assert counts["events"] == {"applied": 3, "duplicates": 0, "quarantined": 1, "ignored": 1}
    assert counts["units"] == {"paired": 2, "unpaired": 0, "unmatched": 1}
    assert counts["cases"] == {"open": 0, "escalated": 1}
    assert counts["quarantine"] == {"waiting": 1, "oldest": "2025-05-12T22:20:00Z"}
    assert counts["clients"] == 1
    assert counts["subscriptions"] == {"eu": {"lastDelivery": "2025-05-12T22:20:01Z"}, "us": {"lastDelivery": None}}
    shown = cli("status").out
    assert "│ units              │ 3        │ 2 paired, 0 unpaired, 1 unmatched " in shown
    assert "│ quarantine waiting │ 1        │ oldest of 2025-05-12T22:20:00Z " in shown
    assert "│ eu           │ 2025-05-12T22:20:01Z │" in shown


def test_pending_migrations_are_told_and_not_applied(alone: Cli) -> None:
    """Counts are left out, since the tables may be others; the exit status is 1."""
    last = alone("status", "--json").json["migrations"]["applied"][-1]
    on_store(
        alone.environment["DRAWBAR_DATABASE"],
        lambda store: execute(store, "DELETE FROM schema_migrations WHERE name = :name", name=last),
    )
    for _ in range(2):
        found = alone("status", "--json", status=1)
        assert found.json["migrations"]["pending"] == [last]
        assert found.json["counts"] is None
        assert found.err == f"the database lacks {last}: run `drawbar migrate`\n"
    assert "What is in it" not in alone("status", status=1).out


def test_a_password_is_not_shown(fresh: Cli, postgres_url: str) -> None:
    """Neither in words nor in JSON."""
    fresh.environment["DRAWBAR_DATABASE"] = postgres_url.replace("postgres@", "postgres:hunter22@")
    assert "hunter22" not in fresh("status").out
    assert "postgres:[secret]@" in fresh("status", "--json").json["database"]


def test_an_empty_file_is_no_database(fresh: Cli) -> None:
    """Nor is it made one."""
    (fresh.folder / "drawbar.db").touch()
    assert "there is no database drawbar.db yet" in fresh("status", status=2).err
    with pytest.raises(AssertionError, match="exit status 2"):
        fresh("rebuild")

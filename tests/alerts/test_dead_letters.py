"""Dead letters over HTTP and on the command line: listed and sent again, by those who may see them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from handlers.alerts import adopt, enqueue, settle, survey
from handlers.ports import Store, Transaction
from handlers.rules.alerts import judge
from schemas.alerts import Attempt, Retries, Wanted
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.alert_receiver import AlertReceiver, Answer, alert_receiver
from tests.support.api import Api, running_api
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, body_of
from tests.support.store import NOW_US, OTHER, deliver, execute, failure

PATH = "/api/v1/alerts/dead-letters"


@pytest_asyncio.fixture
async def api(database_url: str) -> AsyncIterator[Api]:
    """The API with nothing in its database but the operator."""
    async with running_api(database_url) as running:
        yield running


async def make_dead(store: Store, *names: str) -> None:
    """A dead letter for each target about a unit of each of two organizations."""
    retries = Retries(attempts=1, first_s=1, longest_s=1)
    for name in names:
        await store.write(lambda tx, name=name: adopt(tx, name, "key"))  # type: ignore[misc] # bound early
    assert isinstance(store, DatabaseStore)
    await deliver(store, [body_of([failure(0, "tp:1"), failure(0, "tp:2", OTHER)])])
    for name in names:

        async def work(tx: Transaction, name: str = name) -> None:
            found = await survey(tx, name, (0, 0), [], 10, NOW_US)
            await enqueue(tx, name, Wanted(("*",)), found.told, NOW_US)
            found = await survey(tx, name, (0, 0), [], 10, NOW_US)
            judged = [judge(message, Attempt(500, "answered 500 oh"), retries, NOW_US, 0) for message, _ in found.due]
            await settle(tx, name, judged, retries, NOW_US)

        await store.write(work)


async def test_dead_letters_are_listed(api: Api) -> None:
    """Page by page, of one target or of all, to each client those of its organization."""
    await make_dead(api.store, "ops", "other")
    everything = await api.all_items(PATH, limit=1)
    assert [(letter["subject"], letter["target"]) for letter in everything] == [
        ("tp:2", "other"),
        ("tp:2", "ops"),
        ("tp:1", "other"),
        ("tp:1", "ops"),
    ]
    letter = everything[0]
    assert (letter["type"], letter["organizationId"], letter["attempts"]) == ("case.opened", OTHER, 1)
    assert (letter["error"], letter["deadAt"]) == ("answered 500 oh", "2025-07-21T09:00:00Z")
    assert [one["target"] for one in await api.items(PATH, target="ops")] == ["ops", "ops"]
    assert await api.items(PATH, organizationId=ORGANIZATION) == everything[2:]
    for scope in ("read", "ops"):
        assert await api.items(PATH, await api.credentials(OTHER, scope)) == everything[:2]
    await api.refused(403, PATH, await api.credentials(OTHER, "sync"))
    assert "limit" in (await api.refused(400, f"{PATH}?limit=0"))["error"]


async def test_dead_letters_are_sent_again(api: Api) -> None:
    """Those that are named and may be seen wait again; whoever waits for changes is woken, the sender among them."""
    await make_dead(api.store, "ops", "other")
    other = await api.credentials(OTHER, "ops")
    ids = [letter["messageId"] for letter in await api.items(PATH, target="ops")]
    count = api.services.changed.count

    async def resend(headers: dict[str, str] | None = None, **body: object) -> int:
        answer = await api.ask(f"{PATH}/resend", headers, "POST", json=body)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["resent"])

    assert await resend(other, messageIds=ids, target="ops") == 1
    assert api.services.changed.count == count + 1
    assert await resend(other, messageIds=ids, target="ops") == 0
    assert await resend(messageIds=[]) == 0
    assert await resend(target="nobody") == 0
    assert await resend(target="ops") == 1
    assert await resend(other) == 1
    assert await resend() == 1
    assert await api.items(PATH) == []
    await api.refused(403, f"{PATH}/resend", await api.credentials(OTHER, "read"), method="POST", json={})
    await api.refused(400, f"{PATH}/resend", method="POST", json={"targets": "ops"})


def dead_ones(database: str, *names: str) -> None:
    """The same on a database that nobody has open."""

    async def work() -> None:
        engine = open_engine(database)
        try:
            await make_dead(DatabaseStore(engine), *names)
        finally:
            await engine.close()

    asyncio.run(work())


def test_on_the_command_line(database_url: str, tmp_path: Path) -> None:
    """Targets and dead letters are listed, as tables and as JSON; what is chosen is sent again."""
    receiver = AlertReceiver()
    receiver.url = "https://ops.example/hooks/hidden"
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": database_url, **receiver.settings()})
    [new] = cli("alerts", "list", "--json").json["items"]
    assert (new["name"], new["state"], new["address"]) == ("ops", "new", "https://ops.example")
    dead_ones(database_url, "ops", "former")
    found = cli("alerts", "list", "--json").json["items"]
    assert [(one["name"], one["state"], one["waiting"], one["dead"]) for one in found] == [
        ("ops", "told", 0, 2),
        ("former", "not in the settings", 0, 2),
    ]
    table = cli("alerts", "list").out
    assert "case.opened, case.escalated, pairing.*" in table
    assert "hidden" not in table
    letters = cli("alerts", "dead", "--target", "ops", "--json").json["items"]
    assert [letter["subject"] for letter in letters] == ["tp:2", "tp:1"]
    shown = cli("alerts", "dead", "--organization", OTHER)
    assert letters[0]["messageId"] in shown.out
    assert "answered 500 oh" in shown.out
    assert "--cursor" in cli("alerts", "dead", "--limit", "1").err
    assert "say which" in cli("alerts", "resend", status=2).err
    assert "1 to be sent again" in cli("alerts", "resend", letters[0]["messageId"], "--target", "ops").out
    assert "0 to be sent again" in cli("alerts", "resend", letters[0]["messageId"], "--target", "ops", status=1).out
    assert "3 to be sent again" in cli("alerts", "resend", "--all").out
    assert cli("alerts", "dead", "--json").json["items"] == []


def test_a_target_is_enabled_by_hand(database_url: str, tmp_path: Path) -> None:
    """One that answered 410 is told again; one that was never told can't be."""
    receiver = AlertReceiver()
    receiver.url = "https://ops.example/"
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": database_url, **receiver.settings()})
    assert "nothing has been told" in cli("alerts", "enable", "ops", status=1).err
    dead_ones(database_url, "ops")

    async def disable() -> None:
        engine = open_engine(database_url)
        try:
            await execute(DatabaseStore(engine), "UPDATE alert_targets SET disabled_at_us = 1, failures = 1")
        finally:
            await engine.close()

    asyncio.run(disable())
    [one] = cli("alerts", "list", "--json").json["items"]
    assert (one["state"], one["disabledAt"]) == ("disabled: answered 410", "1970-01-01T00:00:00.000001Z")
    cli("alerts", "resend", "--all")
    cli("alerts", "enable", "ops", "--from-now")
    [one] = cli("alerts", "list", "--json").json["items"]
    assert (one["state"], one["waiting"], one["failures"]) == ("told", 0, 0)


def test_a_target_is_tried_out(sqlite_url: str, tmp_path: Path) -> None:
    """A signed message of type test is sent; the answer is told, and what can't be done too, without the secret."""
    with alert_receiver() as receiver:
        cli = Cli(tmp_path, {"DRAWBAR_DATABASE": sqlite_url, **receiver.settings()})
        assert "ops: answered 204" in cli("alerts", "test", "ops").out
        [one] = receiver.received
        assert (one.alert["type"], one.alert["data"]) == ("test", {"target": "ops"})
        receiver.usual = Answer(403, body=b"not you")
        assert "ops: answered 403 not you" in cli("alerts", "test", "ops", status=1).err
        cli.environment["TEST_ALERT_SECRET"] = "whsec_!"
        assert "alerts.ops.secrets" in cli("alerts", "test", "ops", status=2).err
        assert "known are ops" in cli("alerts", "test", "nobody", status=2).err
        assert len(receiver.received) == 2

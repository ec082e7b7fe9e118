"""Quarantine: who sees what, trying again, discarding."""

from typing import Any

import pytest

from handlers import reprocessing
from handlers.ports import Transaction
from handlers.quarantine import Reprocessed, reprocess
from handlers.queries import quarantine as queries
from receiver.secret import Secret
from receiver.settings import Settings
from receiver.source_settings import Subscription
from schemas.wire import time_text
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.facts import ORGANIZATION, UNIT, body_of
from tests.support.store import OTHER, pairing

BROKEN = {"eventType": "unit.paired", "eventVersion": 2, "eventData": {"organizationId": ORGANIZATION}}
NAMELESS = {"eventType": "unit.paired", "eventVersion": 2}


async def test_an_entry_shows_what_is_wrong(api: Api) -> None:
    """An entry of a batch, and a body that is none, carry place and message, and what was received."""
    await api.deliver(body_of([pairing(1), BROKEN]), b"[]")
    body, event = await api.items("/api/v1/quarantine")
    assert (event["kind"], event["state"], event["organizationId"]) == ("event", "waiting", ORGANIZATION)
    assert event["path"].startswith("$.eventsData[1].eventData")
    assert '"unit.paired"' in event["raw"]
    assert event["receivedAt"] == time_text(api.clock())
    assert event["deliveryId"].startswith("dlv_")
    assert (body["kind"], body["organizationId"], body["raw"]) == ("body", None, "[]")
    assert await api.get(f"/api/v1/quarantine/{event['quarantineId']}") == event


async def test_a_client_sees_the_entries_of_its_organization_without_bodies(api: Api) -> None:
    """What names no organization, another one, or was refused by a binding is for clients of all organizations alone."""
    await api.deliver(body_of([BROKEN, NAMELESS]), b"[]")
    await api.deliver(body_of([pairing(1)], event_batch_id=OTHER), organizations=[OTHER])
    entries = {entry["path"]: entry for entry in await api.items("/api/v1/quarantine")}
    assert len(entries) == 4
    mine = await api.credentials(ORGANIZATION)
    (seen,) = await api.items("/api/v1/quarantine", mine)
    assert seen["raw"] is None
    assert await api.items("/api/v1/quarantine", await api.credentials(OTHER)) == []
    for entry in entries.values():
        status = 200 if entry["quarantineId"] == seen["quarantineId"] else 404
        assert (await api.ask(f"/api/v1/quarantine/{entry['quarantineId']}", mine)).status_code == status
    own = await api.get(f"/api/v1/quarantine/{seen['quarantineId']}", organizationId=ORGANIZATION)
    assert own["raw"] is not None
    await api.refused(404, f"/api/v1/quarantine/{seen['quarantineId']}", params={"organizationId": OTHER})


async def test_entries_are_filtered_and_paged(api: Api) -> None:
    """Each filter leaves what it names; pages of any size hold each entry once, newest first."""
    await api.deliver(body_of([BROKEN] * 20), b"[]")
    api.clock.move(60)
    later = time_text(api.clock())
    await api.deliver(b"{}", subscription="second")
    whole = await api.items("/api/v1/quarantine")
    assert len(whole) == 22
    for limit in (1, 7, 16, 17, 22, 23):
        assert await api.all_items("/api/v1/quarantine", limit=limit) == whole

    async def found(**params: str) -> int:
        return len(await api.items("/api/v1/quarantine", **params))

    assert await found(kind="body") == 2
    assert await found(state="discarded") == 0
    assert await found(subscription="second") == 1
    assert await found(path=whole[2]["path"]) == 1
    assert await found(**{"from": later}) == 1
    assert await found(to=later) == 21


async def test_bodies_in_a_list_are_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond what one answer holds, entries are listed without their bodies."""
    monkeypatch.setattr(queries, "RAW_BYTES_MAX", 3)
    await api.deliver(b"[]", b"[1]", b"[]")
    assert [entry["raw"] for entry in await api.items("/api/v1/quarantine")] == ["[]", None, None]


async def test_discarding(api: Api) -> None:
    """A discarded entry stays what it is, and can't be discarded or tried again."""
    await api.deliver(body_of([BROKEN]))
    (entry,) = await api.items("/api/v1/quarantine")
    path = f"/api/v1/quarantine/{entry['quarantineId']}"
    discarded = await api.ask(f"{path}/discard", method="POST")
    assert (discarded.status_code, discarded.json()["state"]) == (200, "discarded")
    assert await api.items("/api/v1/quarantine", state="discarded") == [discarded.json()]
    await api.refused(409, f"{path}/discard", method="POST")
    await api.refused(409, f"{path}/reprocess", method="POST")


async def test_trying_again_under_another_binding(sqlite_url: str) -> None:
    """What a binding refused is applied once the binding lets it, and whoever waits for changes hears of it."""
    settings = Settings(
        operator_secret=Secret(OPERATOR_SECRET),
        subscriptions={
            "wide": Subscription(secrets=(Secret("a"),)),
            "narrow": Subscription(secrets=(Secret("b"),), organizations=(OTHER,)),
        },
    )
    async with running_api(sqlite_url, settings) as api:
        for number, name in enumerate(("narrow", "wide")):
            body = body_of([pairing(number, unit_id=f"tp:{number}")], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")
            await api.deliver(body, organizations=[OTHER], subscription=name)
        wide, narrow = await api.items("/api/v1/quarantine")
        told = api.services.changed.count
        refused = await api.ask(f"/api/v1/quarantine/{narrow['quarantineId']}/reprocess", method="POST")
        assert (refused.json()["state"], refused.json()["outcome"]) == ("waiting", "quarantined")
        assert "organization" in refused.json()["message"]
        applied = await api.ask(f"/api/v1/quarantine/{wide['quarantineId']}/reprocess", method="POST")
        assert (applied.json()["state"], applied.json()["outcome"]) == ("resolved", "applied")
        assert api.services.changed.count > told
        assert [unit["unitId"] for unit in await api.items("/api/v1/units")] == ["tp:1"]


async def test_actions_need_the_scope_ops(api: Api) -> None:
    """Reading doesn't let a client act, and acting doesn't let it read; entries of others are not there for it."""
    await api.deliver(body_of([BROKEN]))
    (entry,) = await api.items("/api/v1/quarantine")
    path = f"/api/v1/quarantine/{entry['quarantineId']}/discard"
    await api.refused(403, path, await api.credentials(ORGANIZATION, "read", "sync", "admin"), method="POST")
    await api.refused(404, path, await api.credentials(OTHER, "ops"), method="POST")
    actor = await api.credentials(ORGANIZATION, "ops")
    await api.refused(403, "/api/v1/quarantine", actor)
    assert (await api.ask(path, actor, method="POST")).status_code == 200


async def test_many_are_tried_again(api: Api) -> None:
    """A filter selects which of the waiting entries are tried; a cursor goes on with the rest."""
    await api.deliver(body_of([pairing(number, unit_id=f"tp:{number}") for number in range(40)]), organizations=[OTHER])
    await api.deliver(b"[]")
    nothing = await api.ask("/api/v1/quarantine/reprocess", method="POST", json={"subscription": "no such"})
    assert nothing.json() == {"resolved": 0, "waiting": 0, "items": [], "nextCursor": None}
    first = (await api.ask("/api/v1/quarantine/reprocess", method="POST", json={"limit": 25})).json()
    assert (first["resolved"], first["waiting"], len(first["items"])) == (24, 1, 25)
    rest = (await api.ask("/api/v1/quarantine/reprocess", method="POST", json={"cursor": first["nextCursor"]})).json()
    assert (rest["resolved"], rest["waiting"], rest["nextCursor"]) == (16, 0, None)
    assert len(await api.items("/api/v1/units")) == 40
    everything = (await api.ask("/api/v1/quarantine/reprocess", method="POST")).json()
    assert [item["state"] for item in everything["items"]] == ["waiting"]


async def test_trying_many_again_stays_in_the_organization(api: Api) -> None:
    """A client tries the entries again that it sees, and no others."""
    await api.deliver(body_of([BROKEN, NAMELESS]), b"[]")
    done = await api.ask("/api/v1/quarantine/reprocess", await api.credentials(ORGANIZATION, "ops"), method="POST")
    assert len(done.json()["items"]) == 1
    none = await api.ask("/api/v1/quarantine/reprocess", await api.credentials(OTHER, "ops"), method="POST")
    assert none.json()["items"] == []


async def test_one_entry_that_cannot_be_applied_holds_up_no_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry on which the program fails keeps waiting and says why; the others are applied."""
    await api.deliver(body_of([pairing(1), pairing(2, unit_id="tp:2")]), organizations=[OTHER])
    last, _ = await api.items("/api/v1/quarantine")

    async def failing(tx: Transaction, quarantine_id: int, *others: Any) -> Reprocessed:  # noqa: ANN401 - as it is called
        done = await reprocess(tx, quarantine_id, *others)
        if last["quarantineId"] == f"qtn_{quarantine_id}":
            raise ZeroDivisionError("a fault of the program")
        return done

    monkeypatch.setattr(reprocessing, "reprocess", failing)
    done = (await api.ask("/api/v1/quarantine/reprocess", method="POST")).json()
    assert (done["resolved"], done["waiting"]) == (1, 1)
    assert "ZeroDivisionError: a fault of the program" in done["items"][0]["message"]
    assert [unit["unitId"] for unit in await api.items("/api/v1/units")] == [UNIT]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"limit": 0}, "$.limit"),
        ({"limit": 1001}, "$.limit"),
        ({"kind": "batch"}, "$.kind"),
        ({"from": "yesterday"}, "$.from"),
        ({"cursor": "no cursor"}, "cursor"),
        ({"state": "resolved"}, "$"),
        ([], "$"),
    ],
)
async def test_a_bad_filter_names_its_place(sqlite_url: str, body: object, path: str) -> None:
    """A filter that breaks a rule is 400 with the place."""
    async with running_api(sqlite_url) as api:
        problem = await api.refused(400, "/api/v1/quarantine/reprocess", method="POST", json=body)
        assert [error["path"] for error in problem["errors"]] == [path]


async def test_a_filter_is_json(sqlite_url: str) -> None:
    """Another type than JSON is 415, broken JSON 400, and too much of it 413."""
    async with running_api(sqlite_url) as api:
        path = "/api/v1/quarantine/reprocess"
        await api.refused(415, path, method="POST", content=b"<a/>")
        json_type = api.operator | {"Content-Type": "application/json"}
        await api.refused(400, path, json_type, method="POST", content=b"{")
        await api.refused(413, path, json_type, method="POST", content=b" " * 20_000)

"""Assertions through the API: what is taken, what is refused, and what every answer shows of them."""

from typing import Any

from handlers.rules.facts import event_key
from handlers.rules.statements import asserted_key
from schemas.json_faults import EMPTY, MARKED
from schemas.wire import time_text
from tests.support.api import Api, Headers, basic
from tests.support.facts import ORGANIZATION, UNIT, A, B, minute
from tests.support.store import OTHER, failure, pairing, unpairing

PATH = "/api/v1/pairings/assertions"
EVENT = event_key(ORGANIZATION, UNIT, "paired", minute(1), A)
VIN = "1HGCM82633A000001"


def at(number: float) -> str:
    """A minute on the wire."""
    return time_text(minute(number))


def paired(asset_id: str = B, time: float = 5, **fields: str) -> dict[str, str]:
    """The body that asserts a pairing."""
    return {"kind": "paired", "unitId": UNIT, "assetId": asset_id, "at": at(time)} | fields


async def say(api: Api, headers: Headers | None, body: Any, path: str = PATH) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Say something that is taken."""
    answer = await api.ask(path, headers, "POST", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_an_assertion_shows_in_every_answer(api: Api) -> None:
    """The pairing carries its reason and key; the event is found with who said it and what it changed."""
    await api.events(pairing(1))
    client = await api.client(ORGANIZATION, "ops", "read")
    ops = basic(client.client_id, client.client_secret)
    said = await say(api, ops, paired(B.upper(), note="seen on it", assetVin=f" {VIN} "))
    assert said["eventKey"] == asserted_key(ORGANIZATION, UNIT, "paired", minute(5), B)
    assert [change["type"] for change in said["changes"]] == ["pairing.closed", "pairing.opened"]
    assert said["changes"] == (await changes(api))[1:]
    unit = await api.get(f"/api/v1/units/{UNIT}", ops)
    assert (unit["pairing"]["reason"], unit["pairing"]["vin"]) == ("Asserted", VIN)
    assert unit["pairing"]["events"] == [said["eventKey"]]
    event = await api.get(f"/api/v1/events/{said['eventKey'].upper()}", ops)
    assert (event["status"], event["reason"], event["assetId"], event["registeredOn"]) == ("success", "Asserted", B, at(5))
    assert (event["eventType"], event["batchId"], event["outcome"], event["void"]) == (None, None, "applied", False)
    assert event["changes"] == said["changes"]
    assert event["statements"] == [
        {"kind": "paired", "author": client.client_id, "note": "seen on it", "at": time_text(api.clock())}
    ]


async def changes(api: Api) -> list[Any]:
    """The whole feed."""
    return list((await api.get("/api/v1/changes"))["items"])


async def test_assertions_stand_among_events(api: Api) -> None:
    """The list has them in the order of the journal, under every filter that an event would pass."""
    await api.events(pairing(1), failure(2))
    first = (await say(api, None, paired(), f"{PATH}?organizationId={ORGANIZATION}"))["eventKey"]
    body = {"kind": "unpaired", "unitId": UNIT, "assetId": B, "at": at(7)}
    second = (await say(api, None, body, f"{PATH}?organizationId={ORGANIZATION}"))["eventKey"]
    await api.events(unpairing(9), number=2)

    async def keys(**params: str) -> list[str]:
        return [event["eventKey"] for event in await api.all_items("/api/v1/events", limit=1, **params)]

    everything = await keys()
    assert everything[1:3] == [second, first]
    assert len(everything) == 5
    assert await keys(reason="Asserted") == [second, first]
    assert await keys(reason="Asserted", status="success") == [first]
    assert await keys(assetId=B.upper()) == [second, first]
    assert await keys(unitId=UNIT, **{"from": at(6), "to": at(8)}) == [second]
    assert first not in await keys(eventType="unit.paired")
    assert first not in await keys(outcome="duplicate")
    assert first not in await keys(status="failed")
    assert await keys(unitId="tp:other") == []
    assert [pairing["unpairedAt"] for pairing in await api.items(f"/api/v1/assets/{B}/pairings")] == [at(7)]
    assert [pairing["unitId"] for pairing in await api.items("/api/v1/pairings", reason="Asserted")] == [UNIT]


async def test_void_and_restore(api: Api) -> None:
    """A void event says so wherever it is shown and has no effect; restored it has one again."""
    await api.events(pairing(1), pairing(3, B))
    key = event_key(ORGANIZATION, UNIT, "paired", minute(3), B)
    ops = await api.credentials(ORGANIZATION, "ops")
    said = await say(api, ops, {"kind": "void", "eventKey": key.upper(), "note": "wrong label"})
    assert said["eventKey"] == key
    assert [change["type"] for change in said["changes"]] == ["pairing.removed", "pairing.revised"]
    event = await api.get(f"/api/v1/events/{key}")
    assert (event["void"], event["flags"]) == (True, [])
    assert [(one["kind"], one["note"]) for one in event["statements"]] == [("void", "wrong label")]
    assert [change["type"] for change in event["changes"]][-2:] == ["pairing.removed", "pairing.revised"]
    assert {one["eventKey"]: one["void"] for one in await api.items("/api/v1/events")} == {key: True, EVENT: False}
    assert (await api.get(f"/api/v1/units/{UNIT}"))["pairing"]["assetId"] == A
    assert (await say(api, ops, {"kind": "restore", "eventKey": key}))["changes"] != []
    assert (await api.get(f"/api/v1/events/{key}"))["void"] is False
    assert (await api.get(f"/api/v1/units/{UNIT}"))["pairing"]["assetId"] == B
    assert (await say(api, ops, {"kind": "restore", "eventKey": key}))["changes"] == []


async def test_a_void_assertion_keeps_its_asset_known(api: Api) -> None:
    """An asset that only a void assertion names has no pairings, but isn't unknown."""
    ops = await api.credentials(ORGANIZATION, "ops", "read")
    key = (await say(api, ops, paired()))["eventKey"]
    await say(api, ops, {"kind": "void", "eventKey": key})
    assert await api.items(f"/api/v1/assets/{B}/pairings", ops) == []
    unit = await api.get(f"/api/v1/units/{UNIT}", ops)
    assert (unit["state"], unit["pairing"], unit["lastEventAt"]) == ("unpaired", None, None)


MALFORMED: list[tuple[Any, str]] = [
    ({"kind": "paired", "unitId": UNIT, "assetId": B}, "$"),
    (paired(unitId=""), "$.unitId"),
    (paired(unitId="x" * 257), "$.unitId"),
    (paired(assetId="asset_1"), "$.assetId"),
    (paired(at="2025-05-12"), "$.at"),
    (paired(at="2025-05-12T22:20:00"), "$.at"),
    (paired(at="0001-01-01T00:00:00+14:00"), "$.at"),
    (paired(note="x" * 4001), "$.note"),
    (paired(typo="x"), "$"),
    (paired(kind="void"), "$"),
    ({"kind": "void"}, "$"),
    ({"kind": "link", "eventKey": EVENT}, "$.kind"),
    ({"eventKey": EVENT}, "$"),
    ([paired()], "$"),
]


async def test_what_is_malformed_is_named(api: Api) -> None:
    """The place of the first fault is in the answer, and nothing is recorded."""
    ops = await api.credentials(ORGANIZATION, "ops")
    for body, path in MALFORMED:
        problem = await api.refused(400, PATH, ops, method="POST", json=body)
        assert [place["path"] for place in problem["errors"]] == [path]
    assert await api.items("/api/v1/events") == []


async def test_an_assertion_needs_one_organization(api: Api) -> None:
    """A client of all names it; of an event it is known already; none asserts or judges in another's name."""
    problem = await api.refused(400, PATH, method="POST", json=paired())
    assert problem["errors"][0]["path"] == "organizationId"
    await say(api, None, paired(), f"{PATH}?organizationId={OTHER}")
    assert [unit["organizationId"] for unit in await api.items("/api/v1/units")] == [OTHER]
    await api.events(pairing(1))
    await say(api, None, {"kind": "void", "eventKey": EVENT})
    stranger = await api.credentials(OTHER, "ops")
    await api.refused(404, PATH, stranger, method="POST", json={"kind": "restore", "eventKey": EVENT})
    await api.refused(404, f"{PATH}?organizationId={ORGANIZATION}", stranger, method="POST", json=paired())
    await api.refused(404, PATH, method="POST", json={"kind": "void", "eventKey": "0" * 32})


async def test_assertions_need_the_scope_and_json(api: Api) -> None:
    """Reading isn't asserting; a form isn't JSON; there is nothing to get here."""
    read = await api.credentials(ORGANIZATION, "read")
    await api.refused(403, PATH, read, method="POST", json=paired())
    ops = await api.credentials(ORGANIZATION, "ops")
    await api.refused(415, PATH, ops, method="POST", content=b"kind=paired")
    await api.refused(413, PATH, ops, method="POST", json=paired(note="x" * 20_000))


async def test_whoever_waits_for_changes_hears_of_an_assertion(api: Api) -> None:
    """An assertion's changes stand in the feed under the cursors that its answer names."""
    said = await say(api, await api.credentials(ORGANIZATION, "ops"), paired())
    assert await changes(api) == said["changes"]


async def test_a_byte_order_mark_is_told_as_such(api: Api) -> None:
    """Editors hide it, so the answer says what is there and not that some byte is wrong; of no body at all it says that too."""
    ops = await api.credentials(ORGANIZATION, "ops") | {"Content-Type": "application/json"}
    for body, message in ((b'\xef\xbb\xbf{"kind": "void"}', MARKED), (b"", EMPTY)):
        problem = await api.refused(400, PATH, ops, method="POST", content=body)
        assert problem["errors"] == [{"path": "$", "message": message}]

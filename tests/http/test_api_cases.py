"""Cases through the API: lists and their filters, one by any of its ids, and what operators say of them."""

from typing import Any

import pytest

from handlers.rules.cases import DEADLINE_US, case_id
from handlers.rules.facts import event_key
from schemas.events import Payload
from schemas.facts import Meaning
from schemas.wire import time_text
from tests.support.api import Api, Headers, basic
from tests.support.facts import ORGANIZATION, UNIT, A, B, event_of, minute
from tests.support.store import NOW_US, OTHER, failure, pairing, unpairing

PATH = "/api/v1/cases"
VIN, WRONG_VIN = "1HGCM82633A000001", "WDB96340310500042"


def id_of(at: float, unit_id: str = UNIT, organization_id: str = ORGANIZATION, reason: str = "NotFound") -> str:
    """The caseId that a failure at a minute gives."""
    key = event_key(organization_id, unit_id, "failed", minute(at), (reason, "F3A000001"))
    return case_id(organization_id, unit_id, key)


def doubtful(at: float) -> Any:  # noqa: ANN401 - JSON
    """An entry of a batch: an automatic pairing whose VINs don't go together."""
    meaning = Meaning("AutoPair", VIN, WRONG_VIN)
    return event_of(Payload(ORGANIZATION, UNIT, "paired", minute(at), A, meaning), 2)


def split(at: float) -> Any:  # noqa: ANN401 - JSON
    """An entry of a batch: more than one asset matched."""
    meaning = Meaning("MultipleMatchFound", None, "F3A000001", (A, B))
    return event_of(Payload(ORGANIZATION, "tp:3", "failed", minute(at), None, meaning), 2)


async def ask(api: Api, case: str, what: str, headers: Headers | None = None, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - options
    """Say something of a case that is taken."""
    answer = await api.ask(f"{PATH}/{case}/{what}", headers, "POST", **options)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def ids(api: Api, headers: Headers | None = None, **params: str | float) -> list[str]:
    """The ids of cases in a list, all pages of it."""
    return [case["caseId"] for case in await api.all_items(PATH, headers, **params)]


async def test_a_case_shows_all_of_it(api: Api) -> None:
    """Every field of a failure case, before and after its deadline."""
    await api.events(failure(0), failure(60))
    api.clock.now_us = minute(0) + DEADLINE_US
    case = await api.get(f"{PATH}/{id_of(0)}")
    deadline = time_text(minute(0) + DEADLINE_US)
    assert case == {
        "caseId": id_of(0),
        "organizationId": ORGANIZATION,
        "unitId": UNIT,
        "state": "open",
        "reason": "NotFound",
        "sensorVin": "F3A000001",
        "attempts": 2,
        "firstSeenAt": time_text(minute(0)),
        "lastSeenAt": time_text(minute(60)),
        "deadline": deadline,
        "retryUntil": deadline,
        "resolvedAt": None,
        "resolvedBy": None,
        "suggestion": None,
        "candidates": [],
        "location": None,
        "notes": [],
        "assetId": None,
        "assetVin": None,
        "mergedInto": None,
    }
    assert await api.items(PATH) == [case]
    assert await ids(api, state="open") == [case["caseId"]]
    api.clock.now_us += 1
    assert (await api.get(f"{PATH}/{id_of(0)}"))["state"] == "escalated"
    assert (await api.get(f"/api/v1/units/{UNIT}"))["case"]["state"] == "escalated"
    assert (await ids(api, state="open"), await ids(api, state="escalated")) == ([], [case["caseId"]])


async def test_a_doubtful_pairing_is_a_case(api: Api) -> None:
    """A VinMismatch names the asset and its VIN, has no time to which Datahub tries again, and the unit is paired."""
    await api.events(doubtful(0))
    (case,) = await api.items(PATH, reason="VinMismatch")
    assert (case["sensorVin"], case["assetId"], case["assetVin"]) == (WRONG_VIN, A, VIN)
    assert (case["retryUntil"], case["deadline"]) == (None, time_text(minute(0) + DEADLINE_US))
    unit = await api.get(f"/api/v1/units/{UNIT}")
    assert (unit["state"], unit["case"]["caseId"]) == ("paired", case["caseId"])
    await api.events(failure(5), number=2)
    assert (await api.get(f"/api/v1/units/{UNIT}"))["case"]["reason"] == "NotFound"
    await api.events(unpairing(9), number=3)
    case = await api.get(f"{PATH}/{case['caseId']}")
    assert (case["state"], case["resolvedBy"], case["resolvedAt"]) == ("resolved", "unpaired", time_text(minute(9)))


async def test_named_assets_are_candidates(api: Api) -> None:
    """What Datahub named is listed, though the registry holds no such asset."""
    await api.events(split(0))
    (case,) = await api.items(PATH)
    assert [(one["assetId"], one["named"], one["tier"], one["score"], one["registryAssetId"]) for one in case["candidates"]] == [
        (A, True, "named", 0.0, None),
        (B, True, "named", 0.0, None),
    ]
    assert case["suggestion"] is None


async def test_lists_are_filtered_and_paged(api: Api) -> None:
    """Newest first, in any state, of one reason or unit; a client sees its organization's, one of all sees everything."""
    await api.events(
        failure(0, "tp:1"),
        failure(1, "tp:1"),
        pairing(2, A, "tp:1"),
        failure(3, "tp:1", reason="Unknown"),
        failure(4, "tp:2"),
        split(5),
        failure(6, "tp:1", OTHER),
    )
    await ask(api, id_of(4, "tp:2"), "dismiss")
    split_id, others = (await ids(api, unitId="tp:3"))[0], id_of(6, "tp:1", OTHER)
    unknown = id_of(3, "tp:1", reason="Unknown")
    for limit in (1, 2, 100):
        assert await ids(api, limit=limit) == [others, split_id, id_of(4, "tp:2"), unknown, id_of(0, "tp:1")]
        own = await api.credentials(ORGANIZATION)
        assert await ids(api, own, limit=limit) == [split_id, id_of(4, "tp:2"), unknown, id_of(0, "tp:1")]
    assert await ids(api, unitId="tp:1", organizationId=ORGANIZATION) == [unknown, id_of(0, "tp:1")]
    assert await ids(api, state="resolved") == [id_of(0, "tp:1")]
    assert await ids(api, state="dismissed") == [id_of(4, "tp:2")]
    assert await ids(api, state="escalated", limit=1) == [others, split_id, unknown]
    assert await ids(api, state="open") == []
    assert await ids(api, reason="Unknown") == [unknown]
    assert await ids(api, reason="MultipleMatchFound", state="escalated") == [split_id]
    await api.refused(404, f"{PATH}/{others}", await api.credentials(ORGANIZATION))


async def test_any_failure_finds_the_case(api: Api) -> None:
    """The id that any failure in it would give finds a case, also after a late failure or a void one changed its own id."""
    await api.events(failure(5), failure(9))
    assert (await api.get(f"{PATH}/{id_of(9)}"))["caseId"] == id_of(5)
    await api.events(failure(1), number=2)
    assert (await api.get(f"{PATH}/{id_of(5)}"))["caseId"] == id_of(1)
    void = {"kind": "void", "eventKey": event_key(ORGANIZATION, UNIT, "failed", minute(1), ("NotFound", "F3A000001"))}
    await api.ask("/api/v1/pairings/assertions", method="POST", json=void)
    assert (await api.get(f"{PATH}/{id_of(9)}"))["caseId"] == id_of(5)
    await api.refused(404, f"{PATH}/{id_of(1)}")
    removed = [change for change in (await api.get("/api/v1/changes"))["items"] if change["type"] == "case.removed"]
    assert [(change["data"]["caseId"], change["data"]["mergedInto"]) for change in removed] == [
        (id_of(5), id_of(1)),
        (id_of(1), id_of(5)),
    ]


async def test_dismiss_reopen_and_note(api: Api) -> None:
    """The author is the client, texts are notes, the state follows, and a body can be left out where it says nothing."""
    await api.events(failure(0))
    client = await api.client(ORGANIZATION, "ops")
    ops = basic(client.client_id, client.client_secret)
    now = time_text(NOW_US)
    case = await ask(api, id_of(0), "notes", ops, json={"text": "asked the depot"})
    assert case["notes"] == [{"text": "asked the depot", "author": client.client_id, "at": now}]
    case = await ask(api, id_of(0), "dismiss", ops)
    assert (case["state"], case["resolvedBy"], case["resolvedAt"]) == ("dismissed", "dismissed", now)
    assert (await api.get(f"/api/v1/units/{UNIT}"))["state"] == "unpaired"
    assert (await api.get(f"/api/v1/units/{UNIT}"))["case"] is None
    assert await api.items("/api/v1/units", state="unmatched") == []
    case = await ask(api, id_of(0), "reopen", ops, json={"text": "it left"})
    assert (case["state"], case["resolvedBy"], case["resolvedAt"]) == ("escalated", None, None)
    assert [note["text"] for note in case["notes"]] == ["asked the depot", "it left"]
    assert [unit["unitId"] for unit in await api.items("/api/v1/units", state="unmatched")] == [UNIT]
    assert case == await api.get(f"{PATH}/{id_of(0)}")
    types = [change["type"] for change in (await api.get("/api/v1/changes"))["items"]]
    assert types == ["case.opened", "case.updated", "case.dismissed", "case.reopened"]


async def test_another_way_of_failing_reopens(api: Api) -> None:
    """A dismissed case that fails for another reason is open again, and told to be."""
    await api.events(failure(0))
    await ask(api, id_of(0), "dismiss")
    await api.events(failure(5), number=2)
    assert (await api.get(f"{PATH}/{id_of(0)}"))["state"] == "dismissed"
    await api.events(failure(9, reason="Unknown"), number=3)
    assert (await api.get(f"{PATH}/{id_of(0)}"))["state"] == "escalated"
    assert [change["type"] for change in (await api.get("/api/v1/changes"))["items"]][-1] == "case.reopened"


@pytest.mark.parametrize("what", ["dismiss", "reopen"])
async def test_a_resolved_case_is_not_decided_on(api: Api, what: str) -> None:
    """409 for a decision on what is resolved; a note on it is taken."""
    await api.events(failure(0), pairing(5))
    await api.refused(409, f"{PATH}/{id_of(0)}/{what}", method="POST")
    assert (await ask(api, id_of(0), "notes", json={"text": "by hand"}))["state"] == "resolved"


async def test_what_is_refused(api: Api) -> None:
    """Unknown cases, missing scopes, empty notes, what is no JSON, and states that there aren't."""
    await api.events(failure(0))
    path = f"{PATH}/{id_of(0)}"
    for what in ("dismiss", "reopen", "notes"):
        await api.refused(404, f"{PATH}/case_0/{what}", method="POST", json={"text": "x"})
        await api.refused(404, f"{path}/{what}", await api.credentials(OTHER, "ops"), method="POST", json={"text": "x"})
        await api.refused(403, f"{path}/{what}", await api.credentials(ORGANIZATION, "read"), method="POST", json={"text": "x"})
        await api.refused(405, f"{path}/{what}")
        await api.refused(415, f"{path}/{what}", method="POST", content=b"text")
        await api.refused(400, f"{path}/{what}", method="POST", json={"text": "x" * 4001})
        await api.refused(400, f"{path}/{what}", method="POST", json={"note": "x"})
    await api.refused(400, f"{path}/notes", method="POST", json={"text": ""})
    await api.refused(415, f"{path}/notes", method="POST")
    assert (await api.refused(400, f"{PATH}?state=closed"))["errors"][0]["path"] == "state"
    assert (await api.refused(400, f"{PATH}?reason=Other"))["errors"][0]["path"] == "reason"
    assert (await api.refused(400, f"{PATH}?cursor=x"))["errors"][0]["path"] == "cursor"
    await api.refused(404, f"{PATH}/case_0")

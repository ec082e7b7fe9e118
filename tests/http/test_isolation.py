"""No operation shows a client anything of another organization, whichever of its ids the client knows."""

import itertools
import re
from typing import Any

import msgspec

from tests.support.api import Api
from tests.support.facts import ORGANIZATION, B
from tests.support.store import OTHER, failure, pairing

METHODS = ("get", "post", "put", "patch", "delete")


async def ids_of(api: Api, organization_id: str) -> dict[str, list[str]]:
    """The parameters of paths with the ids of everything that an organization has."""
    ids = {
        name: [item[name] for item in await api.all_items(path, organizationId=organization_id) if item[name]]
        for name, path in (
            ("unitId", "/api/v1/units"),
            ("pairingId", "/api/v1/pairings"),
            ("eventKey", "/api/v1/events"),
            ("batchId", "/api/v1/batches"),
            ("caseId", "/api/v1/cases"),
            ("quarantineId", "/api/v1/quarantine"),
        )
    }
    assert all(ids.values()), ids
    return ids | {"ref": [B]}


def said(body: bytes) -> str:
    """What an answer says, without the address that was asked for, which a problem repeats."""
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode()
    if isinstance(value, dict) and "requestId" in value:
        value = {name: item for name, item in value.items() if name not in {"instance", "error", "detail"}}
    return msgspec.json.encode(value).decode()


async def test_every_operation_is_blind_to_another_organization(api: Api) -> None:
    """Asked with every id of the other's, by every method, with every scope: not one of them comes back, and nothing fails."""
    bad: dict[str, Any] = {
        "eventType": "unit.paired",
        "eventVersion": 2,
        "eventData": {"organizationId": OTHER, "unitId": "tp:9"},
    }
    await api.events(pairing(1, unit_id="tp:1"), pairing(1, B, "tp:7", OTHER), bad, number=1)
    await api.events(pairing(1, B, "tp:8", OTHER), failure(2, "tp:9", OTHER), bad, number=2)
    theirs = await ids_of(api, OTHER)
    own = await api.credentials(ORGANIZATION, "read", "sync", "ops", "admin")
    # A batch that brought events of both is a batch of both; each sees its part of it.
    (shared,) = await api.items("/api/v1/batches", own)
    assert shared["received"] == 1
    theirs["batchId"].remove(shared["batchId"])
    hidden = {OTHER, *itertools.chain.from_iterable(theirs.values())} - {None}
    paths = (await api.get("/openapi.json"))["paths"]
    asked = 0
    for path, item in paths.items():
        names = re.findall(r"\{(\w+)\}", path)
        if not path.startswith("/api/") or not set(names) <= set(theirs):
            continue
        for values in itertools.product(*(theirs[name] for name in names)):
            address = path.format(**dict(zip(names, values, strict=True)))
            for method in (method for method in METHODS if method in item):
                answer = await api.ask(address, own, method.upper(), json={} if method in {"post", "put", "patch"} else None)
                asked += 1
                assert answer.status_code < 500, (method, address, answer.text)
                assert [text for text in hidden if text in said(answer.content)] == [], (method, address, answer.text)
                assert not names or answer.status_code in {400, 404}, (method, address, answer.text)
    assert asked > 30
    # Not a thing of theirs was touched by any of these requests.
    theirs["batchId"].append(shared["batchId"])
    assert await ids_of(api, OTHER) == theirs
    assert {entry["state"] for entry in await api.items("/api/v1/quarantine", organizationId=OTHER)} == {"waiting"}

"""No operation shows a client anything of another organization, or touches it, whichever of its ids the client knows.

Every operation of the description stands in one of the tables here: one that is added without an entry fails the test.
"""

import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest_asyncio

from fixtures.providers import example_server
from receiver.secret import Secret
from receiver.settings import Settings
from tests.alerts.test_dead_letters import make_dead
from tests.http.test_api_changes import streaming
from tests.support.api import OPERATOR_SECRET, Api, Headers, running_api
from tests.support.facts import ORGANIZATION
from tests.support.patching import accepted, worker
from tests.support.registry import RegistryApi
from tests.support.serving import serving
from tests.support.store import OTHER, failure, pairing

SCOPES = ("read", "sync", "ops", "admin")
UNIT, LOST, DATAHUB_ASSET = "tp:777000111222", "tp:777000333444", "7bca3b72-e006-4cea-bfaa-f5a4dcf3a777"
NAMES = {"type": "Their type", "site": "THEIR-SITE", "meter": "THEIR_METER", "field": "their field", "missing": "THEIR_MISSING"}
EXTERNAL_ID, VIN, NOON = "THEIR-ASSET", "WDB9634031L738777", "2025-05-13T12:00:00Z"

# What is asked for needs no organization, and says nothing of any.
OF_NO_ORGANIZATION = {
    "POST /api/v1/auth/token": "a token for whoever has the client's own secret",
    "GET /openapi.json": "the description of the interface",
    "GET /docs": "the same for people",
    "POST /webhooks/datahub/{subscription}": "deliveries prove themselves by a subscription's secret, not as a client",
    "GET /healthz": "the process",
    "GET /readyz": "the process and its store",
    "GET /metrics": "counts of the whole service, for its host alone",
}
# What the parameter of a path is called among the ids below, where that isn't its own name.
PARAMETERS = {
    "/api/v1/asset-types/{name}": {"name": "type"},
    "/api/v1/sites/{code}": {"code": "site"},
    "/api/v1/meters/{code}": {"code": "meter"},
    "/api/v1/custom-fields/{name}": {"name": "field"},
    "/api/v1/assets/{ref}/meters/{code}": {"code": "meter"},
    "/api/v1/leases/assets/bulkpatches/{id}": {"id": "jobId"},
}
# These make a thing of the client's own organization under the same name.
MAKES_ITS_OWN = {
    "PUT /api/v1/asset-types/{name}",
    "PUT /api/v1/sites/{code}",
    "PUT /api/v1/meters/{code}",
    "PUT /api/v1/custom-fields/{name}",
}
# Operations without a parameter in their path find what they touch by their body; {…} is one of the ids below.
BODIES: dict[str, object] = {
    "PUT /api/v1/meters/{code}": {"name": "Mine", "unit": "M"},
    "POST /api/v1/cases/{caseId}/notes": {"text": "a note"},
    "POST /api/v1/pairings/assertions": {"kind": "void", "eventKey": "{eventKey}"},
    "POST /api/v1/vin/match": {"vin": "{vin}"},
    "POST /api/v1/quarantine/reprocess": {"path": "$.eventsData[1].eventData"},
    "POST /api/v1/alerts/dead-letters/resend": {"messageIds": ["{messageId}"]},
    "PATCH /api/v1/leases/assets": [{"assetId": "{leaseAssetId}", "serialNumber": "mine"}],
    "POST /api/v1/assets/sync": {"assets": [{"externalAssetId": "{externalAssetId}", "name": "Mine"}]},
    "POST /api/v1/readings/by-unit": {
        "readings": [{"unitId": "{unitId}", "meterCode": "{meter}", "value": 9, "unit": "KM", "recordedAt": NOON}]
    },
    "POST /api/v1/missing-meters/replay": {"meterCode": "{missing}"},
}
Ids = dict[str, list[Any]]


@pytest_asyncio.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The API, with a provider that belongs to the other organization."""
    example = Path(example_server.__file__).with_name("fleetwatt.toml").read_text()
    (tmp_path / "providers").mkdir()
    definition = re.sub(r'(?m)^organization = ".*"$', f'organization = "{OTHER}"', example)
    (tmp_path / "providers" / "fleetwatt.toml").write_text(definition)
    settings = Settings(
        operator_secret=Secret(OPERATOR_SECRET),
        providers_folder=str(tmp_path / "providers"),
        providers_environment="staging",
    )
    async with running_api(database_url, settings) as running:
        yield running


async def fill(api: Api, headers: Headers) -> Ids:
    """Give the other organization something of everything; the ids and names of it all."""
    registry = RegistryApi(api, headers)
    await registry.put(f"asset-types/{quote(NAMES['type'])}")
    await registry.put(f"sites/{NAMES['site']}", {"name": "Their site"})
    await registry.put(f"meters/{NAMES['meter']}", {"name": "Odometer", "unit": "KM"})
    await registry.put(f"custom-fields/{quote(NAMES['field'])}")
    meters = [{"meterCode": code, "currentReading": {"value": 7, "unit": "KM", "recordedAt": NOON}} for code in NAMES.values()]
    fields = {"assetTypeName": NAMES["type"], "siteCode": NAMES["site"], "serial": VIN, "customFields": {NAMES["field"]: "x"}}
    kept = await registry.put_asset(externalAssetId=EXTERNAL_ID, name="Their pump", meters=meters, **fields)
    bad = {"eventType": "unit.paired", "eventVersion": 2, "eventData": {"organizationId": OTHER, "unitId": UNIT}}
    await api.events(pairing(1, DATAHUB_ASSET, UNIT, OTHER), bad, failure(2, LOST, OTHER), number=2)
    waiting = {"unitId": LOST, "meterCode": NAMES["meter"], "value": 5, "unit": "KM", "recordedAt": NOON}
    await registry.post("readings/by-unit", {"readings": [waiting]})
    await make_dead(api.store, "ops")
    lease_id = (await registry.get(f"assets/{EXTERNAL_ID}"))["leaseAssetId"]
    job = await accepted(api, [{"assetId": lease_id, "orderNumber": "their order"}], headers, OTHER)
    await _work(api)
    run = await registry.post("providers/fleetwatt/runs", status=202)

    async def listed(path: str, name: str) -> list[str]:
        found = [item[name] for item in await registry.items(path)]
        assert found, path
        return found

    return {
        "unitId": await listed("units", "unitId"),
        "pairingId": await listed("pairings", "pairingId"),
        "eventKey": await listed("events?outcome=applied", "eventKey"),
        "batchId": await listed("batches", "batchId"),
        "caseId": await listed("cases", "caseId"),
        "quarantineId": await listed("quarantine", "quarantineId"),
        "missingMeterId": await listed("missing-meters", "missingMeterId"),
        "messageId": await listed("alerts/dead-letters", "messageId"),
        "ref": [kept["assetId"], EXTERNAL_ID],
        "registryAssetId": [kept["assetId"]],
        "externalAssetId": [EXTERNAL_ID],
        "leaseAssetId": [lease_id],
        "uuid": [DATAHUB_ASSET],
        "assetId": [DATAHUB_ASSET],
        "datahubAssetId": [DATAHUB_ASSET],
        "vin": [VIN],
        "jobId": [job["id"]],
        "provider": ["fleetwatt"],
        "runId": [run["runId"]],
        "organizationId": [OTHER],
        **{name: [value] for name, value in NAMES.items()},
    }


async def _work(api: Api) -> None:
    busy = worker(api)
    while await busy.work():
        pass


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path and description: what reads, then what touches a thing, then what can make one of the client's own."""
    found = [(method.upper(), path, it) for path, item in described["paths"].items() for method, it in item.items()]
    return iter(sorted(found, key=lambda it: (it[0] != "GET", "{" not in it[1], f"{it[0]} {it[1]}" in MAKES_ITS_OWN)))


def ids_for(path: str, name: str, ids: Ids) -> list[Any]:
    """The other's ids that a parameter of a path can have."""
    if path == "/api/v1/assets/{ref}/pairings":
        return ids["datahubAssetId"] + ids["registryAssetId"]
    other = next((names for prefix, names in PARAMETERS.items() if path.startswith(prefix) and name in names), {name: name})
    return ids[other[name]]


def requests(method: str, path: str, operation: dict[str, Any], ids: Ids) -> Iterator[tuple[str, bytes | None]]:
    """Every address with the other's ids, with each filter that takes one, and the body that names them."""
    names = re.findall(r"\{(\w+)\}", path)
    content = None
    if method in {"POST", "PUT", "PATCH"}:
        text = json.dumps(BODIES.get(f"{method} {path}", {}))
        text = text.replace('"{leaseAssetId}"', str(ids["leaseAssetId"][0]))
        content = re.sub(r"\{(\w+)\}", lambda found: str(ids[found[1]][0]), text).encode()
    filters = [one["name"] for one in operation["parameters"] if one["in"] == "query" and one["name"] in ids]
    for values in itertools.product(*(ids_for(path, name, ids) for name in names)):
        address = path.format(**{name: quote(str(value), safe="") for name, value in zip(names, values, strict=True)})
        yield address, content
        for name in filters if method == "GET" else ():
            yield f"{address}?{name}={quote(str(ids[name][0]))}", content


async def ask(api: Api, headers: Headers, method: str, address: str, content: bytes | None) -> httpx2.Response:
    """The answer to a request with this body, or with none."""
    typed = headers if content is None else headers | {"Content-Type": "application/json"}
    return await api.ask(address, typed, method, content=content)


async def everything(api: Api, headers: Headers, described: dict[str, Any], ids: Ids) -> dict[str, str]:
    """All that a client can read, by address."""
    seen = {}
    for method, path, operation in operations(described):
        if method == "GET" and f"GET {path}" not in OF_NO_ORGANIZATION:
            for address, _ in requests(method, path, operation, ids):
                answer = await api.ask(address, headers)
                assert answer.status_code == 200, (address, answer.text)
                seen[address] = answer.text
    return seen


async def test_every_operation_is_blind_to_another_organization(api: Api) -> None:
    """Asked with every id of the other's, with every scope: nothing of it comes back, nothing of it changes, nothing fails.

    What one thing is called by is 404, as if there were none; the same request by a client of that organization finds it.
    """
    theirs = await api.credentials(OTHER, *SCOPES)
    own = await api.credentials(ORGANIZATION, *SCOPES)
    ids = await fill(api, theirs)
    # A batch that brought events of both is a batch of both; each sees its part of it.
    shared = [batch["batchId"] for batch in await api.items("/api/v1/batches", own)]
    ids["batchId"] = [batch for batch in ids["batchId"] if batch not in shared]
    described = await api.get("/openapi.json")
    all_of_them = {f"{method} {path}" for method, path, _ in operations(described)}
    assert set(OF_NO_ORGANIZATION) | set(BODIES) | MAKES_ITS_OWN <= all_of_them
    by_body = {name for name in all_of_them if "{" not in name and not name.startswith("GET")}
    assert by_body <= set(BODIES) | set(OF_NO_ORGANIZATION), "an operation whose body names nothing of the other's"
    hidden = {str(value) for name, found in ids.items() if name not in {"leaseAssetId", "jobId"} for value in found}
    hidden |= {"Their pump", "Their site", "their order"}
    before = await everything(api, theirs, described, ids)
    assert not [text for text in hidden if not any(text in seen for seen in before.values())]
    asked = set()
    for method, path, operation in operations(described):
        name = f"{method} {path}"
        if name in OF_NO_ORGANIZATION:
            continue
        for address, content in requests(method, path, operation, ids):
            answer = await ask(api, own, method, address, content)
            known = f"{address} {address.replace('%20', ' ').replace('%3A', ':')} {(content or b'').decode()}"
            leaked = [text for text in hidden if text in answer.text and text not in known]
            assert leaked == [], (name, address, answer.text)
            if name in MAKES_ITS_OWN:
                assert answer.status_code == 201, (name, address, answer.text)
            elif "{" in path:
                assert answer.status_code == 404, (name, address, answer.text)
            else:
                assert answer.status_code in {200, 201, 202, 404}, (name, address, answer.text)
            asked.add(name)
    assert asked == all_of_them - set(OF_NO_ORGANIZATION)
    await _work(api)
    assert await everything(api, theirs, described, ids) == before
    await RegistryApi(api, theirs).put(f"meters/{NAMES['missing']}", {"name": "No longer missing", "unit": "KM"})
    for method, path, operation in operations(described):
        if method != "GET" and f"{method} {path}" not in OF_NO_ORGANIZATION:
            for address, content in itertools.islice(requests(method, path, operation, ids), 1):
                answer = await ask(api, theirs, method, address, content)
                assert answer.status_code != 404, (method, address, answer.text)
                assert answer.status_code < 500, (method, address, answer.text)


async def test_a_stream_tells_nothing_of_another_organization(api: Api) -> None:
    """Server-Sent Events, from the beginning and behind a cursor of the other's, bring what is the client's own alone."""
    await api.events(pairing(1, DATAHUB_ASSET, UNIT, OTHER), number=1)
    theirs = (await api.get("/api/v1/changes", await api.credentials(OTHER)))["items"][-1]["cursor"]
    own = await api.credentials(ORGANIZATION)
    async with serving(api.app) as address:
        for start in ({}, {"Last-Event-ID": theirs}):
            async with streaming(api, address, own | start) as stream:
                await api.events(failure(2, LOST, OTHER), number=2)
                await api.events(pairing(3), number=3)
                _, told = await stream.event()
                assert told["data"]["organizationId"] == ORGANIZATION

"""The OpenAPI description: all of the API is in it, and it says what the answers hold."""

import re
from typing import Any

import msgspec
from starlette.routing import Route

from receiver.api.docs import render
from receiver.api.openapi import document, operations_of, plain_path
from receiver.api.operation import Resource
from receiver.api.routes import all_routes
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, A, B
from tests.support.json_schema import faults, references
from tests.support.patching import accepted, entries, finished
from tests.support.store import failure, pairing, unpairing


def test_every_route_is_described() -> None:
    """Each method of each route is in the description, with the parameters of its path, under an id of its own."""
    routes = all_routes()
    described = document(operations_of(routes))
    ids = [operation.get("operationId") for path in described["paths"].values() for operation in path.values()]
    assert len({name for name in ids if name}) == len([name for name in ids if name])
    seen = 0
    for route in routes:
        assert isinstance(route, Route)
        assert isinstance(route.endpoint, Resource)
        for method in route.endpoint.operations:
            if method == "HEAD":
                continue
            seen += 1
            operation = described["paths"][plain_path(route.path)][method.lower()]
            in_path = [parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "path"]
            assert in_path == re.findall(r"\{(\w+)", route.path)
    assert seen == len([name for name in ids if name])


def test_every_reference_leads_somewhere() -> None:
    """What is referred to is among the components, and all of them are referred to."""
    described = document(operations_of(all_routes()))
    names = {reference.removeprefix("#/components/schemas/") for reference in references(described)}
    assert names == set(described["components"]["schemas"])


# Reference data is one organization's.
ONE_ORGANIZATION = ("/api/v1/asset-types", "/api/v1/sites", "/api/v1/meters", "/api/v1/custom-fields")
REFERENCES: dict[str, dict[str, str]] = {
    "/api/v1/meters/KM": {"name": "Odometer", "unit": "KM"},
    "/api/v1/sites/KM": {},
    "/api/v1/asset-types/KM": {},
    "/api/v1/custom-fields/KM": {},
}


async def test_answers_are_what_is_described(api: Api) -> None:
    """What the service answers fits the schema of its operation, field by field, and so do its problems."""
    described = await api.get("/openapi.json")
    assert described["openapi"].startswith("3.1")
    await api.events(pairing(1), unpairing(2), pairing(3, B), failure(4, "tp:2"), {"eventType": "unit.paired", "eventVersion": 1})
    event = (await api.items("/api/v1/events", outcome="applied"))[0]["eventKey"]
    batch = (await api.items("/api/v1/batches"))[0]["batchId"]
    entry = (await api.items("/api/v1/quarantine"))[0]["quarantineId"]
    paired = (await api.items("/api/v1/pairings"))[0]["pairingId"]
    case = (await api.items("/api/v1/cases"))[0]["caseId"]
    job = (await finished(api, await accepted(api, entries([1]))))["id"]
    values = {
        "id": job,
        "caseId": case,
        "unitId": UNIT,
        "ref": A,
        "pairingId": paired,
        "eventKey": event,
        "batchId": batch,
        "quarantineId": entry,
        "code": "KM",
        "name": "KM",
    }
    client = await api.credentials(ORGANIZATION, "read", "admin", "ops", "sync")
    for path, body in REFERENCES.items():
        put = await api.ask(path, client, method="PUT", json=body)
        assert put.status_code < 300, put.text
    compared = 0
    for path, methods in described["paths"].items():
        # What is pulled needs somebody to pull from: tests/pull looks at those answers.
        if "get" not in methods or not path.startswith("/api/") or "{provider}" in path:
            continue
        answer = await api.ask(path.format(**values), client if path.startswith(ONE_ORGANIZATION) else None)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        content = methods["get"]["responses"]["200"]["content"]
        media_type = answer.headers["content-type"].partition(";")[0]
        assert media_type in content
        if media_type == "application/json":
            compared += 1
            schema = content[media_type]["schema"]
            assert list(faults(schema, answer.json(), described["components"]["schemas"])) == []
    assert compared >= 12
    problem = await api.refused(400, "/api/v1/units?limit=0")
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    assert list(faults(schema, problem, described["components"]["schemas"])) == []


async def test_the_description_is_for_clients(api: Api) -> None:
    """The description needs credentials like everything else, and is the same every time."""
    await api.refused(401, "/openapi.json", {})
    await api.refused(403, "/openapi.json", await api.credentials(ORGANIZATION, "ops"))
    first = await api.ask("/openapi.json")
    assert first.content == (await api.ask("/openapi.json")).content
    assert msgspec.json.decode(first.content)["info"]["title"] == "drawbar"


async def test_the_page_for_people(api: Api) -> None:
    """The page names every operation and schema, links within itself, and loads nothing."""
    answer = await api.ask("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    described = await api.get("/openapi.json")
    for path, methods in described["paths"].items():
        for method in methods:
            assert f">{method.upper()} {path}</h2>" in answer.text
    ids = set(re.findall(r' id="([^"]+)"', answer.text))
    links = set(re.findall(r' href="([^"]+)"', answer.text))
    assert {link.removeprefix("#") for link in links - {"/openapi.json"}} <= ids
    assert not re.search(r"<script|<link|<img|src=|https?:", answer.text)
    assert (await api.ask("/docs", {})).status_code == 401


def test_text_in_the_page_is_text() -> None:
    """Whatever a description holds, it is shown and does nothing."""
    operation = {"summary": "<b>", "description": "`<i>`", "parameters": [], "responses": {"200": {"description": "&<"}}}
    page = render(
        {"info": {"title": "<t>", "version": "1"}, "paths": {"/<u>": {"get": operation}}, "components": {"schemas": {}}}
    )
    assert not any(text in page for text in ("<b>", "<i>", "<t>", "<u>"))
    assert "&lt;b&gt;" in page
    assert "<code>&lt;i&gt;</code>" in page


def test_schemas_are_checked_by_this_test() -> None:
    """The comparison above finds what is missing, too much, or of another type."""
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}, "b": {"anyOf": [{"type": "null"}]}}}
    assert list(faults(schema, {"a": "x", "b": None}, {})) == []
    wrongs: list[Any] = [{}, {"a": 1}, {"a": "x", "b": 1}, {"a": "x", "c": 1}, []]
    for wrong in wrongs:
        assert list(faults(schema, wrong, {}))

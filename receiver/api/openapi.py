"""`/openapi.json` and `/docs`: OpenAPI 3.1, made from the table of operations and the types of their messages."""

import importlib.metadata
import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct, field
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from handlers.queries.lists import Filter
from receiver.api.docs import CONTENT_SECURITY_POLICY, render
from receiver.api.operation import JSON, Call, Operation, Resource, json_response
from receiver.api.problems import CONTENT_TYPE as PROBLEM_JSON
from schemas.decimals import Number
from schemas.errors import Problem
from schemas.events import Envelope

Schema = dict[str, Any]
_PATH_PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
_DESCRIBED = {
    400: "The request is malformed; `errors` names the places.",
    401: "There are no credentials, or wrong ones.",
    403: "The client lacks the scope.",
    404: "There is no such thing, or it belongs to another organization.",
    405: "The method is not possible here; `Allow` names those that are.",
    409: "The request contradicts what is stored.",
    413: "The body is too large.",
    415: "The body has another type than JSON.",
    429: "More requests than the client may make in a minute; `Retry-After` says how long to wait.",
    503: "The store can't take or give anything now; `Retry-After` says how long to wait.",
}


class ProblemDetails(Struct, frozen=True, rename="camel"):
    """Problem details (RFC 9457), with the message in one line, the request's id, and the places that are wrong."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    error: str
    request_id: str
    errors: tuple[Problem, ...] = field(default=())


class OutsideOperation(Struct, frozen=True):
    """What is answered by others than the API, and described with it."""

    method: str
    path: str
    summary: str
    answers: dict[str, str]
    statuses: tuple[int, ...] = ()
    body: Any = None


OUTSIDE = (
    OutsideOperation(
        "POST",
        "/webhooks/datahub/{subscription}",
        "A signed delivery from Datahub",
        {JSON: "The delivery is kept; what became of its events."},
        (400, 401, 404, 413, 415, 503),
        Envelope,
    ),
    OutsideOperation("GET", "/healthz", "Whether the process answers", {JSON: "It does."}),
    OutsideOperation("GET", "/readyz", "Whether the service can take deliveries", {JSON: "It can."}, (503,)),
    OutsideOperation(
        "GET", "/metrics", "Metrics, for this host alone unless set otherwise", {"text/plain": "Prometheus' format."}, (403,)
    ),
)


def document(operations: Sequence[Operation]) -> Schema:
    """The OpenAPI description of operations, and of what is outside the API."""
    types: list[Any] = [ProblemDetails]
    types += [kind for operation in operations for kind in (operation.answer, operation.body) if kind is not None]
    types += [outside.body for outside in OUTSIDE if outside.body is not None]
    unique = list(dict.fromkeys(types))
    references, components = msgspec.json.schema_components(
        unique, schema_hook=_exact_number, ref_template="#/components/schemas/{name}"
    )
    schemas = dict(zip(unique, references, strict=True))
    paths: dict[str, Schema] = {}
    for operation in operations:
        paths.setdefault(plain_path(operation.path), {})[operation.method.lower()] = _described(operation, schemas)
    for outside in OUTSIDE:
        paths.setdefault(outside.path, {})[outside.method.lower()] = _outside(outside, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "drawbar", "version": importlib.metadata.version("drawbar")},
        "security": [{"basic": []}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "A client's id and secret."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `POST /api/v1/auth/token`."},
            },
        },
    }


def _exact_number(kind: type) -> Schema:
    """The schema of an exact decimal, the only type of a message that is of our own make."""
    if kind is Number:
        return {"type": "number"}
    raise NotImplementedError(f"no schema for {kind}")


def plain_path(path: str) -> str:
    """A route's path as OpenAPI writes it."""
    return _PATH_PARAMETER.sub(r"{\1}", path)


def _described(operation: Operation, schemas: dict[Any, Schema]) -> Schema:
    content: Schema = {
        media_type: {"schema": {"type": "string", "description": text}} for media_type, text in operation.answers.items()
    }
    if operation.answer is not None:
        content = {JSON: {"schema": schemas[operation.answer]}} | content
    statuses = [400, 429, 503] if operation.scope is None else [400, 401, 403, 404, 429, 503]
    if operation.method != "GET":
        statuses += [409] if operation.scope else [401, 413, 415]
    described: Schema = {
        "operationId": operation.name or operation.handler.__name__,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation.path), *_query_parameters(operation)],
        "responses": {str(operation.status): {"description": "Done.", "content": content}, **_problems(statuses, schemas)},
    }
    if operation.scope is None:
        described["security"] = []
    else:
        described["description"] = f"Needs the scope {' or '.join(f'`{scope}`' for scope in sorted(operation.scopes))}."
    if operation.body is not None:
        described["requestBody"] = {"content": {JSON: {"schema": schemas[operation.body]}}, "required": operation.scope is None}
    return described


def _outside(outside: OutsideOperation, schemas: dict[Any, Schema]) -> Schema:
    content: Schema = {media_type: {"schema": {}} for media_type in outside.answers}
    described: Schema = {
        "summary": outside.summary,
        "parameters": _path_parameters(outside.path),
        "responses": {
            "200": {"description": " ".join(outside.answers.values()), "content": content},
            **_problems(outside.statuses, schemas),
        },
        "security": [],
    }
    if outside.body is not None:
        described["requestBody"] = {"content": {JSON: {"schema": schemas[outside.body]}}, "required": True}
    return described


def _path_parameters(path: str) -> list[Schema]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in _PATH_PARAMETER.findall(path)
    ]


def _query_parameters(operation: Operation) -> list[Schema]:
    return [
        {"name": parameter.name, "in": "query", "description": parameter.description, "schema": parameter.schema}
        for parameter in operation.reader.parameters.values()
    ]


def _problems(statuses: Sequence[int], schemas: dict[Any, Schema]) -> dict[str, Schema]:
    content = {PROBLEM_JSON: {"schema": schemas[ProblemDetails]}}
    return {str(status): {"description": _DESCRIBED[status], "content": content} for status in sorted(set(statuses))}


async def openapi(call: Call, _: Filter) -> Response:
    """The description of all operations of the application, whatever they are."""
    return json_response(_described_once(call))


async def docs(call: Call, _: Filter) -> Response:
    """The same as a page for people."""
    headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(render(_described_once(call)), media_type="text/html", headers=headers)


def _described_once(call: Call) -> Schema:
    state = call.request.app.state
    if not hasattr(state, "openapi"):
        state.openapi = document(operations_of(call.request.app.routes))
    described: Schema = state.openapi
    return described


def operations_of(routes: Sequence[BaseRoute]) -> list[Operation]:
    """The operations behind routes, each once."""
    resources = [route.endpoint for route in routes if isinstance(route, Route) and isinstance(route.endpoint, Resource)]
    return [operation for resource in resources for method, operation in resource.operations.items() if method != "HEAD"]


OPERATIONS = (
    Operation("GET", "/openapi.json", openapi, "This description", answer=dict[str, Any]),
    Operation("GET", "/docs", docs, "This description as a page", answers={"text/html": "The page."}),
)

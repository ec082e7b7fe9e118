"""Every error has the one shape of RFC 9457 with its two members more."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from receiver.api import problems
from receiver.middleware import RequestContext
from schemas.errors import ConflictError, DrawbarError, InvalidInputError, NotFoundError, Problem, StoreUnavailableError

MEMBERS = {"type", "title", "status", "detail", "instance", "error", "requestId"}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """What is logged is tested elsewhere."""
    with structlog.testing.capture_logs():
        yield


class _Failing:
    """Raises whatever it is given on `/fail`."""

    def __init__(self) -> None:
        self.error: Exception = RuntimeError()

    async def fail(self, _: Request) -> Response:
        raise self.error


async def _nothing(_: Request) -> Response:
    return PlainTextResponse("")


def _client(error: Exception | None = None) -> TestClient:
    failing = _Failing()
    failing.error = error or failing.error
    app = Starlette(
        routes=[
            Route("/fail", failing.fail),
            Route("/things/{name}", _nothing, methods=["GET"]),
            Route("/things/{name}", _nothing, methods=["PUT", "DELETE"]),
            Route("/things/{name}/parts", _nothing, methods=["POST"]),
            Mount("/below", routes=[Route("/x", _nothing, methods=["PATCH"])]),
        ],
        middleware=[Middleware(RequestContext)],
        exception_handlers=problems.exception_handlers(),
    )
    return TestClient(app, raise_server_exceptions=False)


def _problem(answer: httpx2.Response, status: int, path: str = "/fail") -> dict[str, Any]:
    """The answer's body, after a check of all that every problem has."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert set(body) >= MEMBERS
    assert (body["type"], body["status"], body["instance"]) == ("about:blank", status, path)
    assert body["title"]
    assert body["error"] == body["detail"]
    assert "\n" not in body["error"]
    assert body["requestId"] == answer.headers["x-request-id"]
    return body


def test_an_unknown_path_is_404() -> None:
    """What doesn't exist is a problem that names the path, without its query."""
    body = _problem(_client().get("/nowhere?secret=1"), 404, "/nowhere")
    assert set(body) == MEMBERS
    assert body["error"] == "there is nothing at this path"


def test_the_instance_is_a_uri_reference() -> None:
    """A path with spaces and other signs stands in the problem as in a URL."""
    assert _problem(_client().get("/no where/ä/tp:1"), 404, "/no%20where/%C3%A4/tp:1")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/things/x", "DELETE, GET, HEAD, PUT"),
        ("GET", "/things/x/parts", "POST"),
        ("GET", "/below/x", "PATCH"),
    ],
)
def test_a_wrong_method_is_405_with_every_allowed_one(method: str, path: str, allowed: str) -> None:
    """`Allow` names all methods of a path, also where several routes share it."""
    answer = _client().request(method, path)
    assert _problem(answer, 405, path)["error"] == f"{method} is not possible here"
    assert answer.headers["allow"] == allowed


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InvalidInputError("bad limit"), 400),
        (NotFoundError("no such unit"), 404),
        (ConflictError("in use"), 409),
        (StoreUnavailableError("the disk is full"), 503),
        (problems.bad_request("bad limit"), 400),
        (problems.unauthorized("Invalid token"), 401),
        (problems.forbidden("lacks the scope ops"), 403),
        (problems.too_large(10), 413),
        (problems.unsupported_media_type(), 415),
        (problems.too_many_requests("slow down", 7), 429),
        (problems.unavailable("shutting down"), 503),
        (HTTPException(400, "There was an error parsing the body"), 400),
        (HTTPException(499), 499),
    ],
)
def test_each_error_has_its_status(error: Exception, status: int) -> None:
    """Our own errors and the helpers give the status that the interface promises, with their message."""
    body = _problem(_client(error).get("/fail"), status)
    assert body["error"] == getattr(error, "message", getattr(error, "detail", None))
    assert set(body) == MEMBERS


@pytest.mark.parametrize(
    ("error", "name", "value"),
    [
        (problems.unauthorized("Invalid token"), "www-authenticate", problems.CHALLENGE),
        (problems.unauthorized("bad signature", "Signature"), "www-authenticate", "Signature"),
        (problems.too_large(10), "connection", "close"),
        (problems.too_many_requests("slow down", 7), "retry-after", "7"),
        (problems.too_many_requests("slow down", 7, {"X-RateLimit-Limit": "60"}), "x-ratelimit-limit", "60"),
        (problems.unavailable("shutting down"), "retry-after", "5"),
        (StoreUnavailableError("locked"), "retry-after", "5"),
        (HTTPException(401, headers={"X-Other": "kept"}), "x-other", "kept"),
    ],
)
def test_each_error_has_its_headers(error: Exception, name: str, value: str) -> None:
    """The headers that belong to a status come with it."""
    assert _client(error).get("/fail").headers[name] == value


def test_places_in_the_input_are_listed() -> None:
    """A validation problem says where each fault stands."""
    error = InvalidInputError("two faults", (Problem("$[3].location", "too long"), Problem("limit", "not a number")))
    assert _problem(_client(error).get("/fail"), 400)["errors"] == [
        {"path": "$[3].location", "message": "too long"},
        {"path": "limit", "message": "not a number"},
    ]


def test_further_members_are_added() -> None:
    """A problem can carry what else there is to say, such as the id of a quarantine entry."""
    error = problems.unauthorized("bad signature", members={"quarantineId": "q1"})
    assert _problem(_client(error).get("/fail"), 401)["quarantineId"] == "q1"


@pytest.mark.parametrize("error", [RuntimeError("inner detail"), DrawbarError("inner detail"), KeyError("inner detail")])
def test_the_unexpected_is_500_and_says_nothing(error: Exception) -> None:
    """An error that nobody handles is a problem like any other, and nothing of it gets out."""
    answer = _client(error).get("/fail")
    _problem(answer, 500)
    assert "inner detail" not in answer.text


def test_an_answer_below_400_is_no_problem() -> None:
    """An exception that stands for an ordinary answer stays one."""
    answer = _client(HTTPException(304, headers={"etag": "x"})).get("/fail")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", "x")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_can_be_quoted(message: str, place: str) -> None:
    """A message can quote whatever was sent, lone surrogates and control characters included."""
    scope = {"type": "http", "path": "/fail", "state": {"request_id": "r1"}}
    error = problems.as_problem(InvalidInputError(message, (Problem(place, message),)))
    assert error is not None
    assert b'"requestId":"r1"' in problems.problem_response(scope, error).body

"""What goes around every request: its id, its log line, and the end of a HEAD."""

import re
from collections.abc import AsyncIterator, MutableMapping
from typing import Any

import pytest
import pytest_asyncio
import structlog
from starlette.types import Message, Receive, Scope, Send

from receiver.middleware import RequestContext
from tests.support.serving import Address, serving
from tests.support.small_app import small_app

pytestmark = pytest.mark.asyncio(loop_scope="module")
Entries = list[MutableMapping[str, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[Address]:
    """Where the small application is served."""
    async with serving(small_app()) as address:
        yield address


def _get(path: str, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([b"%s %s HTTP/1.1" % (method, path.encode()), b"Host: x", *headers, b"", b""])


@pytest.mark.parametrize("given", [b"a", b"A.b_c-9", b"x" * 128])
async def test_a_valid_request_id_is_kept(address: Address, given: bytes) -> None:
    """An id that the client gives comes back in the answer and in the problem."""
    answer = await address.ask(_get("/nowhere", b"X-Request-ID: " + given))
    assert answer.headers["x-request-id"] == given.decode()
    assert b'"requestId":"%s"' % given in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (b"X-Request-Id: ",),
        (b"X-Request-Id: " + b"x" * 129,),
        (b"X-Request-Id: a b",),
        (b"X-Request-Id: \xc3\xa4",),
        (b'X-Request-Id: "><script>',),
        (b"X-Request-Id: a", b"X-Request-Id: b"),
    ],
)
async def test_else_it_is_fresh(address: Address, headers: tuple[bytes, ...]) -> None:
    """Without a valid id, each request gets one of its own."""
    ids = {(await address.ask(_get("/nowhere", *headers))).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", fresh) for fresh in ids)


async def _entries(address: Address, request: bytes) -> Entries:
    with structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as entries:
        await address.ask(request)
    return entries


async def test_a_request_is_one_line(address: Address) -> None:
    """Method, path, status, duration and id of a request are logged, and no part of its query."""
    _, entry = await _entries(address, _get("/slow?token=not-to-be-seen", b"X-Request-Id: r1"))
    assert entry.pop("duration_ms") >= 500
    assert entry == {
        "event": "http.request",
        "log_level": "info",
        "method": "GET",
        "path": "/slow",
        "status": 200,
        "request_id": "r1",
    }


@pytest.mark.parametrize("path", ["/healthz", "/metrics?x", "/webhooks/datahub/x"])
async def test_failures_of_quiet_paths_are_logged(address: Address, path: str) -> None:
    """A webhook or a probe that isn't answered as it should be is logged (here: there is none)."""
    (entry,) = await _entries(address, _get(path))
    assert entry["status"] == 404


async def _ask(middleware: RequestContext, path: str, method: str = "GET") -> list[Message]:
    """The messages of an answer to a request that has no body."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await middleware({"type": "http", "method": method, "path": path, "headers": []}, receive, send)
    return sent


async def _fine(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"fine", "more_body": False})


@pytest.mark.parametrize(
    ("path", "events"), [("/healthz", 0), ("/readyz", 0), ("/metrics", 0), ("/webhooks/datahub/default", 0), ("/api/v1/units", 1)]
)
async def test_successes_of_quiet_paths_are_not_logged(path: str, events: int) -> None:
    """What machines ask many times a second is counted elsewhere, not logged."""
    with structlog.testing.capture_logs() as entries:
        await _ask(RequestContext(_fine), path)
    assert len(entries) == events


async def test_a_failure_is_logged_with_its_traceback(address: Address) -> None:
    """What nobody handled is an error in the log, under the request's id, and the request is logged as any other."""
    failed, request = await _entries(address, _get("/broken", b"X-Request-Id: r1"))
    assert (failed["event"], failed["log_level"], failed["exc_info"]) == ("http.failed", "error", True)
    assert (request["event"], request["log_level"], request["status"]) == ("http.request", "error", 500)
    assert failed["request_id"] == request["request_id"] == "r1"


async def test_a_failure_after_the_beginning_cuts_the_answer(address: Address) -> None:
    """An answer that breaks off is not taken for a whole one: the connection ends without the last chunk."""
    with structlog.testing.capture_logs():
        async with address.connect() as connection:
            await connection.send(_get("/half-broken"))
            rest = await connection.rest()
    assert b"begin\n" in rest
    assert not rest.endswith(b"0\r\n\r\n")


async def test_nothing_stays_bound_after_a_request() -> None:
    """The id of one request is bound while it is handled, and doesn't get into the log of what comes after it."""
    bound: list[dict[str, Any]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        bound.append(structlog.contextvars.get_contextvars())
        await _fine(scope, receive, send)

    await _ask(RequestContext(app), "/healthz")
    assert [list(names) for names in bound] == [["request_id"]]
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.parametrize("path", ["/slow", "/stream", "/broken", "/nowhere"])
async def test_head_has_the_head_of_get_and_ends(address: Address, path: str) -> None:
    """HEAD is answered with status and headers alone, an endless stream included, and the connection stays usable."""
    with structlog.testing.capture_logs():
        async with address.connect() as connection:
            await connection.send(_get(path, method=b"HEAD"))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await connection.line()
            await connection.send(_get("/slow"))
            answer = await connection.answer()
    assert re.match(rb"HTTP/1.1 (200|404|500) .*x-request-id: ", head, re.DOTALL)
    assert (answer.status, answer.body) == (200, b"done")


async def test_head_sends_no_body_whatever_the_server() -> None:
    """The body of an answer to HEAD is left out here, not only by the server."""
    start, body = await _ask(RequestContext(_fine), "/x", "HEAD")
    assert (b"content-length", b"4") in start["headers"]
    assert body == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_an_id_of_the_application_is_replaced() -> None:
    """An answer has one id, which is the request's."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"X-Request-Id", b"other")]})
        await send({"type": "http.response.body"})

    start, _ = await _ask(RequestContext(app), "/x")
    assert [name for name, _ in start["headers"]] == [b"x-request-id"]


async def test_what_is_not_http_passes_through() -> None:
    """The lifespan is none of the middleware's business."""
    seen: list[str] = []

    async def app(scope: Scope, _: Receive, __: Send) -> None:
        seen.append(scope["type"])

    async def receive() -> Message:
        return {}

    async def send(_: Message) -> None:
        return

    await RequestContext(app)({"type": "lifespan"}, receive, send)
    assert seen == ["lifespan"]

"""What a hostile or broken client can send before a body, on a real socket."""

import asyncio
import time
from collections.abc import AsyncIterator

import msgspec
import pytest
import pytest_asyncio
import structlog

from receiver.limit_settings import Limits
from tests.support.serving import Address, serving
from tests.support.small_app import small_app

LIMITS = Limits(head_bytes_max=4096, head_timeout_s=1, keep_alive_s=1, graceful_timeout_s=2)
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[Address]:
    """The small application behind tight limits."""
    async with serving(small_app(), LIMITS) as address:
        yield address


async def test_two_requests_on_one_connection(address: Address) -> None:
    """A connection serves one request after another."""
    async with address.connect() as connection:
        for size in (1, 2):
            await connection.send(POST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size)
            assert b'"size":%d' % size in (await connection.answer()).body


async def test_pipelined_requests(address: Address) -> None:
    """Requests sent without waiting are answered in their order."""
    async with address.connect() as connection:
        await connection.send(b"".join(POST + b"Content-Length: %d\r\n\r\n" % size + b"x" * size for size in (1, 2, 3)))
        for size in (1, 2, 3):
            assert b'"size":%d' % size in (await connection.answer()).body


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40, id="TLS on a plain port"),
        pytest.param(b"hello\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", id="two Hosts"),
        pytest.param(POST + b"Content-Length: x\r\n\r\n", id="Content-Length is no number"),
        pytest.param(POST + b"Content-Length: -1\r\n\r\n", id="negative Content-Length"),
        pytest.param(POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", id="two Content-Lengths"),
        pytest.param(POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(POST + b"X-Header : x\r\n\r\n", id="space before a colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 5000 + b"\r\n\r\n", id="a header too large, in one piece"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 1000 + b"\r\n", id="too many headers, in one piece"),
        pytest.param(b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", id="a path too large, in one piece"),
    ],
)
async def test_bad_heads_are_refused(address: Address, request_: bytes) -> None:
    """A head that breaks the rules is answered with 400, a problem like any other that the log tells of; the connection ends."""
    with structlog.testing.capture_logs() as lines:
        async with address.connect() as connection:
            await connection.send(request_)
            answer = await connection.answer()
            assert not await connection.rest()
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.body)
    assert (problem["status"], problem["title"]) == (400, "Bad Request")
    (line,) = lines
    assert problem["requestId"] == answer.headers["x-request-id"] == line["request_id"]
    assert problem["error"] == line["error"]


@pytest.mark.parametrize("begin", [b"GET /", b"GET / HTTP/1.1\r\nHost: x\r\nX: "], ids=["path", "header"])
async def test_a_head_without_end_is_refused(address: Address, begin: bytes) -> None:
    """A head is refused as soon as it is too large, not when it has ended."""
    async with address.connect() as connection:
        await connection.send(begin, *[b"x" * 500] * 9, pause_s=0.01)
        assert (await connection.answer()).status == 400


async def test_a_large_head_within_the_limit_passes(address: Address) -> None:
    """A head of just below the limit is as good as any."""
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX: "
    assert (await address.ask(head + b"x" * (4096 - len(head) - 10) + b"\r\n\r\nxx")).status == 200


async def test_http_1_0_needs_no_host(address: Address) -> None:
    """HTTP/1.0 has no Host header, and its connection ends with the answer."""
    async with address.connect() as connection:
        await connection.send(b"POST /echo HTTP/1.0\r\nContent-Length: 2\r\n\r\nxx")
        assert (await connection.rest()).startswith(b"HTTP/1.1 200 OK")


async def _seconds_until_closed(address: Address, *pieces: bytes, pause_s: float = 0) -> float:
    async with address.connect() as connection:
        started = time.monotonic()
        sending = asyncio.create_task(connection.send(*pieces, pause_s=pause_s))
        await connection.rest()
        sending.cancel()
        return time.monotonic() - started


EMPTY = POST + b"Content-Length: 0\r\n\r\n"
SLOW = {
    "nothing": [b""],
    "half a line": [b"GET / HT"],
    "a header now and then": [b"GET / HTTP/1.1\r\nHost: x\r\n", *[b"X: x\r\n"] * 100],
    "empty lines": [b"\r\n"] * 100,
    "nothing after an answer": [EMPTY],
    "half a line after an answer": [EMPTY, b"GET", b" /"],
    "empty lines after an answer": [EMPTY, *[b"\r\n"] * 100],
}


async def test_slow_heads_end_the_connection(address: Address) -> None:
    """Whatever a client drips, a connection without a request under way ends after the time for a head."""
    seconds = await asyncio.gather(*(_seconds_until_closed(address, *pieces, pause_s=0.1) for pieces in SLOW.values()))
    assert {name: taken for name, taken in zip(SLOW, seconds, strict=True) if not 0.9 < taken < 3} == {}


@pytest.mark.parametrize(
    "body",
    [b"Content-Length: 5\r\n\r\nhello", b"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize("pieces", [1, 7])
async def test_a_request_to_upgrade_keeps_its_body(address: Address, body: bytes, pieces: int) -> None:
    """A client that would like HTTP/2 is answered in HTTP/1.1, and its body is not lost."""
    request = POST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n" + body
    size = -(-len(request) // pieces)
    async with address.connect() as connection:
        await connection.send(*(request[start : start + size] for start in range(0, len(request), size)), pause_s=0.01)
        answer = await connection.answer()
        assert answer.status == 200
        assert b'"size":5' in answer.body
        assert not await connection.rest()


async def test_a_request_to_upgrade_with_a_broken_body_is_refused(address: Address) -> None:
    """Bad chunks behind a request to upgrade are bad chunks."""
    head = POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert (await address.ask(head + b"nonsense\r\n")).status == 400

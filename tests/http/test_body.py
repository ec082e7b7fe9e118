"""Bodies of every kind, on a real socket."""

import hashlib
import json
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import structlog
from starlette.applications import Starlette
from starlette.requests import Request

from receiver.api.problems import ProblemError
from receiver.body import read_body
from receiver.lingering import LINGER_S
from tests.support.serving import Address, Answer, eventually, serving
from tests.support.small_app import BODY_LIMIT, small_app

POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


pytestmark = pytest.mark.asyncio(loop_scope="module")
APP = small_app(body_timeout_s=0.5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address() -> AsyncIterator[Address]:
    """Where an application is served that remembers each whole body, and waits half a second for one."""
    async with serving(APP) as address:
        yield address


@pytest.fixture
def app() -> Starlette:
    """This application, with no body to remember yet."""
    APP.state.bodies.clear()
    return APP


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _length(size: int) -> bytes:
    return POST + b"Content-Length: %d\r\n\r\n" % size


def _is_problem(answer: Answer, status: int) -> bool:
    body = json.loads(answer.body)
    return (answer.status, body["status"], answer.headers["content-type"]) == (status, status, "application/problem+json")


@pytest.mark.parametrize("size", [0, 1, 70_000, BODY_LIMIT])
@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies_up_to_the_limit_arrive_whole(address: Address, app: Starlette, size: int, chunked: bool) -> None:
    """A body of any size up to the limit arrives byte for byte, with a length or in chunks."""
    body = bytes(index * 31 % 256 for index in range(size))
    chunks = b"".join(_chunk(body[start : start + 999]) for start in range(0, size, 999)) + b"0\r\n\r\n"
    answer = await address.ask(CHUNKED + chunks if chunked else _length(size) + body)
    assert answer.status == 200
    assert json.loads(answer.body)["sha256"] == hashlib.sha256(body).hexdigest()
    assert app.state.bodies == [body]


async def test_an_announced_body_over_the_limit_is_refused_unread(address: Address, app: Starlette) -> None:
    """A Content-Length over the limit is 413 before a byte of the body has come, and the connection ends."""
    async with address.connect() as connection:
        await connection.send(_length(BODY_LIMIT + 1))
        answer = await connection.answer()
        assert _is_problem(answer, 413)
        assert answer.headers["connection"] == "close"
        assert not await connection.rest()
    assert app.state.bodies == []


async def test_chunks_over_the_limit_are_refused_before_their_end(address: Address, app: Starlette) -> None:
    """A body without a length is 413 as soon as it passes the limit, while it is still being sent."""
    async with address.connect() as connection:
        await connection.send(CHUNKED, *[_chunk(b"x" * 50_000)] * 3)
        answer = await connection.answer()
        assert _is_problem(answer, 413)
        assert answer.headers["connection"] == "close"
    assert app.state.bodies == []


@pytest.mark.parametrize("head", [_length(20_000_000), CHUNKED + b"1312d00\r\n"], ids=["length", "chunk"])
async def test_a_client_that_sends_on_can_read_its_413(address: Address, head: bytes) -> None:
    """A client that sends its whole body before it looks gets the answer, not a reset connection."""
    async with address.connect() as connection:
        await connection.send(head, b"x" * 20_000_000)
        assert _is_problem(await connection.answer(), 413)


async def test_a_client_that_never_stops_is_cut_off(address: Address) -> None:
    """After its 413 a client is listened to for a short time only."""
    started = time.monotonic()
    async with address.connect() as connection:
        with pytest.raises(ConnectionError):
            await connection.send(_length(2**40), *[b"x" * 1000] * 1000, pause_s=0.02)
    assert time.monotonic() - started < LINGER_S + 3


async def test_continue_is_sent_before_a_body_that_is_wanted(address: Address) -> None:
    """`Expect: 100-continue` is answered with 100, and then the body is taken."""
    async with address.connect() as connection:
        await connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await connection.line() == b"HTTP/1.1 100 Continue\r\n"
        assert await connection.line() == b"\r\n"
        await connection.send(b"xx")
        assert (await connection.answer()).status == 200


async def test_no_continue_for_a_body_that_is_too_large(address: Address) -> None:
    """`Expect: 100-continue` with a length over the limit is answered with 413 at once."""
    async with address.connect() as connection:
        await connection.send(POST + b"Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n")
        assert (await connection.answer()).status == 413


async def test_a_slow_body_arrives(address: Address) -> None:
    """A body that comes in many small pieces within its time is as good as any."""
    async with address.connect() as connection:
        await connection.send(_length(10), *[b"x"] * 10, pause_s=0.01)
        assert (await connection.answer()).status == 200


@pytest.mark.parametrize("head", [_length(10), CHUNKED + b"a\r\n"], ids=["length", "chunk"])
async def test_a_body_that_does_not_arrive_in_time_is_503(address: Address, app: Starlette, head: bytes) -> None:
    """A body that takes too long is 503 with Retry-After, since Datahub never sends again what was answered 4xx."""
    async with address.connect() as connection:
        await connection.send(head, b"x")
        answer = await connection.answer()
        assert _is_problem(answer, 503)
        assert answer.headers["retry-after"].isdigit()
        assert not await connection.rest()
    assert app.state.bodies == []


@pytest.mark.parametrize("head", [_length(10), CHUNKED + b"a\r\n"], ids=["length", "chunk"])
async def test_a_client_that_leaves_leaves_nothing(address: Address, app: Starlette, head: bytes) -> None:
    """A body that breaks off is not taken for a whole one, and is no error of ours."""
    with structlog.testing.capture_logs() as entries:
        async with address.connect() as connection:
            await connection.send(head, b"xxx", pause_s=0.05)
        await eventually(lambda: any(entry["event"] == "http.disconnected" for entry in entries))
    assert app.state.bodies == []
    assert not any(entry["log_level"] == "error" for entry in entries)


async def test_broken_chunks_are_refused(address: Address, app: Starlette) -> None:
    """A chunk whose size is no number is 400."""
    assert (await address.ask(CHUNKED + _chunk(b"x") + b"zz\r\n")).status == 400
    assert app.state.bodies == []


@pytest.mark.parametrize("lengths", [[b"x"], [b"-1"], [b"+1"], [b"1_0"], [b""], [b" 1"], [b"1", b"2"], [b"9" * 5000]])
async def test_a_bad_content_length_is_400_behind_any_server(lengths: list[bytes]) -> None:
    """A Content-Length that some other server let through is 400, never a failure of ours."""
    request = Request({"type": "http", "headers": [(b"content-length", length) for length in lengths]})
    with pytest.raises(ProblemError) as caught:
        await read_body(request, 10)
    assert caught.value.status_code == 400

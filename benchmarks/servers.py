"""What Drawbar is measured against: `python -m benchmarks.servers echo|noop|naive [DATABASE]` serves until SIGTERM.

`echo` answers each request with 200 as soon as it is complete and is no HTTP server beyond that: it shows what the load generator
can do. `noop` is Starlette as Drawbar is served, with a route that decodes a batch and one that answers a fixed JSON. `naive` is
`benchmarks.naive`, served in the same way.
"""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import naive
from benchmarks.fleet import WEBHOOK_PATH
from receiver.server import serve
from receiver.settings import Settings

NOOP_PATH = "/noop"
_ECHO = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
_ANSWER = b'{"statusCode":200,"message":"accepted"}'


class _Data(Struct, rename="camel"):
    registered_on: str
    organization_id: str
    unit_id: str
    asset_id: str | None = None
    status: str | None = None
    reason: str | None = None


class _Event(Struct, rename="camel"):
    event_type: str
    event_version: int
    event_data: _Data


class _Batch(Struct, rename="camel"):
    event_batch_id: str
    event_subscription_id: str
    event_batch_time: str
    events_data: list[_Event]


_decode = msgspec.json.Decoder(_Batch).decode


class Echo(asyncio.Protocol):
    """Counts bytes until a request is complete."""

    def __init__(self) -> None:
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment] # that of a TCP connection

    def data_received(self, data: bytes) -> None:
        """A piece of a request; its head comes in one."""
        if self._left == 0:
            at = data.find(b"Content-Length: ") + 16
            self._left = data.find(b"\r\n\r\n") + 4 + int(data[at : data.find(b"\r", at)])
        self._left -= len(data)
        if self._left == 0:
            self._transport.write(_ECHO)


async def _serve_echo() -> None:
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    server = await loop.create_server(Echo, "127.0.0.1", 0, backlog=1024)
    sys.stdout.write(f"listening on http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


def noop(answer: bytes = _ANSWER) -> Starlette:
    """Starlette with next to nothing to do."""

    async def receive(request: Request) -> Response:
        _decode(await request.body())
        return Response(_ANSWER, media_type="application/json")

    async def get(_: Request) -> Response:
        return Response(answer, media_type="application/json")

    return Starlette(routes=[Route(WEBHOOK_PATH, receive, methods=["POST"]), Route(NOOP_PATH, get)])


def main() -> None:
    """Serve one of the three on a free port of the loopback interface, and say which."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.servers", description=__doc__)
    parser.add_argument("server", choices=("echo", "noop", "naive"))
    parser.add_argument("database", type=Path, nargs="?", help="file of the naive one")
    given = parser.parse_args()
    if given.server == "echo":
        uvloop.run(_serve_echo())
    elif given.server == "noop":
        uvloop.run(serve(noop(), Settings(port=0)))
    elif given.database is None:
        parser.error("the naive server needs a database")
    else:
        uvloop.run(serve(naive.application(given.database), Settings(port=0)))


if __name__ == "__main__":
    main()

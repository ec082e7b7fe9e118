"""Serves an application on a real socket of the loopback interface, and speaks to it byte by byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from starlette.types import ASGIApp

from receiver.limit_settings import Limits
from receiver.server import serve
from receiver.settings import Settings
from receiver.stopping import stop_event

TIMEOUT_S = 30


class Answer(NamedTuple):
    """One parsed HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """One connection to the server. Every read ends with an error after TIMEOUT_S."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes, pause_s: float = 0) -> None:
        """Send pieces, each in a packet of its own where there is a pause."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(pause_s)

    async def line(self) -> bytes:
        """The next line."""
        return await asyncio.wait_for(self._reader.readline(), TIMEOUT_S)

    async def answer(self) -> Answer:
        """The next answer: its head, and its body by Content-Length or in chunks."""
        async with asyncio.timeout(TIMEOUT_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = (line.partition(": ") for line in head[1:] if line)
            headers = {name.lower(): value for name, _, value in pairs}
            status = int(head[0].split()[1])
            if "chunked" in headers.get("transfer-encoding", ""):
                return Answer(status, headers, await self._chunks())
            return Answer(status, headers, await self._reader.readexactly(int(headers.get("content-length", 0))))

    async def _chunks(self) -> bytes:
        body = b""
        while size := int(await self._reader.readline(), 16):
            body += await self._reader.readexactly(size)
            await self._reader.readline()
        await self._reader.readline()
        return body

    async def rest(self) -> bytes:
        """All that comes until the server ends its side."""
        return await asyncio.wait_for(self._reader.read(), TIMEOUT_S)

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class Address(NamedTuple):
    """Where the server listens."""

    url: str
    port: int

    @contextlib.asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """Open a connection."""
        connection = Connection(*await asyncio.open_connection("127.0.0.1", self.port, limit=2**24))
        try:
            yield connection
        finally:
            await connection.close()

    async def ask(self, request: bytes) -> Answer:
        """The answer to one request on a connection of its own."""
        async with self.connect() as connection:
            await connection.send(request)
            return await connection.answer()


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds that happens on the other side. Raises TimeoutError after TIMEOUT_S."""
    async with asyncio.timeout(TIMEOUT_S):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for: the other side is being tested
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, limits: Limits | None = None, trusted_proxies: tuple[str, ...] = ()) -> AsyncIterator[Address]:
    """Serve an application as `drawbar serve` does, on a free port, until the block ends."""
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    settings = Settings(port=0, limits=limits or Limits(graceful_timeout_s=2), trusted_proxies=trusted_proxies)
    task = asyncio.create_task(serve(app, settings, on_ready=ready.set_result))
    task.add_done_callback(lambda _: ready.done() or ready.cancel())
    try:
        url = await asyncio.wait_for(ready, TIMEOUT_S)
    except asyncio.CancelledError:
        await task  # it says why there is nothing to speak to
        raise
    try:
        yield Address(url, int(url.rpartition(":")[2]))
    finally:
        stop_event().set()
        await asyncio.wait_for(task, TIMEOUT_S)

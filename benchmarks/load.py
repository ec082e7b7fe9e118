"""A load generator: some connections, each of which sends its next request when the answer to the last is there.

It runs in a process of its own (`python -m benchmarks.load`), gets its requests ready made, and looks at no more of an answer
than its status and length, so that the server and not it is what is measured.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import Sequence
from time import perf_counter

import msgspec
import uvloop
from msgspec import Struct

from benchmarks import processes

CONNECTIONS = 64
_MOST_S = 120


class Work(Struct):
    """What to send: `total` requests, taken from `requests` in turn, to all ports in turn; the first `warm_up` aren't counted."""

    ports: list[int]
    connections: int
    total: int
    warm_up: int
    requests: list[bytes]


class Load(Struct):
    """What came back; times in milliseconds. `first_refusal` is the first answer that was not 200, if any."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    first_refusal: str = ""

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answers / self.seconds


class Run:
    """One run: where all connections take their requests from, and leave their times."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._sent = 0
        self._answered = 0
        self._begun_at = 0.0
        self.taken_s: list[float] = []
        self.refused = 0
        self.first_refusal = ""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def begin(self) -> None:
        """The clock starts now, or after the warm-up."""
        self._begun_at = perf_counter()

    def next_request(self) -> bytes | None:
        """What to send next; None once all is sent."""
        if self._sent >= self._work.total:
            return None
        request = self._work.requests[self._sent % len(self._work.requests)]
        self._sent += 1
        return request

    def answered(self, taken_s: float) -> None:
        """An answer has come."""
        self._answered += 1
        if self._answered == self._work.warm_up:
            self._begun_at = perf_counter()
        elif self._answered > self._work.warm_up:
            self.taken_s.append(taken_s)
        if self._answered == self._work.total:
            self.finish()

    def finish(self) -> None:
        """All is answered, or there is no more time."""
        if not self.done.done():
            self.seconds = perf_counter() - self._begun_at
            self.done.set_result(None)

    def fail(self, why: str) -> None:
        """A connection can't go on."""
        if not self.done.done():
            self.done.set_exception(processes.ProgramError(why))


class Client(asyncio.Protocol):
    """One connection."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._left = 0
        self._head = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment] # that of a TCP connection

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody ends a connection before the run is over."""
        self._run.fail(f"a connection was lost: {exc}")

    def send(self) -> None:
        """Send the next request, if there is one."""
        request = self._run.next_request()
        if request is not None:
            self._sent_at = perf_counter()
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer, of which the head says how long it is."""
        if self._left == 0:
            data = self._head + data
            end = data.find(b"\r\n\r\n") + 4
            if end == 3:  # noqa: PLR2004 - not found
                self._head = data
                return
            self._head = b""
            if data[9:12] != b"200":
                self._run.refused += 1
                self._run.first_refusal = self._run.first_refusal or data[:1000].decode("latin-1")
            at = data.find(b"content-length: ", 0, end) + 16
            if at == 15:  # noqa: PLR2004 - not found
                self._run.fail(f"an answer without content-length: {data[:end]!r}")
                return
            self._left = end + int(data[at : data.find(b"\r", at)])
        self._left -= len(data)
        if self._left == 0:
            self._run.answered(perf_counter() - self._sent_at)
            self.send()


def load(ports: Sequence[int], requests: list[bytes], *, total: int = 0, connections: int = CONNECTIONS) -> Load:
    """Send requests, `total` of them in all or each one once, from a process of its own; a tenth is warm-up. ProgramError."""
    total = total or len(requests)
    work = Work(list(ports), connections, total, total // 10, requests)
    return msgspec.json.decode(processes.run(processes.module("load"), given=[msgspec.msgpack.encode(work)]), type=Load)


async def _run(work: Work) -> Load:
    run = Run(work)
    loop = asyncio.get_running_loop()
    clients = [
        (await loop.create_connection(lambda: Client(run), "127.0.0.1", work.ports[number % len(work.ports)]))[1]
        for number in range(work.connections)
    ]
    gc.disable()
    loop.call_later(_MOST_S, run.finish)
    run.begin()
    for client in clients:
        client.send()
    await run.done
    taken = sorted(run.taken_s)
    if not taken:
        raise processes.ProgramError("no answer came after the warm-up")
    p50, p99 = (taken[len(taken) * percent // 100] * 1000 for percent in (50, 99))
    return Load(len(taken), run.seconds, p50, p99, run.refused, run.first_refusal)


def main() -> None:
    """Read the work from standard input as MessagePack, do it, write what came of it as JSON."""
    argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__).parse_args()
    work = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Work)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(_run(work))))


if __name__ == "__main__":
    main()

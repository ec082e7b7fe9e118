"""Requests at a steady rate, whether or not those before them have been answered."""

import asyncio
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from benchmarks.processes import ProgramError

CONNECTIONS = 32


class Paced:
    """Sends ready made requests while the block runs. An answer's time counts from when its request was due."""

    def __init__(self, port: int, requests: Iterator[bytes], rate: int) -> None:
        self._port = port
        self._requests = requests
        self._rate = rate
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self._taken_s: list[float] = []
        self._sending: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for _ in range(CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})
        while not self._free.empty():
            self._free.get_nowait()[1].close()
        if not self._task.cancelled() and (failed := self._task.exception()):
            raise failed

    async def take(self) -> list[float]:
        """The seconds that each answer took since the last look; those on their way are waited for."""
        if self._sending:
            await asyncio.wait(set(self._sending))
        if self._task.done():
            raise ProgramError(f"no more requests are sent: {self._task}")
        taken, self._taken_s = self._taken_s, []
        return taken

    async def _run(self) -> None:
        due = time.perf_counter()
        async with asyncio.TaskGroup() as sending:
            for request in self._requests:
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                task = sending.create_task(self._send(request, due))
                self._sending.add(task)
                task.add_done_callback(self._sending.discard)
                due += 1 / self._rate

    async def _send(self, request: bytes, due: float) -> None:
        reader, writer = await self._free.get()
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        at = head.lower().find(b"content-length: ") + 16
        await reader.readexactly(int(head[at : head.find(b"\r", at)]))
        if head[9:12] != b"200":
            raise ProgramError(f"a request was refused: {head!r}")
        self._taken_s.append(time.perf_counter() - due)
        self._free.put_nowait((reader, writer))

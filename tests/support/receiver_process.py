"""`drawbar serve` as a process of its own, that a test can speak to, stop and kill."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx2

from tests.support.signing import datahub_signature

DRAWBAR = Path(sys.executable).with_name("drawbar")
SECRET = "a secret of the tests"
OPERATOR = "an operator of the tests"
START_S = 60
END_S = 30


class ReceiverProcess:
    """A running receiver. `url` is where it listens; `client` asks it as the operator of all organizations."""

    def __init__(self, process: asyncio.subprocess.Process, url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self.log = log

    def client(self) -> httpx2.AsyncClient:
        """A client for the API; close it."""
        return httpx2.AsyncClient(base_url=self.url, auth=("operator", OPERATOR), timeout=30, trust_env=False)

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process.returncode is None:
            self.process.kill()
        await asyncio.wait_for(self.process.wait(), END_S)

    async def terminate(self) -> int:
        """SIGTERM; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), END_S)


async def start(database: str, folder: Path, settings: Mapping[str, str] | None = None) -> ReceiverProcess:
    """Start a receiver on a free port; its log goes to a file in `folder`. Raises if it doesn't say that it listens."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DRAWBAR_")}
    environment |= {
        "DRAWBAR_DATABASE": database,
        "DRAWBAR_PORT": "0",
        "DRAWBAR_WEBHOOK_SECRET": SECRET,
        "DRAWBAR_OPERATOR_SECRET": OPERATOR,
        **(settings or {}),
    }
    log = folder / "serve.log"
    with log.open("ab") as stream:
        process = await asyncio.create_subprocess_exec(
            DRAWBAR, "serve", env=environment, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=stream
        )
    try:
        assert process.stdout
        line = (await asyncio.wait_for(process.stdout.readline(), START_S)).decode()
        assert line.startswith("listening on http://"), f"{line!r}; {log.read_text()[-2000:]}"
    except BaseException:
        if process.returncode is None:
            process.kill()
        raise
    return ReceiverProcess(process, line.removeprefix("listening on ").strip(), log)


@contextlib.asynccontextmanager
async def receiver(database: str, folder: Path, settings: Mapping[str, str] | None = None) -> AsyncIterator[ReceiverProcess]:
    """A receiver until the block ends, then it is killed if it still runs."""
    running = await start(database, folder, settings)
    try:
        yield running
    finally:
        await running.kill()


async def post(client: httpx2.AsyncClient, body: bytes, subscription: str = "default", **headers: str) -> httpx2.Response:
    """POST a delivery, signed as Datahub signs it; `headers` replace or add to those."""
    signed = {"Content-Type": "application/json", "X-SCALAR-Signature": datahub_signature(SECRET, body)}
    # Without the client's own credentials: a delivery has those of its subscription alone.
    return await client.post(f"/webhooks/datahub/{subscription}", content=body, headers=signed | headers, auth=httpx2.Auth())

"""The worked example of a provider for the demo: its API on a free port of this machine, and a definition that points there."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from fixtures.providers import example_server
from receiver.cli.output import print_table
from receiver.server import listen, url_of

NAME = "fleetwatt"
_PATH = f"/api/v1/providers/{NAME}/runs"
_STARTS_S, _ENDS_S = 10.0, 60.0


@contextlib.contextmanager
def example_provider(folder: Path) -> Iterator[Path]:
    """Serve the example's API until the block ends; the folder of definitions, made in `folder`, with the example in it."""
    with contextlib.closing(listen("127.0.0.1", 0)) as sock:
        config = uvicorn.Config(example_server.create_app(), log_config=None, access_log=False, lifespan="off", ws="none")
        server = uvicorn.Server(config)
        # In a thread of its own, so that neither its signals nor its loop are those of the service.
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        try:
            yield _definitions(folder, url_of(sock))
        finally:
            server.should_exit = True
            thread.join(_STARTS_S)


def _definitions(folder: Path, url: str) -> Path:
    """The example's definition with its staging environment here, and its secrets in files beside it."""
    definitions = folder / "providers"
    definitions.mkdir(mode=0o700)
    text = (resources.files("fixtures") / "providers" / f"{NAME}.toml").read_text("utf-8")
    text = text.replace("http://127.0.0.1:8787/v1", f"{url}/v1")
    for name, secret in (("CLIENT_ID", example_server.CLIENT_ID), ("CLIENT_SECRET", example_server.CLIENT_SECRET)):
        text = text.replace(f"env:FLEETWATT_{name}", f"file:{name.lower()}")
        (definitions / name.lower()).write_text(secret)
    (definitions / f"{NAME}.toml").write_text(text, "utf-8")
    return definitions


async def pull_example(client: httpx2.AsyncClient) -> None:
    """Ask the service for a run of the example, and show what became of its records."""
    asked = (await client.post(_PATH)).raise_for_status()
    run: dict[str, Any] = asked.json()
    async with asyncio.timeout(_ENDS_S):
        while run["status"] in {"queued", "running"}:
            await asyncio.sleep(0.05)
            run = (await client.get(asked.headers["location"])).raise_for_status().json()
    columns = ("stream", "entity", "pages", "fetched", "created", "updated", "unchanged", "quarantined")
    rows = [tuple(one[column] for column in columns) for one in run["results"]]
    print_table(f"A pull from a provider's API: {run['status']}", columns, rows)

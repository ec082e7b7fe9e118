"""Files of batches for the tests of the command line, and what is in a database afterwards."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, TypeVar

import uvloop

from handlers.rebuild import digest, rebuild
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.facts import ASSETS, body_of
from tests.support.store import TABLES, dump, failure, pairing, unpairing

T = TypeVar("T")


def on_store(database_url: str, work: Callable[[DatabaseStore], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives on the store of a database, for tests that are no coroutines."""

    async def run() -> T:
        engine = open_engine(database_url)
        try:
            return await work(DatabaseStore(engine))
        finally:
            await engine.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(run())


def digest_in(database_url: str) -> str:
    """The digest of a database, which must be what a rebuild makes of what is recorded there."""

    async def work(store: DatabaseStore) -> str:
        rebuilt = await rebuild(store, lambda: 0)
        assert rebuilt.mended == 0
        assert rebuilt.digest_after == await digest(store)
        return rebuilt.digest_after

    return on_store(database_url, work)


def everything_in(database_url: str) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables that deliveries write to."""
    return on_store(database_url, lambda store: dump(store, *TABLES))


def batch(number: int, units: int = 50) -> bytes:
    """A batch of its own: a unit goes from one asset to the next, and some attempt fails; later batches move it on."""
    unit_id, start = f"tp:{number % units}", number * 10
    asset_id = ASSETS[number % len(ASSETS)]
    events = [pairing(start, asset_id, unit_id), unpairing(start + 5, asset_id, unit_id), failure(start + 7, unit_id)]
    return body_of(events, event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")


def write_lines(path: Path, bodies: Iterable[bytes]) -> Path:
    """A file of batches, one a line."""
    path.write_bytes(b"".join(body.replace(b"\n", b" ") + b"\n" for body in bodies))
    return path

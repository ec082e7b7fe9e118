"""A bulk patch of many assets, asked again and again how far it is, while deliveries go on being answered.

Deliveries of 1 event come at a steady rate, first with no job at work, then during one as Drawbar applies it (some assets in each
transaction), then during one that is a single chunk: all its assets in one transaction, as one would do it first. The rate is the
same for all, and each job patches every asset.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import uvloop
from msgspec import Struct

from benchmarks.fleet import ORGANIZATION, SECRET, deliveries
from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.paced import Paced
from benchmarks.processes import ProgramError, drawbar, serving
from handlers import patches
from handlers.patches import PatchRequest, accept
from handlers.ports import Transaction
from schemas.assets import Asset
from storage import open_engine
from storage.store import DatabaseStore

NUMBERS = {"assets": (10_000, "assets in a job"), "rate": (100, "deliveries a second"), "idle": (5, "seconds without a job")}
COLUMNS = ("job", "seconds", "assets/s", "deliveries", "p50 ms", "p99 ms", "max ms", "polls", "p99 ms of a poll")
JOBS = "/api/v1/leases/assets/bulkpatches"
OPERATOR = "an-operator-of-the-benchmarks"
UNITS = 2_000
POLL_EVERY_S = 0.02
_MOST_S = 60


class Times(Struct):
    """How long the answers to deliveries and polls took, and how long the job was at work; in seconds."""

    deliveries: list[float]
    polls: list[float]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("patches", __doc__, NUMBERS, arguments)
    begin("patches", given)
    found: dict[str, list[Times]] = {"none": [], "in chunks": [], "at once": []}
    with scratch() as folder:
        for run in range(given.runs):
            database = folder / f"{run}.db"
            uvloop.run(_prepare(database, given.assets))
            settings = {
                "DRAWBAR_DATABASE": str(database),
                "DRAWBAR_WEBHOOK_SECRET": SECRET,
                "DRAWBAR_OPERATOR_SECRET": OPERATOR,
                "DRAWBAR_LOG_LEVEL": "warning",
            }
            with serving(drawbar("serve", "--port", 0), folder / "log", settings) as port:
                for job, times in uvloop.run(_measure(port, database, given.assets, given.rate, given.idle)):
                    found[job].append(times)
    print(f"{given.rate} deliveries a second; a poll every {POLL_EVERY_S * 1000:.0f} ms")
    print_table(COLUMNS, [_row(job, given.assets, runs) for job, runs in found.items()])
    return 0


async def _prepare(database: Path, assets: int) -> None:
    """A database with so many assets."""
    names = [(number, f"TRUCK-{number}") for number in range(1, assets + 1)]
    made = [
        Asset(asset_id=f"asset_{number}", lease_asset_id=number, external_asset_id=name, code=name, name=name)
        for number, name in names
    ]

    async def work(tx: Transaction) -> None:
        await tx.registry.assets.put(ORGANIZATION, [(asset, None) for asset in made])
        await tx.registry.assets.add_identities(ORGANIZATION, [(asset.external_asset_id, asset.asset_id) for asset in made])

    engine = open_engine(str(database))
    try:
        await engine.migrate()
        await DatabaseStore(engine).write(work)
    finally:
        await engine.close()


async def _measure(port: int, database: Path, assets: int, rate: int, idle_s: int) -> list[tuple[str, Times]]:
    found = []
    url = f"http://127.0.0.1:{port}"
    async with (
        httpx2.AsyncClient(base_url=url, auth=("operator", OPERATOR), timeout=_MOST_S, trust_env=False) as client,
        Paced(port, iter(deliveries(0, rate * _MOST_S, 1, UNITS)), rate) as traffic,
    ):
        await asyncio.sleep(1)  # until connections are open and pages warm
        await traffic.take()
        await asyncio.sleep(idle_s)
        found.append(("none", Times(await traffic.take(), [], idle_s)))
        for name, size in (("in chunks", patches.CHUNK_PATCHES), ("at once", assets)):
            job_id = await _accept(database, assets, name, size)
            await traffic.take()
            polls, seconds = await _poll(client, job_id)
            found.append((name, Times(await traffic.take(), polls, seconds)))
    return found


async def _accept(database: Path, assets: int, location: str, size: int) -> int:
    """Take the job in this process, cut as is asked for; the server finds and applies it."""
    body = msgspec.json.encode([{"assetId": number, "location": location} for number in range(1, assets + 1)])
    request = PatchRequest(ORGANIZATION, "a benchmark", None, body)
    engine = open_engine(str(database))
    chunk, patches.CHUNK_PATCHES = patches.CHUNK_PATCHES, size
    try:
        return (await accept(DatabaseStore(engine), request, assets, time.time_ns() // 1000)).job_id
    finally:
        patches.CHUNK_PATCHES = chunk
        await engine.close()


async def _poll(client: httpx2.AsyncClient, job_id: int) -> tuple[list[float], float]:
    """How long each answer took until the job had ended, and how long it was seen at work."""
    taken: list[float] = []
    began = time.perf_counter()
    while True:
        started = time.perf_counter()
        job: dict[str, Any] = (await client.get(f"{JOBS}/{job_id}")).raise_for_status().json()
        taken.append(time.perf_counter() - started)
        if "endDate" in job:
            if job["status"] != "successful":
                raise ProgramError(f"the job ended otherwise: {job}")
            return taken, time.perf_counter() - began
        if job["status"] == "notStarted":
            began = time.perf_counter()
        await asyncio.sleep(POLL_EVERY_S)


def _row(job: str, assets: int, runs: list[Times]) -> Sequence[object]:
    seconds = middle([one.seconds for one in runs])
    polled = job != "none"
    return (
        job,
        seconds,
        assets / seconds if polled else None,
        sum(len(one.deliveries) for one in runs),
        *(middle([_at(one.deliveries, share) for one in runs]) for share in (0.5, 0.99, 1)),
        sum(len(one.polls) for one in runs) if polled else None,
        middle([_at(one.polls, 0.99) for one in runs]) if polled else None,
    )


def _at(taken: list[float], share: float) -> float:
    """The time within which this share of the answers came, in milliseconds."""
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * share))] * 1000


if __name__ == "__main__":
    sys.exit(main())

"""Asset Sync: requests of 500 assets with 2 meters and 2 current readings each, then a backfill of historical readings.

Requests are decoded, applied, committed to the disk and answered one after the other in this process. Beside Drawbar stands
`naive`, the version that most would write first (`benchmarks.orm_sync`): pydantic, SQLAlchemy, row by row, a commit for each
asset, as each stands alone. Stricter measures are the same `by hand` (`benchmarks.by_hand_sync`): a statement for each row on
the driver that Drawbar has too; on SQLite once more on the standard library's own, which is faster and holds up all else that a
service has to do; and with one commit for a request, so that an asset which fails takes the others with it. None of them does
all that Drawbar does; Drawbar itself, given each asset in a request of its own, does. All but Drawbar get a smaller fleet and
less history, since they take long. The memory is that of this process on the way of the backfill, with the libraries of all
versions. On SQLite its page cache of 64 MiB counts too, which is full after some 300,000 readings of the 5,000 assets. Goals:
10 times the naive version on requests, and over a backfill of 1,000,000 readings memory that is flat once that cache is full.
"""

import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import msgspec
import uvloop
from msgspec import Struct

from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.memory import MEBIBYTE, resident_bytes
from benchmarks.processes import ProgramError
from benchmarks.sync_requests import READINGS_OF_AN_ASSET, Request, backfill, syncs
from benchmarks.sync_versions import (
    Apply,
    Version,
    by_hand_aiosqlite,
    by_hand_postgres,
    by_hand_sqlite,
    drawbar,
    drawbar_by_asset,
    naive,
)
from tests.support.postgres import PostgresServer

NUMBERS = {
    "assets": (5_000, "assets in the fleet; in that of the other versions 1,000 at most"),
    "rounds": (4, "times that all of them are synced"),
    "history": (50_000, "historical readings that Drawbar takes in afterwards; of these the other versions take 5,000 at most"),
    "postgres": (1, "1: on PostgreSQL too"),
}
# Where on the way of the backfill the memory is told.
PLACES = {"MiB at a tenth": 0.1, "at a third": 1 / 3, "at half": 0.5, "at the end": 1.0}
COLUMNS = ("engine", "version", "assets/s", "p50 ms", "p99 ms", "Drawbar is", "history/s", *PLACES)
DRAWBAR, BY_ASSET = "Drawbar", "Drawbar, an asset a request"
_OTHERS_ASSETS_MAX, _OTHERS_HISTORY_MAX = 1_000, 5_000
SQLITE: dict[str, Callable[[Path], Version]] = {
    DRAWBAR: lambda path: drawbar(str(path)),
    BY_ASSET: lambda path: drawbar_by_asset(str(path)),
    "naive": lambda path: naive(f"sqlite+aiosqlite:///{path}"),
    "by hand": lambda path: by_hand_aiosqlite(path, an_asset=True),
    "by hand, blocking": lambda path: by_hand_sqlite(path, an_asset=True),
    "by hand, blocking, a commit a request": lambda path: by_hand_sqlite(path, an_asset=False),
}
POSTGRES: dict[str, Callable[[str], Version]] = {
    DRAWBAR: drawbar,
    BY_ASSET: drawbar_by_asset,
    "naive": naive,
    "by hand": lambda url: by_hand_postgres(url, an_asset=True),
    "by hand, a commit a request": lambda url: by_hand_postgres(url, an_asset=False),
}


class Run(Struct):
    """Seconds of each request, assets and historical readings a second, and the memory on the way of the backfill in MiB."""

    times: list[float]
    assets_per_second: float
    history_per_second: float
    memory: list[float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("sync", __doc__, NUMBERS, arguments)
    begin("sync", given)
    found: dict[tuple[str, str], list[Run]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        server = _server(stack) if given.postgres else None
        for run in range(given.runs):
            for name, version in SQLITE.items():
                path = folder / f"{run} {name}.db"
                found.setdefault(("SQLite", name), []).append(_measure(name, version(path), given))
                path.unlink()
            for name, served in POSTGRES.items() if server else ():
                database = server.create() if server else ""
                url = server.url(database) if server else ""
                runs = found.setdefault(("PostgreSQL", name), [])
                runs.append(_measure(name, served(url), given))
                if server:
                    server.drop(database)
    speeds = {key: middle([run.assets_per_second for run in runs]) for key, runs in found.items()}
    print_table(COLUMNS, [_row(key, runs, speeds) for key, runs in found.items()])
    return 0


def _server(stack: ExitStack) -> PostgresServer:
    server = PostgresServer(durable=True)
    stack.callback(server.stop)
    server.start()
    return server


def _row(key: tuple[str, str], runs: list[Run], speeds: dict[tuple[str, str], float]) -> tuple[object, ...]:
    engine, name = key
    return (
        engine,
        name,
        speeds[key],
        middle([1000 * _share(run.times, 0.5) for run in runs]),
        middle([1000 * _share(run.times, 0.99) for run in runs]),
        None if name == DRAWBAR else f"{speeds[engine, DRAWBAR] / speeds[key]:.1f} times it",
        middle([run.history_per_second for run in runs]),
        *(middle([run.memory[at] for run in runs]) if name == DRAWBAR else None for at in range(len(PLACES))),
    )


def _measure(name: str, version: Version, given: Namespace) -> Run:
    if name == DRAWBAR:
        return uvloop.run(_measured(version, given.assets, given.rounds, given.history))
    assets, history = min(given.assets, _OTHERS_ASSETS_MAX), min(given.history, _OTHERS_HISTORY_MAX)
    return uvloop.run(_measured(version, assets, given.rounds, history))


async def _measured(version: Version, assets: int, rounds: int, history: int) -> Run:
    memory: list[float] = []
    async with version as apply:
        times = [await _timed(apply, request) for request in syncs(assets, rounds)]
        seconds = 0.0
        for request in backfill(history, assets):
            seconds += await _timed(apply, request)
            memory.append(resident_bytes() / MEBIBYTE)
    if not times or not memory:
        raise ProgramError(f"nothing to measure: it takes an asset, a round, and a history of {READINGS_OF_AN_ASSET} readings")
    told = [memory[max(0, round(share * len(memory)) - 1)] for share in PLACES.values()]
    return Run(times, assets * rounds / sum(times), history / seconds, told)


async def _timed(apply: Apply, request: Request) -> float:
    began = perf_counter()
    answer = await apply(request.body, request.now_us)
    seconds = perf_counter() - began
    said = msgspec.json.decode(answer)
    if len(said["results"]) != request.assets or said["errors"] or any(result["warnings"] for result in said["results"]):
        raise ProgramError(f"not what was to be measured: {answer[:500]!r}")
    return seconds


def _share(times: Sequence[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


if __name__ == "__main__":
    sys.exit(main())

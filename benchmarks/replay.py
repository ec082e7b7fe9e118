"""Replay: event batches from a file straight into the store, by the code of `drawbar replay`.

Beside it, in turns: `storage only`, the very rows that Drawbar writes, recorded beforehand and put by a bare executemany in the
same transactions; `naive`, a receiver that decodes with the standard library and commits each batch alone; `noop`, the same
batches over HTTP to a Starlette route that decodes and forgets them. Goal: at least 0.6 of the storage alone.
"""

import asyncio
import sqlite3
import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter

from benchmarks import naive
from benchmarks.fleet import bodies, delivery, traffic
from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.into_store import Replayed, into_store
from benchmarks.load import load
from benchmarks.memory import MEBIBYTE
from benchmarks.processes import ProgramError, module, serving
from benchmarks.recorded import record, written
from receiver.cli.replay import BYTES_AT_A_TIME, DELIVERIES_AT_A_TIME
from storage.engines.sqlite import SqliteEngine

NUMBERS = {
    "events": (200_000, "events to replay"),
    "units": (40_000, "units that they are about"),
    "batch": (100, "events in a batch"),
}
COLUMNS = ("what", "seconds", "events/s", "us an event", "peak MiB", "of storage only", "of naive", "of noop")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("replay", __doc__, NUMBERS, arguments)
    begin("replay", given)
    with scratch() as folder:
        file = folder / "batches.ndjson"
        file.write_bytes(b"\n".join(bodies(islice(traffic(0, given.units), given.events), given.batch)))
        body_bytes = file.stat().st_size * given.batch / given.events
        at_a_time = max(1, min(DELIVERIES_AT_A_TIME, int(BYTES_AT_A_TIME / body_bytes)))
        recorded = asyncio.run(record(folder / "recorded.db", _batches(file), at_a_time))
        drawbar: list[Replayed] = []
        storage: list[float] = []
        simple: list[float] = []
        forgetful: list[float] = []
        for run in range(given.runs):
            drawbar.append(_drawbar(folder / f"drawbar-{run}.db", file, given.events))
            storage.append(_storage(folder / f"storage-{run}.db", recorded, given.events))
            simple.append(_naive(folder / f"naive-{run}.db", file))
            forgetful.append(_noop(folder / "log", file))
    seconds = {
        "drawbar replay": middle([one.seconds for one in drawbar]),
        "storage only": middle(storage),
        "naive": middle(simple),
        "noop": middle(forgetful),
    }
    peak = middle([one.peak_bytes for one in drawbar]) / MEBIBYTE
    print_table(
        COLUMNS,
        [
            (
                name,
                taken,
                given.events / taken,
                taken / given.events * 1e6,
                peak if name == "drawbar replay" else None,
                seconds["storage only"] / taken,
                seconds["naive"] / taken,
                seconds["noop"] / taken,
            )
            for name, taken in seconds.items()
        ],
    )
    return 0


def _drawbar(database: Path, file: Path, events: int) -> Replayed:
    result = into_store(database, files=[file])
    _check(database, events)
    return result


def _storage(database: Path, recorded: Sequence[bytes], events: int) -> float:
    """The seconds that the database takes for rows that are ready."""
    asyncio.run(_migrate(database))
    connection = naive.connect(database)
    seconds = 0.0
    for statements in written(recorded):
        started = perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        for sql, rows in statements:
            connection.executemany(sql, rows)
        connection.execute("COMMIT")
        seconds += perf_counter() - started
    connection.close()
    _check(database, events)
    return seconds


def _naive(database: Path, file: Path) -> float:
    connection = naive.prepare(database)
    started = perf_counter()
    naive.apply_all(connection, _batches(file))
    seconds = perf_counter() - started
    connection.close()
    return seconds


def _noop(log: Path, file: Path) -> float:
    sent = list(map(delivery, _batches(file)))
    with serving(module("servers", "noop"), log) as port:
        return len(sent) / load([port], sent).per_second


def _batches(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines()


async def _migrate(database: Path) -> None:
    engine = SqliteEngine(database)
    await engine.migrate()
    await engine.close()


def _check(database: Path, events: int) -> None:
    connection = sqlite3.connect(database)
    kept = connection.execute("SELECT count(*) FROM events").fetchone()[0]
    connection.close()
    if kept != events:
        raise ProgramError(f"{database.name} holds {kept} of {events} events")


if __name__ == "__main__":
    sys.exit(main())

"""Events straight into a store: `python -m benchmarks.into_store FILE…` is `drawbar replay FILE…`, timed without its start.

The database is that of DRAWBAR_DATABASE. What is prefilled here once is shared by the measurements of one run.
"""

import argparse
import asyncio
import atexit
import contextlib
import io
import shutil
import sys
from collections.abc import Iterable
from functools import cache
from itertools import islice
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter

import msgspec
from msgspec import Struct

from benchmarks import naive, processes
from benchmarks.fleet import bodies, traffic
from benchmarks.memory import peak_bytes
from handlers.rescoring import announce_candidates
from receiver.cli.replay import replay
from receiver.settings import DEFAULT_SUBSCRIPTION
from receiver.wiring import now_us
from storage import open_engine
from storage.store import DatabaseStore

BATCH_EVENTS = 100


class Replayed(Struct):
    """How long it took, and the most memory that the process had."""

    seconds: float
    peak_bytes: int


class Prefilled(Struct, frozen=True):
    """A database of Drawbar and one of the naive receiver that hold the same first events."""

    drawbar: Path
    naive: Path
    events: int


def into_store(database: Path, batches: Iterable[bytes] = (), files: Iterable[Path] = ()) -> Replayed:
    """Replay files, or else batches from memory. ProgramError: not all of it was taken."""
    command = processes.module("into_store", *files) if files else processes.module("into_store", "-")
    said = processes.run(command, {"DRAWBAR_DATABASE": str(database)}, given=(body + b"\n" for body in batches))
    return msgspec.json.decode(said, type=Replayed)


@cache
def prefilled(units: int, events: int) -> Prefilled:
    """The databases with so many units and events, made when they are first asked for and removed when the process ends."""
    folder = Path(mkdtemp(prefix="drawbar-bench-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Prefilled(folder / "drawbar.db", folder / "naive.db", events)
    print(f"\nprefilling with {units:,} units and {events:,} events …", flush=True)
    into_store(made.drawbar, bodies(islice(traffic(0, units), events), BATCH_EVENTS))
    started = perf_counter()
    asyncio.run(_catch_up(made.drawbar))
    print(f"a service would have looked at its open cases again for {perf_counter() - started:.0f} s")
    connection = naive.prepare(made.naive)
    naive.apply_all(connection, bodies(islice(traffic(0, units), events), BATCH_EVENTS), in_one_commit=1000)
    connection.close()
    return made


async def _catch_up(database: Path) -> None:
    """Do what a service does once a minute with what changed, so that it isn't this which is measured afterwards."""
    engine = open_engine(str(database))
    try:
        await announce_candidates(DatabaseStore(engine), now_us())
    finally:
        await engine.close()


def main() -> int:
    """Replay, and write the time as JSON; what the command itself prints goes nowhere."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.into_store", description=__doc__)
    parser.add_argument("paths", nargs="+", help="as for drawbar replay")
    given = parser.parse_args()
    started = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        replay(given.paths, None, None, DEFAULT_SUBSCRIPTION, None, dry_run=False, as_json=True)
    seconds = perf_counter() - started
    sys.stdout.buffer.write(msgspec.json.encode(Replayed(seconds, peak_bytes())))
    return 0


if __name__ == "__main__":
    sys.exit(main())

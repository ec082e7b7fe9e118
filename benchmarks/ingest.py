"""Durable ingest over HTTP: signed deliveries on 64 connections, each answered once it is on the disk.

Beside it, in turns: `echo`, the load generator's ceiling; `noop`, Starlette with a route that decodes the body and forgets it;
`naive`, a receiver that commits once a request. Deliveries of 1 event and of 100, into an empty database and one that holds the
given number of events. Goals: with 1 event at least half of the no-op's requests and at most 5 times its p99.
"""

import sqlite3
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.fleet import SECRET, deliveries
from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.into_store import prefilled
from benchmarks.load import CONNECTIONS, Load, load
from benchmarks.processes import ProgramError, drawbar, module, serving

NUMBERS = {
    "single": (10_000, "deliveries of 1 event in a run; 0 leaves them out"),
    "large": (500, "deliveries of 100 events in a run; 0 leaves them out"),
    "units": (20_000, "units in the fleet"),
    "events": (100_000, "events in the database that is not empty; 0 leaves it out"),
}
EVENTS = {"single": 1, "large": 100}
COLUMNS = ("events", "database", "server", "req/s", "events/s", "p50 ms", "p99 ms", "of noop", "p99 of noop", "of naive")


@contextmanager
def served(server: str, database: Path, log: Path) -> Iterator[int]:
    """One of the servers over a file; its port."""
    if server == "drawbar":
        settings = {"DRAWBAR_DATABASE": str(database), "DRAWBAR_WEBHOOK_SECRET": SECRET}
        with serving(drawbar("serve", "--port", 0), log, settings) as port:
            yield port
    else:
        with serving(module("servers", server, *([database] if server == "naive" else [])), log) as port:
            yield port


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("ingest", __doc__, NUMBERS, arguments)
    begin("ingest", given)
    rows: list[Sequence[object]] = []
    with scratch() as folder, ExitStack() as stack:
        log = folder / "log"
        idle = {name: stack.enter_context(served(name, folder, log)) for name in ("echo", "noop")}
        first = given.events
        for size, events in EVENTS.items():
            requests = getattr(given, size)
            for kind in ("empty", "prefilled") if given.events else ("empty",):
                if not requests:
                    continue
                found: dict[str, list[Load]] = {"echo": [], "noop": [], "drawbar": [], "naive": []}
                for run in range(given.runs):
                    sent = deliveries(first, requests, events, given.units)
                    first += requests * events
                    for name, port in idle.items():
                        found[name].append(_checked(load([port], sent), log))
                    for name in ("drawbar", "naive"):
                        database = folder / f"{name}-{events}-{run}.db"
                        if kind == "prefilled":
                            database = getattr(prefilled(given.units, given.events), name)
                        found[name].append(_ingest(name, database, sent, requests * events, log))
                rows += _rows(events, kind, found)
    print(f"{CONNECTIONS} connections; p50 and p99 are of one delivery's answer")
    print_table(COLUMNS, rows)
    return 0


def _ingest(name: str, database: Path, sent: list[bytes], events: int, log: Path) -> Load:
    before = _events_in(database) if database.exists() else 0
    with served(name, database, log) as port:
        result = _checked(load([port], sent), log)
    kept = _events_in(database) - before
    if kept != events:
        raise ProgramError(f"{name} kept {kept} of {events} events")
    return result


def _events_in(database: Path) -> int:
    connection = sqlite3.connect(database)
    try:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        connection.close()


def _checked(result: Load, log: Path) -> Load:
    if result.refused:
        raise ProgramError(f"{result.refused} deliveries were refused: {result.first_refusal} {log.read_text()[-1000:]}")
    return result


def _rows(events: int, kind: str, found: dict[str, list[Load]]) -> Iterator[Sequence[object]]:
    speed = {name: middle([one.per_second for one in runs]) for name, runs in found.items()}
    p50 = {name: middle([one.p50_ms for one in runs]) for name, runs in found.items()}
    p99 = {name: middle([one.p99_ms for one in runs]) for name, runs in found.items()}
    for name in found:
        of_naive = speed[name] / speed["naive"] if name == "drawbar" else None
        yield (
            events,
            kind,
            name,
            speed[name],
            speed[name] * events,
            p50[name],
            p99[name],
            speed[name] / speed["noop"],
            p99[name] / p99["noop"],
            of_naive,
        )


if __name__ == "__main__":
    sys.exit(main())

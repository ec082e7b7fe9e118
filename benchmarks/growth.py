"""What an event costs as the database grows: `drawbar replay` of as many events at each stage, five for each unit stored.

The events measured are about units drawn from all that there are. The memory is the most that the process had which brought the
database to its stage. Goal: at the last stage at most 1.3 times the cost of the first, and flat memory.
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from random import Random

from benchmarks.fleet import Told, bodies
from benchmarks.harness import begin, middle, options, print_table, scratch
from benchmarks.into_store import BATCH_EVENTS, into_store
from benchmarks.memory import MEBIBYTE

NUMBERS = {
    "first": (100_000, "events stored at the first stage"),
    "events": (1_000_000, "events stored at the last stage; each stage has about three times those of the one before"),
    "measured": (20_000, "events replayed in a run"),
}
COLUMNS = ("events stored", "units", "file MiB", "us an event", "of the first", "peak MiB")
ROUNDS = 5
_GROWTH = 10**0.5


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement."""
    given = options("growth", __doc__, NUMBERS, arguments)
    begin("growth", given)
    rows: list[tuple[object, ...]] = []
    first, units, second = 0.0, 0, 0
    with scratch() as folder:
        database = folder / "grown.db"
        for stage, stored in enumerate(_stages(given.first, given.events)):
            before, units = units, stored // ROUNDS
            grown = into_store(database, bodies(_whole_rounds(before, units, second), BATCH_EVENTS))
            second += (units - before) * ROUNDS
            costs = []
            for run in range(given.runs):
                told = _drawn(units, ROUNDS + stage * given.runs + run, second, given.measured)
                file = folder / "measured.ndjson"
                file.write_bytes(b"\n".join(bodies(told, BATCH_EVENTS)))
                costs.append(into_store(database, files=[file]).seconds / given.measured * 1e6)
                second += given.measured
            cost = middle(costs)
            first = first or cost
            mebibytes = database.stat().st_size / MEBIBYTE
            rows.append((units * ROUNDS, units, mebibytes, cost, cost / first, grown.peak_bytes / MEBIBYTE))
    print_table(COLUMNS, rows)
    return 0


def _stages(first: int, last: int) -> Iterator[int]:
    stored = float(first)
    while stored < last * 0.99:
        yield round(stored)
        stored *= _GROWTH
    yield last


def _whole_rounds(before: int, units: int, second: int) -> Iterator[Told]:
    """All rounds of the units from number `before` on."""
    for round_ in range(ROUNDS):
        for unit in range(before, units):
            yield Told(unit, round_, second)
            second += 1


def _drawn(units: int, round_: int, second: int, events: int) -> Iterator[Told]:
    """One more round of some units, drawn from all."""
    drawn = Random(round_).sample(range(units), min(units, events))  # noqa: S311 - a fixed draw
    for number, unit in enumerate(islice(drawn, events)):
        yield Told(unit, round_, second + number)


if __name__ == "__main__":
    sys.exit(main())

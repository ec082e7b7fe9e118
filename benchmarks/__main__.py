"""`python -m benchmarks [all | NAME [OPTION…]]`: runs one measurement, or all of them with their defaults; none lists them."""

import sys
from collections.abc import Callable, Sequence

from benchmarks import growth, ingest, patches, postgres, queries, replay, sync, vin_labelled, vin_lookup

Measurement = Callable[[Sequence[str]], int]

MEASUREMENTS: dict[str, tuple[str | None, Measurement]] = {
    "ingest": (ingest.__doc__, ingest.main),
    "replay": (replay.__doc__, replay.main),
    "queries": (queries.__doc__, queries.main),
    "growth": (growth.__doc__, growth.main),
    "postgres": (postgres.__doc__, postgres.main),
    "sync": (sync.__doc__, sync.main),
    "patches": (patches.__doc__, patches.main),
    "vin_labelled": (vin_labelled.__doc__, vin_labelled.main),
    "vin_lookup": (vin_lookup.__doc__, vin_lookup.main),
}


def main(arguments: Sequence[str]) -> int:
    """The exit status of what was measured, the worst of all; 2 for wrong use."""
    name, *rest = arguments or ["--help"]
    if name == "all" and not rest:
        return max(measure([]) for _, measure in MEASUREMENTS.values())
    if name in MEASUREMENTS:
        return MEASUREMENTS[name][1](rest)
    print(f"{__doc__}\n")
    for known, (doc, _) in MEASUREMENTS.items():
        print(f"  {known:<13}{(doc or '').partition(':')[0].partition('.')[0]}")
    print("\nOptions of one: python -m benchmarks NAME --help")
    return 0 if name in {"--help", "-h"} else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

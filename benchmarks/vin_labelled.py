"""How good suggestions are: precision and recall over labelled draws, and what a lookup by blocking keys costs.

Goals: no wrong suggestion, and at least 0.95 of the draws that can be decided. Run `python -m benchmarks.vin_labelled --help`.
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import islice
from time import perf_counter

from handlers.rules.vin_match import match
from tests.support.vin_draws import Draw, draws, make_fleet
from tests.support.vin_measure import KeyIndex, Measurement, Tally, as_assets, measure

PRECISION_GOAL = 1.0
RECALL_GOAL = 0.95


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement; the exit status is 1 if a goal is missed."""
    parser = argparse.ArgumentParser(prog="vin_labelled", description=__doc__)
    parser.add_argument("--draws", type=int, default=100_000, help="labelled draws (default 100,000)")
    parser.add_argument("--fleet", type=int, default=20_000, help="vehicles in the fleet (default 20,000)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    fleet = make_fleet(options.fleet, options.seed)
    assets = as_assets(fleet, options.seed + 1)
    print(f"{options.draws:,} draws from a fleet of {options.fleet:,}, seed {options.seed}")
    found = measure(assets, draws(fleet, options.seed + 2), options.draws)
    print_quality(found)
    print_cost(KeyIndex(assets), list(islice(draws(fleet, options.seed + 3), 5_000)))
    reached = found.total.precision >= PRECISION_GOAL and found.total.recall_of_decidable >= RECALL_GOAL
    return 0 if reached else 1


def print_quality(found: Measurement) -> None:
    """A line for each kind of fault, then the totals against the goals, then what was kept apart."""
    print(f"\n{'fault':<18}{'draws':>9}{'in fleet':>10}{'decidable':>11}{'right':>9}{'wrong':>7}")
    rows = sorted(found.by_fault.items(), key=lambda item: -item[1].draws)
    for name, tally in [*rows, ("all", found.total)]:
        print(f"{name:<18}{tally.draws:>9,}{tally.present:>10,}{tally.decidable:>11,}{tally.right:>9,}{tally.wrong:>7,}")
    total, apart = found.total, found.spelling_another
    both = Tally(right=total.right + apart.right, wrong=total.wrong + apart.wrong)
    print(f"\nprecision                {total.precision:.4f}   goal {PRECISION_GOAL:.2f}")
    print(f"recall of decidable      {total.recall_of_decidable:.4f}   goal {RECALL_GOAL:.2f}")
    print(f"recall of all in fleet   {total.recall:.4f}")
    print(
        f"\nKept apart: {apart.draws:,} draws whose text, after the fault, is another vehicle's VIN or the end of it.\n"
        f"Nothing in the text tells; {apart.wrong:,} of those were suggested. With them precision is {both.precision:.4f}."
    )


def print_cost(index: KeyIndex, sample: list[Draw]) -> None:
    """Rows that a lookup reads, candidates that come of it, and the time of a match without the store's."""
    looked_up = [(draw.sensor, index.lookup(draw.sensor)) for draw in sample]
    read = sorted(sum(1 for _ in index.touched(draw.sensor)) for draw in sample)
    started = perf_counter()
    candidates = [len(match(sensor, assets)) for sensor, assets in looked_up]
    match_us = (perf_counter() - started) / len(sample) * 1e6
    print(f"\nrows read by a lookup    mean {sum(read) / len(read):.1f}, 99 % {read[len(read) * 99 // 100]}, most {read[-1]}")
    print(f"candidates               mean {sum(candidates) / len(candidates):.1f}, most {max(candidates)}")
    print(f"scoring and wording      {match_us:.0f} us a match")


if __name__ == "__main__":
    sys.exit(main())

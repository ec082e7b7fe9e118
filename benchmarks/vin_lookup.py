"""One match of a VIN in a store that holds the given number of assets: whole VINs and ends of VINs, with realistic faults.

Goal: milliseconds among 1,000,000 assets. The database is a fresh SQLite file, or the empty one of DRAWBAR_DATABASE.
"""

import os
import sys
from collections.abc import Sequence
from itertools import islice
from time import perf_counter
from typing import NamedTuple

import uvloop

from benchmarks.fleet import ORGANIZATION
from benchmarks.harness import begin, middle, options, print_table, scratch
from handlers.ports import Store, Transaction
from handlers.queries.vin import match_vin
from handlers.rules.links import vin_of
from handlers.rules.vin_index import keys_of
from schemas.assets import Asset
from schemas.vin import VinMatchRequest
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.vin_draws import draws, make_fleet

NUMBERS = {"assets": (200_000, "assets in the store"), "matches": (2_000, "VINs to match, of each kind")}
COLUMNS = ("sensor's VIN", "candidates", "p50 ms", "p99 ms", "most ms")
WHOLE = 17
_ASSETS_AT_A_TIME = 5_000
_GOAL_MS = 10.0


class Timed(NamedTuple):
    """One match: how long it took, and how many candidates came of it."""

    ms: float
    candidates: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the measurement; the exit status is 1 if the median match of a whole VIN takes longer than the goal."""
    given = options("vin_lookup", __doc__, NUMBERS, arguments)
    begin("vin_lookup", given)
    with scratch() as folder:
        url = os.environ.get("DRAWBAR_DATABASE") or str(folder / "drawbar.db")
        return uvloop.run(_measure(url, given.assets, given.matches, given.runs))


async def _measure(url: str, size: int, matches: int, runs: int) -> int:
    fleet = make_fleet(size, seed=1)
    wanted = _sensors(fleet, matches)
    engine = open_engine(url)
    try:
        await engine.migrate()
        store = DatabaseStore(engine)
        seconds = await _fill(store, fleet)
        print(f"{size:,} assets put in {seconds:.0f} s on {engine.dialect}; {matches:,} matches of each kind")
        found: dict[str, list[Timed]] = {kind: [] for kind in wanted}
        for _ in range(runs):
            for kind, sensors in wanted.items():
                found[kind] += [await _match(store, sensor) for sensor in sensors]
    finally:
        await engine.close()
    print_table(COLUMNS, [_row(kind, timed) for kind, timed in found.items()])
    reached = all(middle([one.ms for one in timed]) <= _GOAL_MS for timed in found.values())
    print(f"\ngoal: a median of at most {_GOAL_MS:g} ms: {'reached' if reached else 'missed'}")
    return 0 if reached else 1


def _sensors(fleet: list[str], count: int) -> dict[str, list[str]]:
    """What sensors hold, whole VINs and ends of them apart."""
    kinds: dict[str, list[str]] = {"whole": [], "end": []}
    for draw in islice(draws(fleet, seed=2), count * 40):
        kind = kinds["whole" if len(draw.sensor.strip()) >= WHOLE else "end"]
        if len(kind) < count:
            kind.append(draw.sensor)
    return kinds


async def _fill(store: DatabaseStore, fleet: Sequence[str]) -> float:
    began = perf_counter()
    numbered = enumerate(fleet, 1)
    while part := list(islice(numbered, _ASSETS_AT_A_TIME)):
        assets = [_asset(number, vin) for number, vin in part]
        keys = sorted(key for asset in assets for key in keys_of(asset.asset_id, asset.serial, asset.origin))

        async def put(tx: Transaction, assets: list[Asset] = assets, keys: list[tuple[str, str]] = keys) -> None:
            await tx.registry.assets.put(ORGANIZATION, [(asset, vin_of(asset.serial)) for asset in assets])
            await tx.vin_keys.change(ORGANIZATION, keys, [])

        await store.write(put)
    return perf_counter() - began


def _asset(number: int, vin: str) -> Asset:
    name = f"TRUCK-{number}"
    # Ids are drawn, so that neighbours in the fleet aren't neighbours in the tables.
    asset_id = f"asset_{number * 0x9E3779B97F4A7C15 % 2**64:016x}"
    return Asset(asset_id=asset_id, lease_asset_id=number, external_asset_id=name, code=name, name=name, serial=vin)


async def _match(store: Store, sensor: str) -> Timed:
    began = perf_counter()
    found = await store.read(lambda tx: match_vin(tx, ORGANIZATION, VinMatchRequest(sensor, "tp")))
    return Timed((perf_counter() - began) * 1000, len(found.candidates))


def _row(kind: str, timed: list[Timed]) -> tuple[object, ...]:
    times = sorted(one.ms for one in timed)
    candidates = sum(one.candidates for one in timed) / len(timed)
    return kind, candidates, middle(times), times[len(times) * 99 // 100], times[-1]


if __name__ == "__main__":
    sys.exit(main())

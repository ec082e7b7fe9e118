"""Compute all that is derived afresh from what is recorded, and a digest over it."""

import hashlib
from collections.abc import Callable

from msgspec import Struct

from handlers.link_rebuild import add_links
from handlers.ports import Store, Transaction
from handlers.refold import load_recorded, tell, write_plans
from handlers.registry_digest import add_registry
from handlers.registry_rebuild import rebuild_registry
from handlers.rules.implied import UnitMeters
from handlers.rules.mending import mend, right_rows
from handlers.unit_ports import Unit
from handlers.vin_index import add_vin_keys, rebuild_vin_keys
from schemas.wire import to_json

UNITS_AT_A_TIME = 500
_NO_METERS: UnitMeters = {}


class Rebuilt(Struct, frozen=True, rename="camel"):
    """How many units were folded again, how many of them had been stored wrongly, and the digests before and after.

    `series` were judged again in the registry, where `registry_mended` rows and series had been stored wrongly.
    """

    units: int
    mended: int
    series: int
    registry_mended: int
    digest_before: str
    digest_after: str


async def rebuild(
    store: Store,
    clock: Callable[[], int],
    progress: Callable[[int], None] = lambda _: None,
    unit_meters: UnitMeters = _NO_METERS,
) -> Rebuilt:
    """Fold every unit from its start and write what differs, some units in a transaction; then the same of the registry.

    `progress` is told how many units are done, `unit_meters` is which meters units deliver by the settings. Deliveries and syncs
    may come in meanwhile: what is mended is locked.
    """
    before = await digest(store)
    units, mended, after = 0, 0, ("", "")
    while True:
        start = after

        async def work(tx: Transaction, start: Unit = start) -> tuple[list[Unit], int]:
            page = await tx.histories.all_units(start, UNITS_AT_A_TIME)
            return page, await _rebuild_units(tx, page, clock()) if page else 0

        page, wrong = await store.write(work)
        if not page:
            break
        units, mended, after = units + len(page), mended + wrong, page[-1]
        progress(units)
    series, registry_mended = await rebuild_registry(store, clock, unit_meters)
    registry_mended += await rebuild_vin_keys(store)
    return Rebuilt(units, mended, series, registry_mended, before, await digest(store))


async def _rebuild_units(tx: Transaction, units: list[Unit], now_us: int) -> int:
    await tx.histories.hold(units)
    recorded = await load_recorded(tx, units)
    right = {unit: right_rows(unit, recorded[unit], now_us) for unit in units}
    ids = [row[:2] for one in right.values() for row in one.rows.aliases]
    aliases = await tx.histories.stored_aliases(ids) if ids else set()
    stored = await tx.histories.rows_of(units)
    plans = [plan for unit in units if (plan := mend(right[unit], stored[unit], aliases, now_us))]
    if plans:
        commit_id = await tx.journal.begin()
        drafts = await write_plans(tx, plans)
        await tx.histories.remove_units([unit for unit in units if recorded[unit].is_empty])
        await tell(tx, commit_id, drafts, now_us)
    return len(plans)


async def digest(store: Store) -> str:
    """The digest over all derived state, as `digest_of` makes it, of one snapshot."""
    return await store.read(digest_of)


async def digest_of(tx: Transaction) -> str:
    """SHA-256 in hex over all derived state of units and of the registry; equal state gives an equal digest on either engine.

    Left out are when a row was written and other ids of pairings and cases, which both depend on how deliveries came.
    """
    hashed = hashlib.sha256()
    after = ("", "")
    while page := await tx.histories.all_units(after, UNITS_AT_A_TIME):
        stored = await tx.histories.rows_of(page)
        for unit in page:
            row, pairings, cases, flags = stored[unit]
            undated = [pairing._replace(updated_at_us=0) for pairing in pairings]
            hashed.update(to_json((unit, row, undated, cases, flags)))
        after = page[-1]
    await add_links(tx, hashed)
    await add_registry(tx, hashed)
    await add_vin_keys(tx, hashed)
    return hashed.hexdigest()

"""Compute all that is derived of units afresh from what is recorded, and a digest over it."""

import hashlib
from collections.abc import Callable

from msgspec import Struct

from handlers.ports import Store, Transaction, Unit
from handlers.refold import plan_from_start, tell, write_plans
from handlers.rules.plan import UnitPlan
from schemas.wire import to_json_text

UNITS_AT_A_TIME = 500


class Rebuilt(Struct, frozen=True, rename="camel"):
    """How many units were folded again, how many of them had been stored wrongly, and the digests before and after."""

    units: int
    mended: int
    digest_before: str
    digest_after: str


async def rebuild(store: Store, clock: Callable[[], int], progress: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """Fold every unit from its start and write what differs, some units in a transaction; `progress` is told how many are done.

    Deliveries may come in meanwhile: units are locked while they are folded.
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
            return Rebuilt(units, mended, before, await digest(store))
        units, mended, after = units + len(page), mended + wrong, page[-1]
        progress(units)


async def _rebuild_units(tx: Transaction, units: list[Unit], now_us: int) -> int:
    await tx.histories.lock(units)
    states = await tx.histories.states_of(units)
    copies = await tx.journal.copies_of(units)
    plans = await plan_from_start(tx, units, copies, now_us)
    wrong = [plan for plan in plans if _differs(plan, states.get((plan.unit.organization_id, plan.unit.unit_id)))]
    await tx.histories.remove_units([unit for unit in units if unit not in copies])
    if wrong:
        commit_id = await tx.journal.begin()
        drafts = await write_plans(tx, [plan for plan in wrong if (plan.unit.organization_id, plan.unit.unit_id) in copies])
        await tell(tx, commit_id, drafts, now_us)
    return len(wrong)


def _differs(plan: UnitPlan, stored_state: str | None) -> bool:
    writes = (plan.pairings, plan.pairings_removed, plan.cases, plan.cases_removed, plan.flags, plan.flags_removed)
    return any(writes) or plan.unit.state != stored_state


async def digest(store: Store) -> str:
    """SHA-256 in hex over all derived state of units, in their order; equal state gives an equal digest on either engine."""

    async def work(tx: Transaction) -> str:
        hashed = hashlib.sha256()
        after = ("", "")
        while page := await tx.histories.all_units(after, UNITS_AT_A_TIME):
            states = await tx.histories.states_of(page)
            intervals = await tx.histories.stored_intervals(page)
            episodes = await tx.histories.stored_episodes(page)
            flags = await tx.histories.stored_flags(page)
            for unit in page:
                derived = (intervals.get(unit, []), episodes.get(unit, []), sorted(flags.get(unit, {}).items()))
                hashed.update(to_json_text((*unit, states.get(unit), *derived)).encode())
            after = page[-1]
        return hashed.hexdigest()

    return await store.read(work)

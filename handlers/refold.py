"""Bring the stored state of units to what is recorded of them."""

from collections.abc import Mapping, Sequence

from handlers.attribution import follow_intervals, note_intervals
from handlers.ports import Transaction
from handlers.rules.facts import merge_all
from handlers.rules.plan import ChangeDraft, Stored, UnitPlan, plan_unit, stored_open
from handlers.rules.statements import Recorded, fold_recorded
from handlers.rules.units import can_go_on, fold_unit
from handlers.unit_ports import Unit
from schemas.facts import Copy
from schemas.pairing import UnitState
from schemas.unit_records import ChangeRecord


async def load_recorded(tx: Transaction, units: Sequence[Unit], known_at_us: int | None = None) -> dict[Unit, Recorded]:
    """All that is recorded of each of these units, or what of it was known at a time."""
    copies = await tx.journal.copies_of(units, known_at_us)
    statements = await tx.statements.of_units(units, known_at_us)
    return {unit: Recorded(copies.get(unit, ()), statements.get(unit, ())) for unit in units}


async def plan_from_start(
    tx: Transaction, units: Sequence[Unit], recorded: Mapping[Unit, Recorded], now_us: int
) -> list[UnitPlan]:
    """Fold all that is recorded of each unit and compare with all that is stored of it."""
    intervals = await tx.histories.stored_intervals(units)
    episodes = await tx.histories.stored_episodes(units)
    flags = await tx.histories.stored_flags(units)
    plans = []
    for unit in units:
        stored = Stored(intervals.get(unit, []), episodes.get(unit, []), flags.get(unit, {}))
        plans.append(plan_unit(*unit, stored, fold_recorded(recorded[unit]), now_us))
    return plans


def plan_onward(unit: Unit, state: UnitState, copies: Sequence[Copy], now_us: int) -> UnitPlan | None:
    """Fold copies that are all later than what the unit has seen; None if one is not, or is of a void fact."""
    facts = merge_all(copies)
    if not can_go_on(state, facts):
        return None
    return plan_unit(*unit, stored_open(state), fold_unit(state, facts), now_us)


async def write_plans(tx: Transaction, plans: Sequence[UnitPlan]) -> list[ChangeDraft]:
    """Write what the plans say, rows sorted by key; the changes are given back, since their place comes at the very end.

    Readings that units brought follow the intervals.
    """
    before = await note_intervals(tx, plans)
    await tx.histories.put_units(sorted(plan.unit for plan in plans))
    await tx.histories.put_pairings(
        sorted(row for plan in plans for row in plan.pairings), [key for plan in plans for key in plan.pairings_removed]
    )
    await tx.histories.put_cases(
        sorted(row for plan in plans for row in plan.cases), [key for plan in plans for key in plan.cases_removed]
    )
    await tx.histories.put_aliases(sorted({row for plan in plans for row in plan.aliases}))
    await tx.histories.put_flags(
        sorted(row for plan in plans for row in plan.flags), [key for plan in plans for key in plan.flags_removed]
    )
    await follow_intervals(tx, before)
    return [draft for plan in plans for draft in plan.changes]


async def tell(tx: Transaction, commit_id: int, drafts: Sequence[ChangeDraft], now_us: int) -> list[ChangeRecord]:
    """Take the transaction's place in the journal and append its changes there; the changes as they stand in the feed."""
    stamp = await tx.journal.stamp(commit_id, now_us)
    rows = [
        ChangeRecord(draft.organization_id, stamp.position, n, draft.type, draft.unit_id, stamp.known_at_us, draft.data)
        for n, draft in enumerate(drafts)
    ]
    await tx.changes.append(rows)
    return rows

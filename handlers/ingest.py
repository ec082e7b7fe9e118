"""Deliveries -> journal, facts, histories, changes: one transaction for a whole group of deliveries."""

from collections.abc import Iterable, Sequence

from handlers.links import follow_copies
from handlers.ports import Transaction
from handlers.refold import load_recorded, plan_from_start, plan_onward, tell, write_plans
from handlers.rules.intake import Batch, Intake, refused
from handlers.rules.plan import UnitPlan
from handlers.rules.recording import Answer, FactId, Recording
from handlers.unit_ports import Unit
from schemas.errors import StoreUnavailableError
from schemas.facts import Copy
from schemas.pairing import UnitState

_NEW = UnitState()


async def ingest(tx: Transaction, intakes: Sequence[Intake], now_us: int, *, delivery_id: int | None = None) -> list[Answer]:
    """Record and apply deliveries in their order; the answers, in the same order, hold once the transaction is committed.

    `delivery_id` is for a single delivery that is kept already, and whose body is a batch only now.
    """
    batches = [intake.batch for intake in intakes if intake.batch]
    copies = _copies_of(batches)
    states = await tx.histories.lock(sorted(copies)) if copies else {}
    # After the locks: of a batch that is being delivered to two receivers at once, one of them sees that it is known.
    event_batch_ids = sorted({batch.event_batch_id for batch in batches})
    recording = Recording(await tx.journal.batches_of(event_batch_ids) if event_batch_ids else ())
    recording.number(await tx.journal.begin())
    if any(map(recording.knows, batches)):
        copies = _copies_of(batch for batch in batches if not recording.knows(batch))
    plans, known = await _plan(tx, states, copies, now_us)
    answers = [recording.judge(intake, known, delivery_id) for intake in intakes]
    drafts = await write_plans(tx, plans)
    await tx.journal.put_batches(recording.batches)
    await tx.journal.put_deliveries(sorted(recording.deliveries, key=lambda row: row[:2]))
    for adopted in recording.adopted:
        await tx.journal.adopt_delivery(*adopted)
    await tx.journal.put_events(sorted(recording.events, key=lambda row: row[:2]))
    await tx.quarantine.put(recording.quarantine)
    await follow_copies(tx, copies, now_us)
    if idle := [unit for unit, state in states.items() if unit not in copies and state == _NEW]:
        await _let_go(tx, idle)
    await tell(tx, recording.commit_id, drafts, now_us)
    return answers


async def ingest_each(tx: Transaction, intakes: Sequence[Intake], now_us: int) -> list[Answer]:
    """The same, one delivery after the other, for a group that failed as a whole: what can't be applied is kept, in quarantine.

    Only a fault of the store itself passes: there is nowhere to keep anything then.
    """
    # All locks first: the first delivery takes its place in the journal, and whoever waits for that place may hold other units.
    units = sorted(_copies_of(intake.batch for intake in intakes if intake.batch))
    if units:
        await tx.histories.hold(units)
    answers: list[Answer] = []
    refusals = 0
    for intake in intakes:
        try:
            async with tx.savepoint():
                answers += await ingest(tx, [intake], now_us)
        except StoreUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the delivery was signed and must not be lost
            refusals += 1
            async with tx.savepoint():
                answers += await ingest(tx, [refused(intake, f"{type(error).__name__}: {error}")], now_us)
    if refusals:
        await _let_go(tx, units)
    return answers


async def _let_go(tx: Transaction, units: Sequence[Unit]) -> None:
    """Holding a unit that nobody had heard of can leave a row of it; where nothing came to be recorded, it goes again."""
    recorded = await load_recorded(tx, units)
    await tx.histories.remove_units([unit for unit in units if recorded[unit].is_empty])


async def _plan(
    tx: Transaction, states: dict[Unit, UnitState], copies: dict[Unit, list[Copy]], now_us: int
) -> tuple[list[UnitPlan], set[FactId]]:
    """Plans for all touched units, and the facts that were known before of those that had to be folded from their start."""
    plans: list[UnitPlan] = []
    late: list[Unit] = []
    for unit, new in copies.items():
        plan = plan_onward(unit, states[unit], new, now_us)
        if plan is None:
            late.append(unit)
        else:
            plans.append(plan)
    if not late:
        return plans, set()
    recorded = await load_recorded(tx, late)
    known = {(copy.organization_id, copy.event_key) for each in recorded.values() for copy in each.copies}
    together = {unit: recorded[unit].also(copies[unit]) for unit in late}
    return [*plans, *await plan_from_start(tx, late, together, now_us)], known


def _copies_of(batches: Iterable[Batch]) -> dict[Unit, list[Copy]]:
    by_unit: dict[Unit, list[Copy]] = {}
    for batch in batches:
        for entry in batch.entries:
            if entry.copy:
                by_unit.setdefault((entry.organization_id, entry.copy.unit_id), []).append(entry.copy)
    return by_unit

"""What deliveries would change, without changing it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct

from handlers.ports import Store, Transaction, Unit
from handlers.refold import plan_from_start
from handlers.rules.intake import Intake
from handlers.rules.plan import ChangeDraft
from handlers.rules.recording import Answer, Recording
from schemas.facts import Copy
from schemas.records import BatchRecord

Item = TypeVar("Item")

UNITS_AT_A_TIME = 500
BATCHES_AT_A_TIME = 500


class Preview(Struct, frozen=True):
    """The answers that the deliveries would get, in their order, and the changes that they would make together."""

    answers: tuple[Answer, ...]
    changes: tuple[ChangeDraft, ...]


async def preview(store: Store, intakes: Sequence[Intake], now_us: int) -> Preview:
    """Judge and fold deliveries against what is stored, on a snapshot; nothing is written and nobody waits."""

    async def work(tx: Transaction) -> Preview:
        recording = Recording(await _stored_batches(tx, intakes))
        recording.number(1)
        copies = _copies(recording, intakes)
        changes: list[ChangeDraft] = []
        known: set[tuple[str, str]] = set()
        for units in _chunks(sorted(copies), UNITS_AT_A_TIME):
            recorded = await tx.journal.copies_of(units)
            known |= {(copy.organization_id, copy.event_key) for rows in recorded.values() for copy in rows}
            together = {unit: [*recorded.get(unit, ()), *copies[unit]] for unit in units}
            for plan in await plan_from_start(tx, units, together, now_us):
                changes += plan.changes
        return Preview(tuple(recording.judge(intake, known) for intake in intakes), tuple(changes))

    return await store.read(work)


def counted(answers: Iterable[Answer]) -> Counter[str]:
    """Deliveries by message, and events by outcome, summed up."""
    total: Counter[str] = Counter()
    for answer in answers:
        total[answer.message] += 1
        for outcome in ("received", "applied", "duplicates", "quarantined", "ignored"):
            total[outcome] += getattr(answer, outcome)
    return total


async def _stored_batches(tx: Transaction, intakes: Sequence[Intake]) -> list[BatchRecord]:
    ids = sorted({intake.batch.event_batch_id for intake in intakes if intake.batch})
    return [row for chunk in _chunks(ids, BATCHES_AT_A_TIME) for row in await tx.journal.batches_of(chunk)]


def _copies(recording: Recording, intakes: Sequence[Intake]) -> dict[Unit, list[Copy]]:
    copies: dict[Unit, list[Copy]] = {}
    for intake in intakes:
        for entry in intake.batch.entries if intake.batch and not recording.knows(intake.batch) else ():
            if entry.copy:
                copies.setdefault((entry.organization_id, entry.copy.unit_id), []).append(entry.copy)
    return copies


def _chunks(items: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

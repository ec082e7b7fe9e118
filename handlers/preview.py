"""What deliveries would change, without changing it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from handlers.ports import Store, Transaction
from handlers.refold import load_recorded, plan_from_start
from handlers.rules.intake import Intake
from handlers.rules.plan import ChangeDraft
from handlers.rules.recording import Answer, FactId, Recording
from handlers.unit_ports import Unit
from schemas.facts import Copy
from schemas.journal_records import BatchRecord

Item = TypeVar("Item")

UNITS_AT_A_TIME = 500
INTAKES_AT_A_TIME = 500


class Preview(Struct, frozen=True):
    """The answers that the deliveries would get, in their order, and the changes that they would make together."""

    answers: tuple[Answer, ...]
    changes: tuple[ChangeDraft, ...]


def without_body(intake: Intake) -> Intake:
    """All of a delivery that a preview needs: thousands of them are held at once."""
    return replace(intake, arrival=replace(intake.arrival, body=b""))


async def preview(store: Store, intakes: Sequence[Intake], now_us: int) -> Preview:
    """Judge and fold deliveries against what is stored, on a snapshot; nothing is written and nobody waits."""

    async def work(tx: Transaction) -> Preview:
        judging = _Judging()
        for chunk in _chunks(intakes, INTAKES_AT_A_TIME):
            await judging.judge(tx, chunk)
        changes: list[ChangeDraft] = []
        for units in _chunks(sorted(judging.copies), UNITS_AT_A_TIME):
            recorded = await load_recorded(tx, units)
            together = {unit: recorded[unit].also(judging.copies[unit]) for unit in units}
            for plan in await plan_from_start(tx, units, together, now_us):
                changes += plan.changes
        return Preview(tuple(judging.answers), tuple(changes))

    return await store.read(work)


class _Judging:
    """Judges deliveries as ingesting them in their order would, and gathers the new copies of each unit."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.copies: dict[Unit, list[Copy]] = {}
        self._batches: list[BatchRecord] = []
        self._known: set[FactId] = set()

    async def judge(self, tx: Transaction, intakes: Sequence[Intake]) -> None:
        """The next deliveries."""
        ids = sorted({intake.batch.event_batch_id for intake in intakes if intake.batch})
        before = [row for row in self._batches if row.event_batch_id in set(ids)]
        recording = Recording([*await tx.journal.batches_of(ids), *before])
        recording.number(1)
        fresh = [intake for intake in intakes if intake.batch and not recording.knows(intake.batch)]
        copies = [entry.copy for intake in fresh if intake.batch for entry in intake.batch.entries if entry.copy]
        await self._look_up(tx, {(copy.organization_id, copy.unit_id) for copy in copies})
        for copy in copies:
            self.copies[copy.organization_id, copy.unit_id].append(copy)
        self.answers += [recording.judge(intake, self._known) for intake in intakes]
        self._batches += recording.batches

    async def _look_up(self, tx: Transaction, units: Iterable[Unit]) -> None:
        """Learn what is known of units that haven't come up before."""
        unseen = sorted(unit for unit in units if unit not in self.copies)
        for rows in (await tx.journal.copies_of(unseen)).values() if unseen else ():
            self._known |= {(copy.organization_id, copy.event_key) for copy in rows}
        self.copies |= {unit: [] for unit in unseen}


def counted(answers: Iterable[Answer]) -> Counter[str]:
    """Deliveries by message, and events by outcome, summed up."""
    total: Counter[str] = Counter()
    for answer in answers:
        total[answer.message] += 1
        for count in ("received", "applied", "duplicates", "quarantined", "ignored"):
            total[count] += getattr(answer, count)
    return total


def _chunks(items: Sequence[Item], size: int) -> Iterable[Sequence[Item]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]

"""What a group of deliveries leaves in the journal: judged one by one in their order, gathered row by row."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import Struct

from handlers.rules.intake import Batch, Entry, Intake
from handlers.rules.journal_rows import batch_record, delivery_record, event_record, quarantined_body, quarantined_event
from schemas.errors import InvalidInputError
from schemas.journal_records import BatchRecord, DeliveryRecord, EventRecord, QuarantineRecord

Message = Literal["accepted", "duplicate", "conflict", "quarantined"]
# Ids are commit_id * 2^24 + n, so a transaction records at most so many rows.
IDS_PER_COMMIT = 1 << 24
FactId = tuple[str, str]


class Answer(Struct, frozen=True, gc=False):
    """What became of a delivery; the four outcomes add up to `received`."""

    message: Message
    event_batch_id: str | None = None
    received: int = 0
    applied: int = 0
    duplicates: int = 0
    quarantined: int = 0
    ignored: int = 0
    quarantine_id: int | None = None
    is_json: bool = True


class Recording:
    """The rows of one group. `stored` are the batches already kept under one of the group's eventBatchIds."""

    def __init__(self, stored: Sequence[BatchRecord]) -> None:
        self.commit_id = 0
        self._last_id = 0
        self._batches = {row.batch_key for row in stored}
        self._contents = {row.content_key: row.batch_id for row in stored}
        self._event_batch_ids = {row.event_batch_id for row in stored}
        self.batches: list[BatchRecord] = []
        self.deliveries: list[DeliveryRecord] = []
        self.events: list[EventRecord] = []
        self.quarantine: list[QuarantineRecord] = []
        self.adopted: list[tuple[int, int, str]] = []

    def knows(self, batch: Batch) -> bool:
        """Whether this very envelope is kept already, so that its entries add nothing."""
        return batch.content_key in self._contents

    def number(self, commit_id: int) -> None:
        """Give the recording its transaction, from which its ids are made."""
        self.commit_id = commit_id
        self._last_id = commit_id * IDS_PER_COMMIT

    def new_id(self) -> int:
        """An id of this transaction; rising. Raises InvalidInputError when a body holds more entries than there are ids."""
        self._last_id += 1
        if self._last_id >= (self.commit_id + 1) * IDS_PER_COMMIT:
            raise InvalidInputError("more entries than one transaction can record")
        return self._last_id

    def judge(self, intake: Intake, known: set[FactId], adopted_id: int | None = None) -> Answer:
        """Record one delivery and tell its answer. `known` are the facts there are already; new ones are added to it.

        `adopted_id` is a delivery that is kept already, and whose body was no batch before.
        """
        delivery_id = adopted_id or self.new_id()
        batch = intake.batch
        if batch is None:
            quarantine_id = self._quarantine_body(intake, delivery_id)
            self._record_delivery(intake, delivery_id, None, "quarantined", ())
            return Answer("quarantined", quarantine_id=quarantine_id, quarantined=1, received=1, is_json=intake.is_json)
        repeated = batch.batch_key in self._batches
        message: Message = "accepted"
        if repeated:
            message = "duplicate"
        elif batch.event_batch_id in self._event_batch_ids:
            message = "conflict"
        batch_id = self._contents.get(batch.content_key)
        if batch_id is None:
            # The same batch in another envelope has nothing to apply, but says who sent it, and when: its copies are evidence.
            batch_id = self.new_id()
            outcomes = self._record_entries(intake, batch, batch_id, delivery_id, known, repeated=repeated)
        else:
            outcomes = Counter(duplicate=len(batch.entries))
        self._event_batch_ids.add(batch.event_batch_id)
        self._batches.add(batch.batch_key)
        self._contents[batch.content_key] = batch_id
        organizations = {entry.organization_id for entry in batch.entries}
        if adopted_id:
            self.adopted.append((adopted_id, batch_id, message))
        else:
            self._record_delivery(intake, delivery_id, batch_id, message, organizations)
        return Answer(
            message,
            batch.event_batch_id,
            len(batch.entries),
            outcomes["applied"],
            outcomes["duplicate"],
            outcomes["quarantined"],
            outcomes["ignored"],
        )

    def _record_entries(
        self,
        intake: Intake,
        batch: Batch,
        batch_id: int,
        delivery_id: int,
        known: set[FactId],
        *,
        repeated: bool,
    ) -> Counter[str]:
        counts: dict[str, Counter[str]] = {}
        for index, entry in enumerate(batch.entries):
            outcome = _outcome(entry, known, repeated=repeated)
            counts.setdefault(entry.organization_id, Counter())[outcome] += 1
            if repeated and entry.copy is None:
                continue
            seq = self.new_id()
            self.events.append(event_record(entry, seq, batch, batch_id, delivery_id, index, outcome))
            if outcome == "quarantined" and entry.problem:
                place = (delivery_id, batch_id, index, seq)
                self.quarantine.append(quarantined_event(intake.arrival, entry, entry.problem, self.new_id(), place))
        total: Counter[str] = Counter()
        for organization_id, outcomes in (counts or {"": Counter()}).items():
            total += outcomes
            self.batches.append(batch_record(intake.arrival, batch, batch_id, organization_id, outcomes))
        return total

    def _record_delivery(
        self, intake: Intake, delivery_id: int, batch_id: int | None, answer: str, organizations: Collection[str]
    ) -> None:
        organization_id = next(iter(organizations)) if len(organizations) == 1 else ""
        self.deliveries.append(delivery_record(intake.arrival, delivery_id, batch_id, answer, organization_id))

    def _quarantine_body(self, intake: Intake, delivery_id: int) -> int:
        quarantine_id = self.new_id()
        self.quarantine.append(quarantined_body(intake, quarantine_id, delivery_id))
        return quarantine_id


def _outcome(entry: Entry, known: set[FactId], *, repeated: bool) -> str:
    if entry.copy is None:
        return "duplicate" if repeated else "ignored" if entry.ignored else "quarantined"
    key = (entry.organization_id, entry.copy.event_key)
    if key in known:
        return "duplicate"
    known.add(key)
    return "applied"

"""The rows that a delivery leaves in the journal, one function for each kind."""

from collections.abc import Mapping

from handlers.rules.intake import Arrival, Batch, Entry, Intake
from schemas.errors import Problem
from schemas.journal_records import BatchRecord, DeliveryRecord, EventRecord, QuarantineRecord
from schemas.wire import to_json_text

OUTCOMES = ("applied", "duplicate", "quarantined", "ignored")


def delivery_record(
    arrival: Arrival, delivery_id: int, batch_id: int | None, answer: str, organization_id: str
) -> DeliveryRecord:
    """The row of a delivery as it was received. `organization_id` is empty where its entries are of none, or of several."""
    return DeliveryRecord(
        organization_id,
        delivery_id,
        batch_id,
        arrival.received_at_us,
        arrival.subscription,
        arrival.source,
        arrival.remote,
        arrival.headers,
        answer,
        len(arrival.body),
        arrival.body,
    )


def batch_record(arrival: Arrival, batch: Batch, batch_id: int, organization_id: str, outcomes: Mapping[str, int]) -> BatchRecord:
    """The row of one organization's part of a batch, with how many of its entries had which of the OUTCOMES."""
    return BatchRecord(
        organization_id,
        batch_id,
        batch.content_key,
        batch.batch_key,
        batch.event_batch_id,
        batch.event_subscription_id,
        batch.event_batch_time_us,
        arrival.source,
        arrival.subscription,
        *(outcomes[outcome] for outcome in OUTCOMES),
    )


def quarantined_body(intake: Intake, quarantine_id: int, delivery_id: int) -> QuarantineRecord:
    """The row of a body that is no batch."""
    arrival = intake.arrival
    path, message = (intake.problem.path, intake.problem.message) if intake.problem else ("$", "")
    return QuarantineRecord(
        "",
        quarantine_id,
        "waiting",
        "body",
        path,
        message,
        arrival.received_at_us,
        delivery_id,
        None,
        None,
        None,
        arrival.subscription,
        0,
        arrival.body,
    )


def quarantined_event(
    arrival: Arrival, entry: Entry, problem: Problem, quarantine_id: int, place: tuple[int, int, int, int]
) -> QuarantineRecord:
    """The row of an entry that can't be applied. `place` is its delivery, its batch, its index in there, and its number."""
    return QuarantineRecord(
        entry.organization_id,
        quarantine_id,
        "waiting",
        "event",
        problem.path,
        problem.message,
        arrival.received_at_us,
        *place,
        arrival.subscription,
        int(entry.bound),
        entry.raw or b"",
    )


def event_record(entry: Entry, seq: int, batch: Batch, batch_id: int, delivery_id: int, index: int, outcome: str) -> EventRecord:
    """The row of one entry: entry number `index` of `batch`, recorded as number `seq` of the journal."""
    copy = entry.copy
    envelope = (batch.event_subscription_id, batch.batch_key, batch.event_batch_time_us)
    head = (entry.organization_id, seq, batch_id, delivery_id, index, outcome, entry.event_type, entry.event_version)
    if copy is None:
        return EventRecord(*head, None, None, None, None, None, None, None, *envelope, entry.raw)
    meaning = to_json_text(copy.meaning)
    fact = (copy.event_key, copy.unit_id, copy.asset_id, copy.kind, copy.at_us, copy.meaning.reason, meaning)
    return EventRecord(*head, *fact, *envelope, None)

"""Try again what could not be understood, or say that it needn't be."""

from collections.abc import Collection
from typing import Literal

from msgspec import Raw, Struct

from handlers.ingest import ingest
from handlers.links import follow_copies
from handlers.ports import Transaction
from handlers.refold import load_recorded, plan_from_start, tell, write_plans
from handlers.rules.intake import EVENTS_MAX, Arrival, Batch, Entry, Intake, decode_entry, entry_path, take_in, take_in_feed
from handlers.rules.journal_rows import event_record
from handlers.rules.recording import IDS_PER_COMMIT
from handlers.unit_ports import Unit
from schemas.errors import ConflictError, NotFoundError
from schemas.journal_records import DeliveryRecord, EventRecord, QuarantineRecord


class Reprocessed(Struct, frozen=True):
    """What became of an entry: `waiting` if it still can't be understood, and then `path` and `message` say why."""

    state: Literal["resolved", "waiting"]
    outcome: Literal["applied", "duplicate", "ignored", "quarantined"]
    path: str = ""
    message: str = ""


async def reprocess(
    tx: Transaction, quarantine_id: int, organizations: Collection[str], now_us: int, events_max: int = EVENTS_MAX
) -> Reprocessed:
    """Try one entry again. `organizations` is the binding of its subscription today; what is applied is known from now on.

    A body with more than `events_max` events keeps waiting.

    NotFoundError: there is no such entry. ConflictError: it is resolved or discarded already.
    """
    entry = await _waiting(tx, quarantine_id)
    if entry.kind == "event":
        result = await _retry_event(tx, entry, organizations, now_us)
    else:
        result = await _retry_body(tx, entry, organizations, now_us, events_max)
    if result.state == "resolved":
        await tx.quarantine.set_state(entry.organization_id, quarantine_id, "resolved")
    else:
        await tx.quarantine.set_problem(entry.organization_id, quarantine_id, result.path, result.message)
    return result


async def discard(tx: Transaction, quarantine_id: int) -> None:
    """Say that an entry needs no more looking at; it stays, and what it is stays with it. Errors as for `reprocess`."""
    entry = await _waiting(tx, quarantine_id)
    await tx.quarantine.set_state(entry.organization_id, quarantine_id, "discarded")


async def reprocess_ignored(tx: Transaction, row: EventRecord, organizations: Collection[str], now_us: int) -> Reprocessed:
    """Try an ignored entry again, now that there may be a decoder for its type and version.

    ConflictError: somebody else has done so since `row` was read.
    """
    taken = await tx.events.take_ignored(row.organization_id, row.seq)
    if taken is None:
        raise ConflictError("the entry isn't ignored any more")
    return await _retry(tx, taken, taken.raw or b"", organizations, now_us)


async def _waiting(tx: Transaction, quarantine_id: int) -> QuarantineRecord:
    entry = await tx.quarantine.take(quarantine_id)
    if entry is None:
        raise NotFoundError("no such quarantine entry")
    if entry.state != "waiting":
        raise ConflictError(f"the entry is {entry.state} already")
    return entry


async def _retry_event(tx: Transaction, entry: QuarantineRecord, organizations: Collection[str], now_us: int) -> Reprocessed:
    row = await tx.events.find_entry(entry.organization_id, entry.event_seq or 0)
    if row is None:
        raise NotFoundError("the entry's place in the journal is gone")
    return await _retry(tx, row, entry.raw, organizations, now_us)


async def _retry(tx: Transaction, row: EventRecord, raw: bytes, organizations: Collection[str], now_us: int) -> Reprocessed:
    path = entry_path(await _source_of(tx, row.batch_id), row.entry)
    entry = decode_entry(Raw(raw), path, row.source, row.batch_key, row.batch_time_us, organizations)
    if entry.problem:
        return Reprocessed("waiting", "quarantined", entry.problem.path, entry.problem.message)
    if entry.ignored and row.outcome == "ignored":
        return Reprocessed("waiting", "ignored", path, "there is no decoder for this type and version")
    outcome = await _record_anew(tx, row, entry, now_us)
    return Reprocessed("resolved", outcome)


async def _record_anew(
    tx: Transaction, row: EventRecord, entry: Entry, now_us: int
) -> Literal["applied", "duplicate", "ignored"]:
    """Put the entry at the end of the journal, known from now, and bring its unit to what it says."""
    units: list[Unit] = [(entry.organization_id, entry.copy.unit_id)] if entry.copy else []
    if units:
        await tx.histories.hold(units)
    recorded = await load_recorded(tx, units) if units else {}
    outcome: Literal["applied", "duplicate", "ignored"] = "ignored"
    if entry.copy:
        known = {copy.event_key for copy in recorded[units[0]].copies}
        outcome = "duplicate" if entry.copy.event_key in known else "applied"
    commit_id = await tx.journal.begin()
    batch = Batch("", row.source, row.batch_time_us, row.batch_key, "", ())
    seq = commit_id * IDS_PER_COMMIT + 1
    await tx.journal.remove_events([(row.organization_id, row.seq)])
    await tx.journal.put_events([event_record(entry, seq, batch, row.batch_id, row.delivery_id, row.entry, outcome)])
    await tx.journal.move_count(row.batch_id, (row.organization_id, row.outcome), (entry.organization_id, outcome))
    plans = []
    if entry.copy:
        together = {units[0]: recorded[units[0]].also([entry.copy])}
        plans = await plan_from_start(tx, units, together, now_us)
    drafts = await write_plans(tx, plans)
    if entry.copy:
        await follow_copies(tx, {units[0]: [entry.copy]}, now_us)
    await tell(tx, commit_id, drafts, now_us)
    return outcome


async def _source_of(tx: Transaction, batch_id: int) -> str:
    batches = await tx.events.find_batches(None, batch_id=batch_id)
    return batches[0].source if batches else "webhook"


async def _retry_body(
    tx: Transaction, entry: QuarantineRecord, organizations: Collection[str], now_us: int, events_max: int
) -> Reprocessed:
    """A body that was no batch when it came; its delivery stays the one that it was."""
    delivery = await tx.events.find_delivery(entry.delivery_id)
    intake = _take_in_again(entry, delivery, organizations, events_max)
    if intake.batch is None:
        problem = intake.problem
        return Reprocessed("waiting", "quarantined", problem.path if problem else "$", problem.message if problem else "")
    (answer,) = await ingest(tx, [intake], now_us, delivery_id=entry.delivery_id)
    return Reprocessed("resolved", "duplicate" if answer.message == "duplicate" else "applied")


def _take_in_again(
    entry: QuarantineRecord, delivery: DeliveryRecord | None, organizations: Collection[str], events_max: int
) -> Intake:
    source = "webhook" if delivery is None else delivery.source
    arrival = Arrival(entry.subscription, source, entry.received_at_us, entry.raw)  # type: ignore[arg-type] # as it was stored
    if delivery is not None and source == "feed":
        return take_in_feed(arrival, delivery.remote or entry.subscription, organizations, events_max)
    return take_in(arrival, organizations, events_max)

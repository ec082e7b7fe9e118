"""Entries of batches and what became of them."""

from collections.abc import Collection, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from handlers.ports import Transaction
from handlers.queries.batches import deliveries_by_batch
from handlers.queries.changes import show_changes
from handlers.queries.lists import NEWEST, Filter, Number, PageAsked, Viewer, cursor_key, part_of
from handlers.queries.said import FactId, as_event, is_void, said_of, show_said
from handlers.rules.facts import ASSERTED, merge
from handlers.rules.recording import IDS_PER_COMMIT
from schemas.answers import Change, EventView, Outcome, Said
from schemas.errors import NotFoundError
from schemas.facts import Copy, Flag, Meaning
from schemas.ids import batch_text, delivery_text
from schemas.journal_records import EventRow
from schemas.pages import Page
from schemas.unit_rows import StatementRow
from schemas.wire import optional_time_text, time_text

_STATUS: dict[str | None, Literal["success", "failed"]] = {"paired": "success", "failed": "failed"}
_KIND = {status: kind for kind, status in _STATUS.items()}


class EventFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of events."""

    unit_id: Annotated[str | None, Meta(description="Events of this unit.")] = None
    asset_id: Annotated[str | None, Meta(description="Events that name this asset, by its Datahub UUID.")] = None
    event_type: Annotated[str | None, Meta(description="Such as `unit.paired`.")] = None
    status: Annotated[Literal["success", "failed"] | None, Meta(description="Pairings that succeeded, or failed.")] = None
    reason: Annotated[
        Literal["ManualPair", "AutoPair", "Asserted", "InvalidData", "NotFound", "MultipleMatchFound", "Unknown"] | None,
        Meta(description="Why a pairing succeeded or failed."),
    ] = None
    outcome: Annotated[Outcome | None, Meta(description="What became of the entry.")] = None
    from_us: Annotated[int | None, Meta(description="Events registered at or after this time.")] = None
    to_us: Annotated[int | None, Meta(description="Events registered before this time.")] = None


async def list_events(tx: Transaction, viewer: Viewer, asked: EventFilter, page: PageAsked) -> Page[EventView]:
    """Entries and operators' assertions, the last recorded first: every copy of an event is one."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    found = await _events(tx, viewer, asked, before, page.limit + 1)
    found += map(as_event, await _assertions(tx, viewer, asked, before, page.limit + 1))
    rows = sorted(found, key=lambda row: row.seq, reverse=True)[: page.limit + 1]
    shown, more = part_of(rows, page.limit, lambda row: (row.seq,))
    flags = await _flags(tx, shown)
    deliveries = await _delivery_ids(tx, shown)
    said = await said_of(tx, [(row.organization_id, row.event_key) for row in shown if row.event_key])
    items = [
        _show(
            row,
            row.meaning,
            flags,
            void=is_void(said.get((row.organization_id, row.event_key or ""), ())),
            deliveries=deliveries.get(row.batch_id, ()),
        )
        for row in shown
    ]
    return Page(tuple(items), more)


async def _events(tx: Transaction, viewer: Viewer, asked: EventFilter, before: int, limit: int) -> list[EventRow]:
    if asked.reason == ASSERTED:
        return []
    return await tx.events.list_events(
        before,
        limit,
        viewer.organization_id,
        unit_id=asked.unit_id,
        asset_id=asked.asset_id.lower() if asked.asset_id else asked.asset_id,
        event_type=asked.event_type,
        kind=_KIND[asked.status] if asked.status else None,
        reason=asked.reason,
        outcome=asked.outcome,
        from_us=asked.from_us,
        to_us=asked.to_us,
    )


async def _assertions(tx: Transaction, viewer: Viewer, asked: EventFilter, before: int, limit: int) -> list[StatementRow]:
    if asked.event_type is not None or asked.reason not in {None, ASSERTED} or asked.outcome not in {None, "applied"}:
        return []
    return await tx.statements.list_assertions(
        before,
        limit,
        viewer.organization_id,
        unit_id=asked.unit_id,
        asset_id=asked.asset_id.lower() if asked.asset_id else asked.asset_id,
        kind=_KIND[asked.status] if asked.status else None,
        from_us=asked.from_us,
        to_us=asked.to_us,
    )


async def get_event(tx: Transaction, viewer: Viewer, event_key: str) -> EventView:
    """One event or assertion: what its copies say together, and all that belongs to it.

    That is the deliveries that brought it, what operators said of it, and what the commits that recorded these changed. The
    outcome and the time from which it is known are those of its first copy. Raises NotFoundError.
    """
    rows = await tx.events.find_event(event_key.lower(), viewer.organization_id)
    asserted = None if rows else await tx.statements.find_assertion(event_key.lower(), viewer.organization_id)
    if not rows and asserted is None:
        raise NotFoundError(f"there is no event {event_key!r}")
    fact = (asserted.statement.organization_id if asserted else rows[0].organization_id, event_key.lower())
    said = (await said_of(tx, [fact])).get(fact, [])
    rows = rows or [as_event(row) for row in said if row.statement.asset_id is not None]
    flags = await _flags(tx, rows[:1])
    by_batch = await _delivery_ids(tx, rows)
    return _show(
        rows[0],
        _merged(rows),
        flags,
        void=is_void(said),
        deliveries=tuple(dict.fromkeys(delivery for row in rows for delivery in by_batch.get(row.batch_id, ()))),
        changes=await _changes(tx, rows[0], {row.seq for row in rows} | {row.statement.seq for row in said}),
        statements=show_said(said),
    )


async def _flags(tx: Transaction, rows: Sequence[EventRow]) -> dict[FactId, tuple[Flag, ...]]:
    units = sorted({(row.organization_id, row.unit_id) for row in rows if row.unit_id is not None and row.event_key is not None})
    stored = await tx.histories.stored_flags(units) if units else {}
    return {(organization_id, key): flags for (organization_id, _), facts in stored.items() for key, flags in facts.items()}


async def _delivery_ids(tx: Transaction, rows: Sequence[EventRow]) -> dict[int, tuple[str, ...]]:
    found = await deliveries_by_batch(tx, sorted({row.batch_id for row in rows}))
    return {batch_id: tuple(delivery_text(delivery.delivery_id) for delivery in group) for batch_id, group in found.items()}


async def _changes(tx: Transaction, row: EventRow, seqs: Collection[int]) -> tuple[Change, ...]:
    """What the commits that recorded the copies and the statements told of the unit, oldest first."""
    told: list[Change] = []
    for commit_id in sorted({seq // IDS_PER_COMMIT for seq in seqs}):
        changes = await tx.changes.of_event(row.organization_id, row.unit_id or "", commit_id)
        told += await show_changes(tx, changes)
    return tuple(told)


def _merged(rows: Sequence[EventRow]) -> Meaning | None:
    copies = [
        Copy(
            event_key=row.event_key or "",
            organization_id=row.organization_id,
            unit_id=row.unit_id or "",
            kind=row.kind,  # type: ignore[arg-type] # as it was written
            at_us=row.at_us or 0,
            asset_id=row.asset_id,
            version=row.event_version or 0,
            meaning=row.meaning,
        )
        for row in rows
        if row.meaning is not None
    ]
    return merge(copies).meaning if copies else None


def _show(
    row: EventRow,
    meaning: Meaning | None,
    flags: dict[FactId, tuple[Flag, ...]],
    *,
    void: bool,
    deliveries: tuple[str, ...],
    changes: tuple[Change, ...] = (),
    statements: tuple[Said, ...] = (),
) -> EventView:
    said = meaning or Meaning()
    return EventView(
        event_key=row.event_key,
        event_type=row.event_type,
        event_version=row.event_version,
        organization_id=row.organization_id or None,
        unit_id=row.unit_id,
        asset_id=row.asset_id,
        status=_STATUS.get(row.kind),
        reason=said.reason,
        asset_vin=said.asset_vin,
        sensor_vin=said.sensor_vin,
        candidate_asset_ids=said.candidate_asset_ids,
        location=said.location,
        registered_on=optional_time_text(row.at_us),
        outcome=row.outcome,  # type: ignore[arg-type] # as it was written
        flags=flags.get((row.organization_id, row.event_key or ""), ()),
        void=void,
        known_at=time_text(row.known_at_us),
        batch_id=batch_text(row.batch_id) if row.batch_id else None,
        deliveries=deliveries,
        changes=changes,
        statements=statements,
    )

"""Batches as they came, with the deliveries that brought them."""

import base64
from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.queries.lists import NEWEST, Number, PageAsked, Viewer, cursor_key, part_of
from schemas.answers import Batch, Delivery
from schemas.errors import NotFoundError, at
from schemas.ids import batch_text, delivery_text, find_number
from schemas.journal_records import BatchRow, DeliveryRow
from schemas.pages import Page
from schemas.wire import time_text

# Bodies as received that one answer may hold; the deliveries beyond it are shown without theirs.
RAW_BYTES_MAX = 32 * 1024 * 1024


async def list_batches(tx: Transaction, viewer: Viewer, page: PageAsked) -> Page[Batch]:
    """Batches, newest first, each as far as it concerns the organization in view; without bodies."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    rows = await tx.events.list_batches(before, page.limit + 1, viewer.organization_id)
    shown, more = part_of(rows, page.limit, lambda row: (row.batch_id,))
    deliveries = await deliveries_by_batch(tx, [row.batch_id for row in shown])
    items = tuple(_show(row, [_delivery(delivery) for delivery in deliveries.get(row.batch_id, ())]) for row in shown)
    return Page(items, more)


async def get_batch(tx: Transaction, viewer: Viewer, ref: str) -> Batch:
    """One batch by its id or, while that is unambiguous, by Datahub's; with the bodies as received for who may see them.

    Raises NotFoundError, or InvalidInputError that names `batchId` where several batches came under one eventBatchId.
    """
    number = find_number(ref, "bat_")
    if number is not None:
        rows = await tx.events.find_batches(viewer.organization_id, batch_id=number)
    else:
        rows = await tx.events.find_batches(viewer.organization_id, event_batch_id=ref.lower())
    if not rows:
        raise NotFoundError(f"there is no batch {ref!r}")
    if len(rows) > 1:
        ids = " and ".join(batch_text(row.batch_id) for row in rows)
        raise at("batchId", f"more than one batch came as {ref!r}, among them {ids}: name one of them")
    deliveries = (await deliveries_by_batch(tx, [rows[0].batch_id])).get(rows[0].batch_id, [])
    return _show(rows[0], await _with_bodies(tx, viewer, deliveries))


async def deliveries_by_batch(tx: Transaction, batch_ids: Sequence[int]) -> dict[int, list[DeliveryRow]]:
    """The deliveries that brought batches, oldest first."""
    found: dict[int, list[DeliveryRow]] = {}
    for row in await tx.events.deliveries_of(batch_ids) if batch_ids else ():
        found.setdefault(row.batch_id, []).append(row)
    return found


def raw_text(body: bytes) -> str:
    """A body as received: its text, or a `data:` URL (RFC 2397) where it is no UTF-8, so that no byte of it is lost."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return f"data:application/octet-stream;base64,{base64.b64encode(body).decode()}"


async def _with_bodies(tx: Transaction, viewer: Viewer, rows: Sequence[DeliveryRow]) -> list[Delivery]:
    """A body is missing for who may not see it, once retention has dropped it, and beyond what one answer holds."""
    left = RAW_BYTES_MAX if viewer.operator else 0
    shown: list[Delivery] = []
    for row in rows:
        kept = await tx.events.find_delivery(row.delivery_id) if left > 0 else None
        body = kept.body if kept else None
        if body is not None:
            left -= len(body)
        shown.append(_delivery(row, raw_text(body) if body is not None and left >= 0 else None))
    return shown


def _delivery(row: DeliveryRow, raw: str | None = None) -> Delivery:
    return Delivery(delivery_text(row.delivery_id), time_text(row.received_at_us), row.remote, row.answer, raw)


def _show(row: BatchRow, deliveries: Sequence[Delivery]) -> Batch:
    return Batch(
        batch_id=batch_text(row.batch_id),
        event_batch_id=row.event_batch_id,
        event_subscription_id=row.event_subscription_id,
        event_batch_time=time_text(row.event_batch_time_us),
        source=row.source,  # type: ignore[arg-type] # as it was written
        subscription=row.subscription,
        received=row.applied + row.duplicates + row.quarantined + row.ignored,
        applied=row.applied,
        duplicates=row.duplicates,
        quarantined=row.quarantined,
        ignored=row.ignored,
        deliveries=tuple(deliveries),
    )

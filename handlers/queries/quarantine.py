"""What could not be understood, as it is shown."""

from typing import Annotated, Literal

from msgspec import Meta

from handlers.ports import Transaction
from handlers.queries.batches import RAW_BYTES_MAX, raw_text
from handlers.queries.lists import NEWEST, Filter, Number, PageAsked, Viewer, cursor_key
from schemas.answers import QuarantineEntry
from schemas.errors import NotFoundError
from schemas.ids import delivery_text, number, quarantine_text
from schemas.journal_records import QuarantineRecord
from schemas.pages import Page
from schemas.wire import encode_cursor, time_text

# An entry can be as large as a body, and a page has up to a thousand of them: so few are in memory at once.
_READ_AT_ONCE = 16


class QuarantineFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of quarantine entries."""

    state: Annotated[Literal["waiting", "resolved", "discarded"] | None, Meta(description="Entries in this state.")] = None
    kind: Annotated[Literal["event", "body"] | None, Meta(description="One event of a batch, or a whole body.")] = None
    subscription: Annotated[str | None, Meta(description="What came by this subscription.")] = None
    path: Annotated[str | None, Meta(description="What is wrong at this place, such as `$.eventsData[0].eventData.unitId`.")] = (
        None
    )
    from_us: Annotated[int | None, Meta(description="Received at or after this time.")] = None
    to_us: Annotated[int | None, Meta(description="Received before this time.")] = None


async def list_quarantine(tx: Transaction, viewer: Viewer, asked: QuarantineFilter, page: PageAsked) -> Page[QuarantineEntry]:
    """Entries, newest first. Those that name no organization, or that a binding refused, are for viewers of all alone."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    left = RAW_BYTES_MAX
    items: list[QuarantineEntry] = []
    more = True
    while more and len(items) < page.limit:
        wanted = min(page.limit - len(items), _READ_AT_ONCE)
        rows = await tx.quarantine.list_entries(
            before, wanted + 1, viewer.organization_id, bound_too=viewer.operator, **_columns(asked)
        )
        more = len(rows) > wanted
        for row in rows[:wanted]:
            before = row.quarantine_id
            left -= len(row.raw)
            items.append(_show(row, with_raw=viewer.operator and left >= 0))
    return Page(tuple(items), encode_cursor((before,)) if more else None)


async def find_entry(tx: Transaction, viewer: Viewer, quarantine_id: str) -> QuarantineRecord:
    """The record of an entry that may be seen. NotFoundError for any other."""
    record = await tx.quarantine.find(number(quarantine_id, "qtn_"))
    if record is None or not may_see(viewer, record):
        raise NotFoundError(f"there is no quarantine entry {quarantine_id!r}")
    return record


async def get_entry(tx: Transaction, viewer: Viewer, quarantine_id: str) -> QuarantineEntry:
    """One entry. Errors as for `find_entry`."""
    return _show(await find_entry(tx, viewer, quarantine_id), with_raw=viewer.operator)


def may_see(viewer: Viewer, record: QuarantineRecord) -> bool:
    """Whether an entry is for these eyes: not what belongs to another organization, to none, or was refused by a binding."""
    if viewer.operator:
        return viewer.organization_id in {None, record.organization_id}
    return record.organization_id == viewer.organization_id and not record.bound


def _columns(asked: QuarantineFilter) -> dict[str, object]:
    return {name: getattr(asked, name) for name in asked.__struct_fields__}


def _show(record: QuarantineRecord, *, with_raw: bool) -> QuarantineEntry:
    return QuarantineEntry(
        quarantine_id=quarantine_text(record.quarantine_id),
        state=record.state,  # type: ignore[arg-type] # as it was written
        kind=record.kind,  # type: ignore[arg-type] # as it was written
        path=record.path,
        message=record.message,
        received_at=time_text(record.received_at_us),
        delivery_id=delivery_text(record.delivery_id),
        organization_id=record.organization_id or None,
        subscription=record.subscription,
        raw=raw_text(record.raw) if with_raw else None,
    )

"""Reference data and its history, as they are shown."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from handlers.ports import Transaction
from handlers.queries.lists import NEWEST, Number, PageAsked, Text, cursor_key, part_of
from handlers.references import get_meter
from schemas.assets import Change, Meter
from schemas.decimals import decoder
from schemas.history import ActorView, HistoryEntry
from schemas.ids import change_text
from schemas.pages import Page
from schemas.references import AssetType, CustomField, ReferenceKind, Site
from schemas.registry_records import HistoryRow, NamedThing
from schemas.wire import time_text

Shown = TypeVar("Shown")

_decode_changes = decoder(tuple[Change, ...]).decode


async def list_things(
    tx: Transaction, organization_id: str, kind: ReferenceKind, page: PageAsked, show: Callable[[NamedThing], Shown]
) -> Page[Shown]:
    """Asset types, sites or custom fields by code."""
    (after,) = cursor_key(page, tuple[Text], ("",))
    rows = await tx.registry.references.list_things(kind, organization_id, after, page.limit + 1)
    shown, more = part_of(rows, page.limit, lambda row: (row.code,))
    return Page(tuple(map(show, shown)), more)


async def list_meters(tx: Transaction, organization_id: str, page: PageAsked) -> Page[Meter]:
    """Meters by code."""
    (after,) = cursor_key(page, tuple[Text], ("",))
    rows = await tx.registry.references.list_meters(organization_id, after, page.limit + 1)
    shown, more = part_of(rows, page.limit, lambda row: (row.code,))
    return Page(tuple(shown), more)


async def list_meter_history(tx: Transaction, organization_id: str, code: str, page: PageAsked) -> Page[HistoryEntry]:
    """Who changed a meter itself, newest first. What was deleted keeps its history. NotFoundError if there never was one."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    journal = tx.registry.journal
    rows = await journal.meter_history(organization_id, code, before, page.limit + 1)
    if not rows and not await journal.meter_history(organization_id, code, NEWEST, 1):
        await get_meter(tx, organization_id, code)
    return history_page(rows, page.limit)


def history_page(rows: Sequence[HistoryRow], limit: int) -> Page[HistoryEntry]:
    """Rows of a history, one more than asked for if there are more, as a page."""
    shown, more = part_of(rows, limit, lambda row: (row.change_no,))
    return Page(tuple(map(_show, shown)), more)


def asset_type_of(thing: NamedThing) -> AssetType:
    """An asset type on the wire."""
    return AssetType(thing.code)


def site_of(thing: NamedThing) -> Site:
    """A site on the wire."""
    return Site(thing.code, thing.name)


def custom_field_of(thing: NamedThing) -> CustomField:
    """A custom field on the wire."""
    return CustomField(thing.code)


def _show(row: HistoryRow) -> HistoryEntry:
    actor = ActorView(row.actor_kind, row.actor)  # type: ignore[arg-type] # as it was written
    return HistoryEntry(change_text(row.change_no), time_text(row.at_us), actor, _decode_changes(row.changes))

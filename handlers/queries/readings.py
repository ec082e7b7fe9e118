"""Readings as they are shown: those of an asset's meter, and those of units that no pairing covers."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from handlers.ports import Transaction
from handlers.queries.asset_meters import find_asset_meter
from handlers.queries.lists import Filter, Number, PageAsked, Viewer, cursor_key, part_of
from handlers.queries.registry import Text
from handlers.rules.asset_views import reading_view
from schemas.decimals import Number as Decimal
from schemas.ids import reading_text
from schemas.pages import Page
from schemas.readings import ReadingView, ShownStatus
from schemas.registry_records import Place, UnitReadingRow
from schemas.wire import time_text


class ReadingFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of readings."""

    from_us: Annotated[int | None, Meta(description="Recorded at or after this time.")] = None
    to_us: Annotated[int | None, Meta(description="Recorded before this time.")] = None
    status: Annotated[
        ShownStatus | None, Meta(description="Readings of this status; corrected ones are shown only when they are asked for.")
    ] = None


class WaitingFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of waiting readings."""

    unit_id: Annotated[Text | None, Meta(description="Readings of this unit.")] = None
    meter_code: Annotated[Text | None, Meta(description="Readings of this meter.")] = None


class WaitingReading(Struct, frozen=True, rename="camel"):
    """A reading of a unit that no pairing covers at its time; `unit` is what its meter counts in."""

    organization_id: str
    reading_id: str
    unit_id: str
    meter_code: str
    value: Decimal | None
    unit: str
    recorded_at: str
    source: str
    note: str | None
    received_at: str


async def list_readings(
    tx: Transaction, viewer: Viewer, ref: str, code: str, asked: ReadingFilter, page: PageAsked
) -> Page[ReadingView]:
    """Readings of a meter of an asset, oldest first, duplicates left out. Errors as for `find_asset_meter`."""
    organization_id, asset, meter = await find_asset_meter(tx, viewer, ref, code)
    after = Place(*cursor_key(page, tuple[Number, Number], (-(2**63), 0)))
    rows = await tx.registry.readings.list_readings(
        organization_id,
        (asset.asset_id, code),
        after,
        page.limit + 1,
        from_us=asked.from_us,
        to_us=asked.to_us,
        uncorrected=asked.status is None,
        accepted=asked.status == "NORMAL",
        mark=asked.status if asked.status != "NORMAL" else None,
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.at_us, row.reading_no))
    items = tuple(reading_view(row, meter.unit) for row in shown)
    return Page(items, more)


async def list_waiting(tx: Transaction, viewer: Viewer, asked: WaitingFilter, page: PageAsked) -> Page[WaitingReading]:
    """Readings of units that wait for a pairing, in the order in which they came."""
    (after,) = cursor_key(page, tuple[Number], (0,))
    rows = await tx.registry.unit_readings.waiting(
        after, page.limit + 1, viewer.organization_id, unit_id=asked.unit_id, meter_code=asked.meter_code
    )
    shown, more = part_of(rows, page.limit, lambda row: (row.reading_no,))
    units = await _units(tx, shown)
    items = tuple(_waiting(row, units[row.organization_id, row.meter_code]) for row in shown)
    return Page(items, more)


async def _units(tx: Transaction, rows: Sequence[UnitReadingRow]) -> dict[tuple[str, str], str]:
    """What the meters of these readings count in; a meter that has readings can't be deleted."""
    codes: dict[str, set[str]] = {}
    for row in rows:
        codes.setdefault(row.organization_id, set()).add(row.meter_code)
    return {
        (organization_id, meter.code): meter.unit
        for organization_id, wanted in codes.items()
        for meter in await tx.registry.references.meters(organization_id, sorted(wanted))
    }


def _waiting(row: UnitReadingRow, unit: str) -> WaitingReading:
    return WaitingReading(
        row.organization_id,
        reading_text(row.reading_no),
        row.unit_id,
        row.meter_code,
        row.value,
        unit,
        time_text(row.at_us),
        row.source,
        row.note,
        time_text(row.received_at_us),
    )

"""Readings of units follow the pairings of their units, whenever those turn out to be others.

What changes intervals says so by `note_intervals` before and `follow_intervals` after; what changes which asset a Datahub asset
is, by `follow_links` after. Units that never brought a reading cost one look-up for all of them.
"""

from collections.abc import Mapping, Sequence

from handlers.ports import Transaction
from handlers.registry_writing import bounds_of
from handlers.rules.attribution import Moved, moved_spans
from handlers.rules.plan import UnitPlan
from handlers.rules.series_change import SeriesChange
from handlers.rules.series_rows import Arrival, unit_reading
from handlers.series import change_series
from handlers.unit_ports import Unit
from schemas.pairing import Interval
from schemas.registry_records import Place, SeriesKey, UnitReadingRow

PAGE = 2000
_BEFORE_ALL = -(2**63)

# A reading, and the asset in whose series it belongs.
Move = tuple[UnitReadingRow, str | None]


async def note_intervals(tx: Transaction, plans: Sequence[UnitPlan]) -> dict[Unit, list[Interval]]:
    """The stored intervals of those units of plans whose readings may have to move."""
    changed = [(plan.unit.organization_id, plan.unit.unit_id) for plan in plans if plan.pairings or plan.pairings_removed]
    units = await tx.registry.unit_readings.with_readings(changed) if changed else []
    stored = await tx.histories.stored_intervals(units) if units else {}
    return {unit: stored.get(unit, []) for unit in units}


async def follow_intervals(tx: Transaction, before: Mapping[Unit, Sequence[Interval]]) -> None:
    """Bring the readings of units, whose intervals these were, to where their intervals of now put them."""
    if not before:
        return
    after = await tx.histories.stored_intervals(sorted(before))
    moved: dict[str, list[tuple[str, Moved]]] = {}
    for unit in sorted(before):
        organization_id, unit_id = unit
        spans = moved_spans(before[unit], after.get(unit, ()))
        moved.setdefault(organization_id, []).extend((unit_id, span) for span in spans)
    for organization_id in sorted(moved):
        await _move_spans(tx, organization_id, moved[organization_id])


async def follow_links(tx: Transaction, organization_id: str, datahub_asset_ids: Sequence[str]) -> None:
    """Bring the readings of units that were ever on these Datahub assets to the assets which those are now."""
    rows = await tx.registry.unit_readings.spans_on(organization_id, datahub_asset_ids)
    spans = [(unit_id, Moved(from_us, to_us, asset_id)) for unit_id, from_us, to_us, asset_id in rows]
    await _move_spans(tx, organization_id, spans)


async def _move_spans(tx: Transaction, organization_id: str, spans: Sequence[tuple[str, Moved]]) -> None:
    if not spans:
        return
    await tx.registry.assets.lock(organization_id)
    named = sorted({span.datahub_asset_id for _, span in spans if span.datahub_asset_id is not None})
    links = await tx.registry.assets.links_to(organization_id, named) if named else {}
    moves: list[Move] = []
    for unit_id, span in spans:
        asset_id = links.get(span.datahub_asset_id or "")
        place: Place | None = Place(span.from_us, _BEFORE_ALL)
        while place is not None:
            page = await tx.registry.unit_readings.between(organization_id, unit_id, place, span.to_us, PAGE)
            moves += [(row, asset_id) for row in page if row.asset_id != asset_id]
            place = Place(page[-1].at_us, page[-1].reading_no) if len(page) == PAGE else None
            if len(moves) >= PAGE:
                await move_readings(tx, organization_id, moves)
                moves = []
    await move_readings(tx, organization_id, moves)


async def move_readings(tx: Transaction, organization_id: str, moves: Sequence[Move]) -> None:
    """Take readings of units out of the series in which they stand, and put them into those in which they belong."""
    if not moves:
        return
    changes: dict[SeriesKey, SeriesChange] = {}
    removed = []
    for row, asset_id in moves:
        if row.asset_id is not None:
            removed.append((row.asset_id, row.meter_code, row.at_us, row.reading_no))
            changes.setdefault((row.asset_id, row.meter_code), SeriesChange()).removed_us.append(row.at_us)
        if asset_id is not None:
            change = changes.setdefault((asset_id, row.meter_code), SeriesChange())
            change.arrivals.append(Arrival(unit_reading(row), row.received_at_us))
    meters = await tx.registry.meters.of_assets(organization_id, sorted({asset_id for asset_id, _ in changes}))
    for meter in meters:
        if (meter.asset_id, meter.meter_code) in changes:
            changes[meter.asset_id, meter.meter_code].thresholds = bounds_of(meter.explicit)
    await tx.registry.readings.remove(organization_id, removed)
    await change_series(tx, organization_id, changes)
    await tx.registry.unit_readings.attribute(
        organization_id, [(asset_id, row.unit_id, row.at_us, row.reading_no) for row, asset_id in moves]
    )

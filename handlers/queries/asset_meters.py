"""The meters of an asset with what they show, and those that have gone quiet."""

from typing import Annotated

from msgspec import Meta, Struct

from handlers.ports import Transaction
from handlers.queries.assets import find_registry_asset
from handlers.queries.lists import Filter, PageAsked, Text, Viewer, cursor_key, part_of
from handlers.registry_view import implied_for
from handlers.rules.asset_views import asset_meter_view, reading_view
from handlers.rules.effective import effective
from handlers.rules.implied import UnitMeters
from handlers.rules.series_rows import newest_reading
from schemas.assets import Asset, AssetMeterView, Meter, Telematics
from schemas.errors import NotFoundError
from schemas.pages import Page
from schemas.readings import ReadingView
from schemas.registry_records import AssetRow, SeriesRow
from schemas.wire import optional_time_text

# By default a meter is quiet once it has missed a sync.
MISSING_MIN = 1
_UNCOUNTED = Telematics()


class HealthFilter(Filter, frozen=True, kw_only=True):
    """Parameters of telematics health. With `staleSince` alone, how many syncs were missed doesn't matter."""

    min_missing: Annotated[
        Annotated[int, Meta(ge=0, le=999_999_999)] | None,
        Meta(description="Meters that so many syncs in a row were silent about; 1 unless `staleSince` is given."),
    ] = None
    stale_since_us: Annotated[
        int | None, Meta(description="Meters that were not seen in a sync at or after this time, or never.")
    ] = None


class MeterHealth(Struct, frozen=True, rename="camel"):
    """A meter that is expected from sync and has gone quiet."""

    organization_id: str
    registry_asset_id: str
    external_asset_id: str
    meter_code: str
    last_seen_in_sync_at: str | None
    consecutive_missing_syncs: int


async def list_asset_meters(
    tx: Transaction, viewer: Viewer, ref: str, unit_meters: UnitMeters, page: PageAsked
) -> Page[AssetMeterView]:
    """The meters of an asset by code: those that are assigned, implied, or have readings. Errors as for an asset."""
    row = await find_registry_asset(tx, viewer, ref)
    (after,) = cursor_key(page, tuple[Text], ("",))
    organization_id, asset = row
    stored = {one.meter_code: one for one in await tx.registry.meters.of_assets(organization_id, [asset.asset_id])}
    series = {one.meter_code: one for one in await tx.registry.readings.series_of_asset(organization_id, asset.asset_id)}
    implied = (await implied_for(tx, organization_id, [asset.asset_id], unit_meters)).get(asset.asset_id, {})
    said = {code for code, one in stored.items() if one.explicit is not None}
    codes = sorted(code for code in said | implied.keys() | series.keys() if code > after)
    shown, more = part_of(codes, page.limit, lambda code: (code,))
    meters = {meter.code: meter for meter in await tx.registry.references.meters(organization_id, shown)}
    latest = await _latest(tx, row, [series[code] for code in shown if code in series], meters)
    items = []
    for code in shown:
        one = stored.get(code)
        layer = one.explicit if one else None
        values = effective(layer, asset.status, implied=code in implied, newest=newest_reading(series.get(code)))
        health = one.telematics if one else _UNCOUNTED
        items.append(asset_meter_view(meters[code], values, implied.get(code, ()), health, latest.get(code)))
    return Page(tuple(items), more)


async def list_quiet_meters(
    tx: Transaction, viewer: Viewer, asked: HealthFilter, unit_meters: UnitMeters, page: PageAsked
) -> Page[MeterHealth]:
    """Meters in use that are expected from sync and have gone quiet, by asset and code.

    Where it doesn't matter how many syncs were missed, so are those that only pairings imply, and that no sync was asked for yet.
    """
    after = cursor_key(page, tuple[Text, Text, Text], ("", "", ""))
    least = asked.min_missing
    if least is None and asked.stale_since_us is None:
        least = MISSING_MIN
    implied = [(unit_type, code) for unit_type, codes in unit_meters.items() for code in codes]
    rows = await tx.registry.meters.quiet(
        after, page.limit + 1, viewer.organization_id, implied, min_missing=least or None, stale_since_us=asked.stale_since_us
    )
    if implied and not least:
        rows += await tx.registry.meters.never_counted(after, page.limit + 1, viewer.organization_id, implied)
        rows = sorted(rows)[: page.limit + 1]
    shown, more = part_of(rows, page.limit, lambda row: (row.organization_id, row.asset_id, row.meter_code))
    items = tuple(
        MeterHealth(
            row.organization_id,
            row.asset_id,
            row.external_asset_id,
            row.meter_code,
            optional_time_text(row.last_seen_us),
            row.missing,
        )
        for row in shown
    )
    return Page(items, more)


async def find_asset_meter(tx: Transaction, viewer: Viewer, ref: str, code: str) -> tuple[str, Asset, Meter]:
    """The organization, the asset and the meter. NotFoundError also for a meter that the organization doesn't have."""
    organization_id, asset = await find_registry_asset(tx, viewer, ref)
    found = await tx.registry.references.meters(organization_id, [code])
    if not found:
        raise NotFoundError(f"there is no meter {code!r}")
    return organization_id, asset, found[0]


async def _latest(tx: Transaction, row: AssetRow, series: list[SeriesRow], meters: dict[str, Meter]) -> dict[str, ReadingView]:
    places = [
        (one.meter_code, one.latest_at_us, one.latest_no)
        for one in series
        if one.latest_at_us is not None and one.latest_no is not None
    ]
    if not places:
        return {}
    found = await tx.registry.readings.at(row.organization_id, row.asset.asset_id, places)
    return {one.meter_code: reading_view(one, meters[one.meter_code].unit) for one in found}

"""Compute all that is derived in the registry afresh from what is recorded.

Derived are: VINs, whether a meter is expected, links, whose series a unit's reading stands in, marks and what series come to.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from handlers.attribution import move_readings
from handlers.link_rebuild import rebuild_links
from handlers.ports import Store, Transaction
from handlers.registry import assignment_row, bounds_of
from handlers.registry_digest import ASSETS_AT_A_TIME, READINGS_AT_A_TIME, SERIES_AT_A_TIME, by_organization
from handlers.registry_view import RegistryRules, view_of_assets, vin_of
from handlers.rules.implied import UnitMeters
from handlers.rules.series_rows import unit_reading
from handlers.series import mend_series
from handlers.unit_store import attribute, locked_units
from schemas.readings import Thresholds
from schemas.registry_records import ReadingRow, SerialRow, SeriesKey, UnitReadingRow

Key = TypeVar("Key")
SeriesId = tuple[str, str, str]
# Where a reading stands: asset, meter, time and number.
Place = tuple[str, str, int, int]


async def rebuild_registry(store: Store, clock: Callable[[], int], unit_meters: UnitMeters) -> tuple[int, int]:
    """How many series were judged again, and how many things of any kind had been stored wrongly.

    Pairings must be right already. Syncs may come in meanwhile: an organization's registry is locked while its part is mended.
    """
    series = 0

    async def judge(tx: Transaction, after: SeriesId) -> tuple[SeriesId | None, int]:
        nonlocal series
        page = await tx.registry.readings.all_series(after, SERIES_AT_A_TIME)
        wrong = await _judge(tx, page)
        series += len(page)
        return (page[-1] if page else None), wrong

    async def expect(tx: Transaction, after: tuple[str, str]) -> tuple[tuple[str, str] | None, int]:
        page = await tx.registry.assets.all_vins(after, ASSETS_AT_A_TIME)
        return (page[-1][:2] if page else None), await _mend_assets(tx, page, unit_meters)

    # Links follow from VINs, and whose readings are whose from links.
    mended = await _by_pages(store, ("", ""), expect)
    mended += await rebuild_links(store, clock)
    mended += await _by_pages(store, ("", "", -(2**63), 0), _mend_attributions)
    mended += await _by_pages(store, ("", "", "", -(2**63), 0), _drop_strays)
    mended += await _by_pages(store, ("", "", ""), judge)
    return series, mended


async def _by_pages(store: Store, first: Key, work: Callable[[Transaction, Key], Awaitable[tuple[Key | None, int]]]) -> int:
    """Run `work` on page after page, each in its own transaction; it gives the key to go on behind, and how much was wrong."""
    mended, place = 0, first
    while True:
        start = place

        async def page(tx: Transaction, start: Key = start) -> tuple[Key | None, int]:
            return await work(tx, start)

        following, wrong = await store.write(page)
        mended += wrong
        if following is None:
            return mended
        place = following


async def _mend_attributions(tx: Transaction, after: tuple[str, str, int, int]) -> tuple[tuple[str, str, int, int] | None, int]:
    """Readings of units stand where the pairings put them, as their units brought them."""
    page = await tx.registry.unit_readings.all_rows(after, READINGS_AT_A_TIME)
    mended = 0
    for organization_id, members in by_organization(page):
        async with locked_units(tx, organization_id, (row.unit_id for row in members)):
            await tx.registry.assets.lock(organization_id)
            rows = await tx.registry.unit_readings.at(organization_id, [row[1:4] for row in members])
            attributed, _ = await attribute(tx, organization_id, [unit_reading(row) for row in rows], RegistryRules())
            belongs = [one.asset.asset_id if one.asset else None for one in attributed]
            wrong = [
                (row, asset_id)
                for row, asset_id in zip(rows, belongs, strict=True)
                if row.asset_id != asset_id or not await _stands(tx, row)
            ]
            await tx.registry.readings.remove(
                organization_id,
                [(asset_id, row.meter_code, row.at_us, row.reading_no) for row, asset_id in wrong if asset_id is not None],
            )
            await move_readings(tx, organization_id, wrong)
            mended += len(wrong)
    return (page[-1][:4] if page else None), mended


async def _stands(tx: Transaction, row: UnitReadingRow) -> bool:
    """Whether the series in which a reading is said to stand has it, unchanged."""
    if row.asset_id is None:
        return True
    found = await tx.registry.readings.at(row.organization_id, row.asset_id, [(row.meter_code, row.at_us, row.reading_no)])
    return bool(found) and _content(found[0]) == (row.value, row.source, row.note, row.unit_id, row.received_at_us)


def _content(row: ReadingRow) -> tuple[object, ...]:
    return (row.value, row.source, row.note, row.unit_id, row.received_at_us)


async def _drop_strays(
    tx: Transaction, after: tuple[str, str, str, int, int]
) -> tuple[tuple[str, str, str, int, int] | None, int]:
    """No series has a reading of a unit that the unit didn't bring, or that stands elsewhere."""
    page = await tx.registry.readings.all_rows(after, READINGS_AT_A_TIME)
    strays = 0
    for organization_id, members in by_organization(page):
        by_unit = [row for _, row in members if row.unit_id is not None]
        if not by_unit:
            continue
        await tx.registry.assets.lock(organization_id)
        places = [(row.unit_id or "", row.at_us, row.reading_no) for row in by_unit]
        right = {
            (row.asset_id, row.meter_code, row.at_us, row.reading_no)
            for row in await tx.registry.unit_readings.at(organization_id, places)
        }
        stray = await _still_there(tx, organization_id, [row[:4] for row in by_unit if row[:4] not in right])
        await tx.registry.readings.remove(organization_id, stray)
        strays += len(stray)
    if not page:
        return None, 0
    organization_id, last = page[-1]
    return (organization_id, *last[:4]), strays


async def _still_there(tx: Transaction, organization_id: str, places: Sequence[Place]) -> list[Place]:
    """Which of some places hold a reading now: they were read before the lock, and a pairing can have moved what was there."""
    found: list[Place] = []
    for asset_id in sorted({place[0] for place in places}):
        rows = await tx.registry.readings.at(organization_id, asset_id, [place[1:] for place in places if place[0] == asset_id])
        found += (row[:4] for row in rows)
    return found


async def _judge(tx: Transaction, keys: Sequence[SeriesId]) -> int:
    """Marks and tails follow from the readings."""
    wrong = 0
    for organization_id, members in by_organization(keys):
        await tx.registry.assets.lock(organization_id)
        thresholds: dict[SeriesKey, Thresholds] = {(key[1], key[2]): bounds_of(None) for key in members}
        for row in await tx.registry.meters.of_assets(organization_id, sorted({key[1] for key in members})):
            if (row.asset_id, row.meter_code) in thresholds:
                thresholds[row.asset_id, row.meter_code] = bounds_of(row.explicit)
        wrong += await mend_series(tx, organization_id, thresholds)
    return wrong


async def _mend_assets(tx: Transaction, page: Sequence[SerialRow], unit_meters: UnitMeters) -> int:
    """Meters are expected as their assignments and pairings say, and VINs are those of the serials."""
    wrong = 0
    for organization_id, members in by_organization(page):
        await tx.registry.assets.lock(organization_id)
        rules = RegistryRules(unit_meters=unit_meters)
        view = await view_of_assets(tx, organization_id, [row.asset_id for row in members], [], rules)
        assets = {asset.asset_id: asset for asset in view.index.assets()}
        rows = [
            right
            for asset_id, meters in view.meters.items()
            for code, stored in meters.items()
            if (right := assignment_row(assets[asset_id], code, view.index)) != stored
        ]
        await tx.registry.meters.put(organization_id, rows)
        renamed = [assets[row.asset_id] for row in members if vin_of(row.serial) != row.vin]
        await tx.registry.assets.put(organization_id, [(asset, vin_of(asset.serial)) for asset in renamed])
        wrong += len(rows) + len(renamed)
    return wrong

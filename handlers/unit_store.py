"""Readings of units into the store: whose they are by the pairings of now, and into the series of those assets."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from handlers.ports import Transaction
from handlers.registry import Writing, bounds_of
from handlers.registry_view import RegistryRules, RegistryView, view_of_assets
from handlers.rules.series_change import SeriesChange, numbered, reading_no
from handlers.rules.series_rows import Arrival
from handlers.series import change_series
from schemas.assets import Asset
from schemas.pairing import UnitState
from schemas.readings import Mark, Reading
from schemas.registry_records import SeriesKey, UnitReadingRow


class Attributed(NamedTuple):
    """A reading, and the asset that its unit was on at its time; None if it waits."""

    reading: Reading
    asset: Asset | None


@asynccontextmanager
async def locked_units(tx: Transaction, organization_id: str, unit_ids: Iterable[str]) -> AsyncIterator[None]:
    """Lock units, so that a pairing which is being recorded elsewhere either sees their readings or is seen by them.

    Locking makes rows for units of which nothing is recorded; they are gone again at the end.
    """
    units = sorted({(organization_id, unit_id) for unit_id in unit_ids})
    states = await tx.histories.lock(units) if units else {}
    yield
    await tx.histories.remove_units([unit for unit, state in states.items() if state == UnitState()])


async def attribute(
    tx: Transaction, organization_id: str, readings: Sequence[Reading], rules: RegistryRules
) -> tuple[list[Attributed], RegistryView]:
    """The asset of each reading, and what is stored of those assets."""
    times = sorted({(one.unit_id or "", one.at_us) for one in readings})
    paired = await tx.registry.unit_readings.pairings_at(organization_id, times) if times else {}
    links = await tx.registry.assets.links_to(organization_id, sorted(set(paired.values()))) if paired else {}
    codes = sorted({one.meter_code for one in readings})
    view = await view_of_assets(tx, organization_id, sorted(set(links.values())), codes, rules)
    assets = {asset.asset_id: asset for asset in view.index.assets()}
    found = []
    for one in readings:
        datahub_asset_id = paired.get((one.unit_id or "", one.at_us), "")
        found.append(Attributed(one, assets.get(links.get(datahub_asset_id, ""))))
    return found, view


async def kept(tx: Transaction, writing: Writing, readings: Iterable[Reading]) -> set[int]:
    """The numbers of those readings that are kept already, from an earlier receipt."""
    places = [(one.unit_id or "", one.at_us, reading_no(one)) for one in readings if one.seq != writing.seq]
    stored = await tx.registry.unit_readings.at(writing.organization_id, places) if places else []
    return {row.reading_no for row in stored}


async def store_unit_readings(
    tx: Transaction, writing: Writing, readings: Sequence[Attributed], view: RegistryView
) -> dict[int, Mark]:
    """Keep readings, each with the asset that it belongs to, and judge the series; the marks by number.

    Those that are kept already, from an earlier receipt, stay as they are.
    """
    organization_id = writing.organization_id
    known = await kept(tx, writing, [reading for reading, _ in readings])
    await tx.registry.unit_readings.insert(
        [
            _row(writing, reading, asset.asset_id if asset else None)
            for reading, asset in readings
            if reading_no(reading) not in known
        ]
    )
    changes: dict[SeriesKey, SeriesChange] = {}
    for reading, asset in readings:
        if asset is not None:
            key = (asset.asset_id, reading.meter_code)
            if key not in changes:
                changes[key] = SeriesChange(bounds_of(view.index.explicit(asset.asset_id).get(reading.meter_code)))
            changes[key].arrivals.append(Arrival(numbered(reading), writing.received_at_us(reading)))
    return await change_series(tx, organization_id, changes)


def _row(writing: Writing, reading: Reading, asset_id: str | None) -> UnitReadingRow:
    return UnitReadingRow(
        writing.organization_id,
        reading.unit_id or "",
        reading.at_us,
        reading_no(reading),
        reading.meter_code,
        reading.value,
        reading.source,
        reading.note,
        writing.received_at_us(reading),
        asset_id,
    )

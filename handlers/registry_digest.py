"""The registry's part of the digest over all derived state."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from handlers.ports import Transaction
from schemas.wire import to_json

# So many rows are in memory at once.
READINGS_AT_A_TIME = 1000
SERIES_AT_A_TIME = 100
ASSETS_AT_A_TIME = 500

Row = TypeVar("Row", bound=Sequence[object])


class Hash(Protocol):
    """What a digest is made with."""

    def update(self, data: bytes, /) -> None:
        """Take more in."""


async def add_registry(tx: Transaction, hashed: Hash) -> None:
    """Take all that is derived in the registry into a digest, in an order that both engines share."""
    place = ("", "", "", -(2**63), 0)
    while rows := await tx.registry.readings.all_rows(place, READINGS_AT_A_TIME):
        for organization_id, row in rows:
            derived = row if row.unit_id is not None else (*row[:4], *row[-3:])
            hashed.update(to_json((organization_id, derived)))
        last = rows[-1][1]
        place = (rows[-1][0], last.asset_id, last.meter_code, last.at_us, last.reading_no)
    after = ("", "", -(2**63), 0)
    while units := await tx.registry.unit_readings.all_rows(after, READINGS_AT_A_TIME):
        hashed.update(to_json([(*row[:4], row.asset_id) for row in units]))
        after = units[-1][:4]
    series = ("", "", "")
    while keys := await tx.registry.readings.all_series(series, SERIES_AT_A_TIME):
        for organization_id, members in by_organization(keys):
            stored = await tx.registry.readings.series(organization_id, [key[1:] for key in members])
            hashed.update(to_json([(organization_id, stored.get(key[1:])) for key in members]))
        series = keys[-1]
    await _add_assets(tx, hashed)


async def _add_assets(tx: Transaction, hashed: Hash) -> None:
    """Row by row, since a provisional asset that is left out must not move the ends of pages.

    One that is no Datahub asset any more stays, since its id was given out; but whether there ever was one depends on the order
    in which things came.
    """
    after = ("", "")
    while page := await tx.registry.assets.all_vins(after, ASSETS_AT_A_TIME):
        links = await tx.registry.assets.links_from([asset[:2] for asset in page])
        for asset in page:
            if asset.origin != "datahub" or asset[:2] in links:
                hashed.update(to_json((asset.organization_id, asset.asset_id, asset.vin)))
        for organization_id, members in by_organization(page):
            for meter in await tx.registry.meters.of_assets(organization_id, [asset.asset_id for asset in members]):
                hashed.update(to_json((meter.asset_id, meter.meter_code, meter.expected)))
        after = page[-1][:2]


def by_organization(rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Rows whose first column is their organization, by organization, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(str(row[0]), []).append(row)
    return list(found.items())

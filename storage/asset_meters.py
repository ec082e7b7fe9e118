"""Assignments of meters to assets, and their counters."""

from collections.abc import Sequence
from typing import Any

from schemas.assets import Assignment, Explicit, Telematics, decode_assignment
from schemas.registry_records import AssetMeterRow, HealthRow
from schemas.wire import to_json_text
from storage.engine import Connection, Row
from storage.rows import columns
from storage.statements import load

SQL = load("asset_meters")
_NOTHING_SAID = to_json_text(Assignment())
_EMPTY = Assignment()


def _meter(row: Row) -> AssetMeterRow:
    asset_id, meter_code, explicit, equipment_seq, last_seen_us, missing, counted_seq, expected = row
    layer = None
    if explicit is not None:
        layer = Explicit(_EMPTY if explicit == _NOTHING_SAID else decode_assignment(explicit), equipment_seq)
    return AssetMeterRow(asset_id, meter_code, layer, Telematics(last_seen_us, missing, counted_seq), expected)


def _row(organization_id: str, meter: AssetMeterRow) -> tuple[object, ...]:
    asset_id, meter_code, layer, health, expected = meter
    return (
        organization_id,
        asset_id,
        meter_code,
        to_json_text(layer.fields) if layer else None,
        layer.equipment_seq if layer else None,
        health.last_seen_us,
        health.missing,
        health.counted_seq,
        expected,
    )


class AssetMeterTable:
    """Implements `handlers.asset_ports.AssetMeters`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_assets(self, organization_id: str, asset_ids: Sequence[str]) -> list[AssetMeterRow]:
        """All that is stored of the meters of assets."""
        rows = await self._connection.fetch(SQL["meters_of_assets"], organization_id=organization_id, asset_ids=asset_ids)
        return [_meter(row) for row in rows]

    async def put(self, organization_id: str, rows: Sequence[AssetMeterRow]) -> None:
        """Put assignments."""
        await self._connection.execute_many(SQL["put_asset_meter"], [_row(organization_id, row) for row in rows])

    async def quiet(
        self,
        after: tuple[str, str, str],
        limit: int,
        organization_id: str | None,
        implied: Sequence[tuple[str, str]],
        **filters: object,
    ) -> list[HealthRow]:
        """Expected meters by (organization, asset, code)."""
        asked = _asked(after, limit, organization_id, implied)
        return [HealthRow(*row) for row in await self._connection.fetch(SQL["quiet_meters"], **asked, **filters)]

    async def never_counted(
        self, after: tuple[str, str, str], limit: int, organization_id: str | None, implied: Sequence[tuple[str, str]]
    ) -> list[HealthRow]:
        """Meters that pairings open now imply and of which nothing is kept yet, in the same order."""
        asked = _asked(after, limit, organization_id, implied)
        return [
            HealthRow(row[0], row[1], row[2], row[3], None, 0)
            for row in await self._connection.fetch(SQL["never_counted"], **asked)
        ]


def _asked(
    after: tuple[str, str, str], limit: int, organization_id: str | None, implied: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    unit_types, meter_codes = columns(implied)
    return {
        "after_organization_id": after[0],
        "after_asset_id": after[1],
        "after_meter_code": after[2],
        "limit": limit,
        "organization_id": organization_id,
        "unit_type": unit_types,
        "meter_code": meter_codes,
    }

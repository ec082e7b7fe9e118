"""Readings as units brought them."""

from collections.abc import Sequence
from decimal import Decimal

from schemas.decimals import decimal_text
from schemas.registry_records import Place, UnitReadingRow
from storage.engine import Connection, Row
from storage.rows import columns
from storage.statements import load

SQL = load("unit_readings")


def _reading(row: Row) -> UnitReadingRow:
    return UnitReadingRow(*row)._replace(value=None if row[5] is None else Decimal(row[5]))


class UnitReadingTable:
    """Implements `handlers.reading_ports.UnitReadings`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def at(self, organization_id: str, places: Sequence[tuple[str, int, int]]) -> list[UnitReadingRow]:
        """Readings by (unit, time, number)."""
        rows = await self._connection.fetch(
            SQL["unit_readings_at"],
            organization_id=organization_id,
            unit_id=[place[0] for place in places],
            at_us=[place[1] for place in places],
            reading_no=[place[2] for place in places],
        )
        return [_reading(row) for row in rows]

    async def insert(self, rows: Sequence[UnitReadingRow]) -> None:
        """Add readings."""
        await self._connection.execute_many(
            SQL["insert_unit_reading"],
            [row._replace(value=None if row.value is None else decimal_text(row.value)) for row in rows],  # type: ignore[arg-type] # the column's text
        )

    async def with_readings(self, units: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Which of these units have brought a reading."""
        organization_ids, unit_ids = columns(units)
        rows = await self._connection.fetch(SQL["units_with_readings"], organization_id=organization_ids, unit_id=unit_ids)
        return [(row[0], row[1]) for row in rows]

    async def pairings_at(self, organization_id: str, times: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """The Datahub asset that each unit was on at a time."""
        rows = await self._connection.fetch(
            SQL["pairings_at"],
            organization_id=organization_id,
            unit_id=[time[0] for time in times],
            at_us=[time[1] for time in times],
        )
        return {(row[0], row[1]): row[2] for row in rows}

    async def spans_on(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[tuple[str, int, int, str]]:
        """(unit, from, to, Datahub asset) of units that have brought readings and were on these."""
        rows = await self._connection.fetch(SQL["spans_on"], organization_id=organization_id, datahub_asset_ids=datahub_asset_ids)
        return [(row[0], row[1], row[2], row[3]) for row in rows]

    async def between(self, organization_id: str, unit_id: str, after: Place, to_us: int, limit: int) -> list[UnitReadingRow]:
        """Readings of a unit up to a time, from after a place."""
        rows = await self._connection.fetch(
            SQL["unit_readings_between"],
            organization_id=organization_id,
            unit_id=unit_id,
            after_us=after.at_us,
            after_no=after.reading_no,
            to_us=to_us,
            limit=limit,
        )
        return [_reading(row) for row in rows]

    async def attribute(self, organization_id: str, rows: Sequence[tuple[str | None, str, int, int]]) -> None:
        """Say in whose series readings stand."""
        await self._connection.execute_many(
            SQL["set_attribution"], [(asset_id, organization_id, *place) for asset_id, *place in rows]
        )

    async def waiting(self, after: int, limit: int, organization_id: str | None, **filters: object) -> list[UnitReadingRow]:
        """Those that no pairing covers."""
        rows = await self._connection.fetch(
            SQL["list_waiting"], after=after, limit=limit, organization_id=organization_id, **filters
        )
        return [_reading(row) for row in rows]

    async def all_rows(self, after: tuple[str, str, int, int], limit: int) -> list[UnitReadingRow]:
        """Readings of units of all organizations, by key."""
        rows = await self._connection.fetch(
            SQL["all_unit_readings_after"],
            organization_id=after[0],
            unit_id=after[1],
            at_us=after[2],
            reading_no=after[3],
            limit=limit,
        )
        return [_reading(row) for row in rows]

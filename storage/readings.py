"""Readings in the series of assets, and what each series comes to."""

from collections.abc import Sequence
from decimal import Decimal

from schemas.decimals import decimal_text
from schemas.registry_records import MarkRow, Place, ReadingRow, SeriesKey, SeriesRow
from storage.engine import Connection, Row
from storage.rows import columns
from storage.statements import load

SQL = load("readings")


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else decimal_text(value)


def _reading(row: Row) -> ReadingRow:
    asset_id, meter_code, at_us, reading_no, value, *others = row
    return ReadingRow(asset_id, meter_code, at_us, reading_no, _number(value), *others)


def _marked(row: Row) -> ReadingRow:
    asset_id, meter_code, at_us, reading_no, value, mark, shown, reason = row
    return ReadingRow(asset_id, meter_code, at_us, reading_no, _number(value), "", None, None, 0, mark, shown, reason)


def _by_series(rows: list[Row]) -> dict[SeriesKey, list[ReadingRow]]:
    found: dict[SeriesKey, list[ReadingRow]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(_marked(row))
    return found


class ReadingTables:
    """Implements `handlers.reading_ports.Readings`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def series(self, organization_id: str, keys: Sequence[SeriesKey]) -> dict[SeriesKey, SeriesRow]:
        """What series come to."""
        asked = set(keys)
        rows = await self._connection.fetch(
            SQL["series_of"],
            organization_id=organization_id,
            asset_ids=sorted({asset_id for asset_id, _ in keys}),
            meter_codes=sorted({meter_code for _, meter_code in keys}),
        )
        return {key: SeriesRow(*row) for row in rows if (key := (row[0], row[1])) in asked}

    async def series_of_asset(self, organization_id: str, asset_id: str) -> list[SeriesRow]:
        """What all series of an asset come to."""
        rows = await self._connection.fetch(SQL["series_of_asset"], organization_id=organization_id, asset_id=asset_id)
        return [SeriesRow(*row) for row in rows]

    async def put_series(self, organization_id: str, rows: Sequence[SeriesRow], removed: Sequence[SeriesKey]) -> None:
        """Remove series in which no reading is left, then put rows."""
        await self._connection.execute_many(SQL["delete_series"], [(organization_id, *key) for key in removed])
        await self._connection.execute_many(SQL["put_series"], [(organization_id, *row) for row in rows])

    async def insert(self, organization_id: str, rows: Sequence[ReadingRow]) -> None:
        """Add readings with their marks."""
        await self._connection.execute_many(
            SQL["insert_reading"], [(organization_id, *row[:4], _text(row.value), *row[5:]) for row in rows]
        )

    async def set_marks(self, organization_id: str, rows: Sequence[MarkRow]) -> None:
        """Say what series now make of readings."""
        await self._connection.execute_many(SQL["set_mark"], [(*row[4:], organization_id, *row[:4]) for row in rows])

    async def remove(self, organization_id: str, places: Sequence[tuple[str, str, int, int]]) -> None:
        """Take readings of units out of series."""
        await self._connection.execute_many(SQL["delete_reading"], [(organization_id, *place) for place in places])

    async def last_before(
        self, organization_id: str, starts: Sequence[tuple[SeriesKey, int]], **which: bool
    ) -> dict[SeriesKey, ReadingRow]:
        """The last reading of each series before a time."""
        asset_ids, meter_codes = columns([key for key, _ in starts])
        rows = await self._connection.fetch(
            SQL["last_before"],
            organization_id=organization_id,
            asset_id=asset_ids,
            meter_code=meter_codes,
            from_us=[from_us for _, from_us in starts],
            **which,
        )
        return {(row[0], row[1]): _marked((*row, "", 0, None)) for row in rows}

    async def between(
        self, organization_id: str, spans: Sequence[tuple[SeriesKey, int, int]]
    ) -> dict[SeriesKey, list[ReadingRow]]:
        """The readings of series in `[from, to)`."""
        asset_ids, meter_codes = columns([key for key, _, _ in spans])
        rows = await self._connection.fetch(
            SQL["readings_between"],
            organization_id=organization_id,
            asset_id=asset_ids,
            meter_code=meter_codes,
            from_us=[from_us for _, from_us, _ in spans],
            to_us=[to_us for _, _, to_us in spans],
        )
        return _by_series(rows)

    async def after(
        self, organization_id: str, places: Sequence[tuple[SeriesKey, Place]], limit: int
    ) -> dict[SeriesKey, list[ReadingRow]]:
        """The next readings of each series."""
        asset_ids, meter_codes = columns([key for key, _ in places])
        rows = await self._connection.fetch(
            SQL["readings_after"],
            organization_id=organization_id,
            asset_id=asset_ids,
            meter_code=meter_codes,
            after_us=[place.at_us for _, place in places],
            after_no=[place.reading_no for _, place in places],
            limit=limit,
        )
        return _by_series(rows)

    async def list_readings(
        self, organization_id: str, key: SeriesKey, after: Place, limit: int, **filters: object
    ) -> list[ReadingRow]:
        """Readings as they are shown, oldest first, from after a place."""
        rows = await self._connection.fetch(
            SQL["list_readings"],
            organization_id=organization_id,
            asset_id=key[0],
            meter_code=key[1],
            after_us=after.at_us,
            after_no=after.reading_no,
            limit=limit,
            **filters,
        )
        return [_reading(row) for row in rows]

    async def at(self, organization_id: str, asset_id: str, places: Sequence[tuple[str, int, int]]) -> list[ReadingRow]:
        """Readings of an asset by (meter, time, number)."""
        rows = await self._connection.fetch(
            SQL["readings_at"],
            organization_id=organization_id,
            asset_id=asset_id,
            meter_code=[place[0] for place in places],
            at_us=[place[1] for place in places],
            reading_no=[place[2] for place in places],
        )
        return [_reading(row) for row in rows]

    async def counted(self, organization_id: str, key: SeriesKey, from_us: int, to_us: int) -> list[ReadingRow]:
        """What counts for consumption in `[from, to)`, with the accepted readings next to that span."""
        values = {
            "organization_id": organization_id,
            "asset_id": key[0],
            "meter_code": key[1],
            "from_us": from_us,
            "to_us": to_us,
        }
        beside = await self._connection.fetch(SQL["accepted_beside"], **values)
        rows = [(*row, "NORMAL") for row in beside] + await self._connection.fetch(SQL["counted_between"], **values)
        return [_marked((*key, at_us, 0, value, mark, 1, None)) for at_us, value, mark in sorted(rows)]

    async def first_us(self, organization_id: str, key: SeriesKey) -> int | None:
        """When the first accepted reading was."""
        row = await self._connection.fetch_one(
            SQL["first_reading"], organization_id=organization_id, asset_id=key[0], meter_code=key[1]
        )
        return row[0] if row else None

    async def all_series(self, after: tuple[str, str, str], limit: int) -> list[tuple[str, str, str]]:
        """All series that have a reading or a row, in order."""
        rows = await self._connection.fetch(
            SQL["series_after"], organization_id=after[0], asset_id=after[1], meter_code=after[2], limit=limit
        )
        return [(row[0], row[1], row[2]) for row in rows]

    async def all_rows(self, after: tuple[str, str, str, int, int], limit: int) -> list[tuple[str, ReadingRow]]:
        """All readings with their organization, by key."""
        organization_id, asset_id, meter_code, at_us, reading_no = after
        rows = await self._connection.fetch(
            SQL["rows_after"],
            organization_id=organization_id,
            asset_id=asset_id,
            meter_code=meter_code,
            at_us=at_us,
            reading_no=reading_no,
            limit=limit,
        )
        return [(row[0], _reading(row[1:])) for row in rows]

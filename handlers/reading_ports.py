"""What use cases ask of a store about readings: those of assets and those of units. Part of `handlers.registry_ports.Registry`.

All methods that write, and those that give what a write builds on, are for one organization, whose registry is locked first.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.registry_records import MarkRow, Place, ReadingRow, SeriesKey, SeriesRow, UnitReadingRow


class Readings(Protocol):
    """Readings in the series of assets, and what each series comes to."""

    async def series(self, organization_id: str, keys: Sequence[SeriesKey]) -> dict[SeriesKey, SeriesRow]: ...

    async def series_of_asset(self, organization_id: str, asset_id: str) -> list[SeriesRow]: ...

    async def put_series(self, organization_id: str, rows: Sequence[SeriesRow], removed: Sequence[SeriesKey]) -> None:
        """Remove series in which no reading is left, then put rows."""
        ...

    async def insert(self, organization_id: str, rows: Sequence[ReadingRow]) -> None: ...

    async def set_marks(self, organization_id: str, rows: Sequence[MarkRow]) -> None: ...

    async def remove(self, organization_id: str, places: Sequence[tuple[str, str, int, int]]) -> None:
        """Take readings of units out of a series, by (asset, meter, time, number)."""
        ...

    async def last_before(
        self, organization_id: str, starts: Sequence[tuple[SeriesKey, int]], **which: bool
    ) -> dict[SeriesKey, ReadingRow]:
        """The last reading of each series before a time: of all, or of the `accepted`, or of the `telling` ones.

        Only its place and value are filled in.
        """
        ...

    async def between(
        self, organization_id: str, spans: Sequence[tuple[SeriesKey, int, int]]
    ) -> dict[SeriesKey, list[ReadingRow]]:
        """The readings of series in `[from, to)`, in their order, without what is only shown."""
        ...

    async def after(
        self, organization_id: str, places: Sequence[tuple[SeriesKey, Place]], limit: int
    ) -> dict[SeriesKey, list[ReadingRow]]:
        """The next `limit` readings (or a few more) of each series, in their order, without what is only shown."""
        ...

    async def list_readings(
        self, organization_id: str, key: SeriesKey, after: Place, limit: int, **filters: object
    ) -> list[ReadingRow]: ...

    async def at(self, organization_id: str, asset_id: str, places: Sequence[tuple[str, int, int]]) -> list[ReadingRow]:
        """Readings of an asset by (meter, time, number)."""
        ...

    async def counted(self, organization_id: str, key: SeriesKey, from_us: int, to_us: int) -> list[ReadingRow]:
        """The accepted and the SUSPECT readings in `[from, to)`, with the accepted ones next to that span on either side."""
        ...

    async def first_us(self, organization_id: str, key: SeriesKey) -> int | None:
        """When the first accepted reading was."""
        ...

    async def all_series(self, after: tuple[str, str, str], limit: int) -> list[tuple[str, str, str]]:
        """(organization, asset, meter) of all series that have a reading or a row, in order."""
        ...

    async def all_rows(self, after: tuple[str, str, str, int, int], limit: int) -> list[tuple[str, ReadingRow]]:
        """All readings with their organization, by key."""
        ...


class UnitReadings(Protocol):
    """Readings as units brought them."""

    async def at(self, organization_id: str, places: Sequence[tuple[str, int, int]]) -> list[UnitReadingRow]:
        """Readings by (unit, time, number)."""
        ...

    async def insert(self, rows: Sequence[UnitReadingRow]) -> None: ...

    async def with_readings(self, units: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """Which of these (organization, unit) have brought a reading."""
        ...

    async def pairings_at(self, organization_id: str, times: Sequence[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """The Datahub asset that each unit was on at a time."""
        ...

    async def spans_on(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> list[tuple[str, int, int, str]]:
        """(unit, from, to, Datahub asset) of units that have brought readings and were on these."""
        ...

    async def between(self, organization_id: str, unit_id: str, after: Place, to_us: int, limit: int) -> list[UnitReadingRow]: ...

    async def attribute(self, organization_id: str, rows: Sequence[tuple[str | None, str, int, int]]) -> None:
        """Say in whose series readings stand: (asset, unit, time, number)."""
        ...

    async def waiting(self, after: int, limit: int, organization_id: str | None, **filters: object) -> list[UnitReadingRow]:
        """Those that no pairing covers, in the order in which they came."""
        ...

    async def all_rows(self, after: tuple[str, str, int, int], limit: int) -> list[UnitReadingRow]: ...

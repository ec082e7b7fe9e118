"""What the use cases of the registry ask of a store: part of `handlers.ports.Transaction`.

All methods that write, and those that give what a write builds on, are for one organization, whose registry is locked first.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.assets import Asset, Meter
from schemas.registry_records import (
    AssetMeterRow,
    AssetRow,
    AttemptRow,
    HealthRow,
    HistoryRow,
    MarkRow,
    NamedThing,
    OpenPairing,
    Place,
    ReadingRow,
    SerialRow,
    SeriesKey,
    SeriesRow,
    SyncRow,
    UnitReadingRow,
    VinRow,
)


class Assets(Protocol):
    """Assets, by whatever they go by, and the Datahub assets that they are."""

    async def lock(self, organization_id: str) -> None:
        """Be the only writer of an organization's registry until the transaction ends."""
        ...

    async def mint(self, count: int) -> list[int]:
        """New integer ids, unique over the installation."""
        ...

    async def meant(self, organization_id: str, identities: Sequence[str], codes: Sequence[str]) -> list[Asset]:
        """The assets that go by one of these externalAssetIds, aliases or codes."""
        ...

    async def of_ids(self, organization_id: str, asset_ids: Sequence[str]) -> list[Asset]: ...

    async def of_lease_ids(self, organization_id: str, lease_asset_ids: Sequence[int]) -> list[Asset]:
        """Assets by their integer ids."""
        ...

    async def with_vins(self, organization_id: str, vins: Sequence[str]) -> list[VinRow]:
        """The assets with one of these VINs, oldest first."""
        ...

    async def put(self, organization_id: str, assets: Sequence[tuple[Asset, str | None]]) -> None:
        """Put assets, each with its VIN."""
        ...

    async def add_identities(self, organization_id: str, identities: Sequence[tuple[str, str]]) -> None:
        """Add (externalAssetId or alias, asset id)."""
        ...

    async def find(self, organization_id: str | None, **by: object) -> list[AssetRow]:
        """Assets by `asset_id`, `lease_asset_id`, `identity` or `datahub_asset_id`; two at the most."""
        ...

    async def list_assets(self, after: int, limit: int, organization_id: str | None, **filters: object) -> list[AssetRow]:
        """Assets in the order of their creation, from after an integer id."""
        ...

    async def all_vins(self, after: tuple[str, str], limit: int) -> list[SerialRow]:
        """All assets with their serials and VINs, in order."""
        ...

    async def links_to(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, str]:
        """The assets that some Datahub assets are."""
        ...

    async def links_from(self, assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
        """The Datahub assets that assets are, given by (organization, asset id)."""
        ...

    async def put_links(self, organization_id: str, links: Sequence[tuple[str, str]], removed: Sequence[str]) -> None:
        """Remove links of Datahub assets, then put (Datahub asset, asset id)."""
        ...

    async def open_pairings(self, organization_id: str, asset_ids: Sequence[str], unit_types: Sequence[str]) -> list[OpenPairing]:
        """The units of these types that are on these assets now."""
        ...

    async def paired_types(self, organization_id: str | None, unit_types: Sequence[str]) -> list[tuple[str, str, int]]:
        """(organization, unit type, how many units of it are on an asset now)."""
        ...


class AssetMeters(Protocol):
    """Assignments: what was said of the meters of assets, and what was counted."""

    async def of_assets(self, organization_id: str, asset_ids: Sequence[str]) -> list[AssetMeterRow]: ...

    async def put(self, organization_id: str, rows: Sequence[AssetMeterRow]) -> None: ...

    async def quiet(
        self,
        after: tuple[str, str, str],
        limit: int,
        organization_id: str | None,
        implied: Sequence[tuple[str, str]],
        **filters: object,
    ) -> list[HealthRow]:
        """Expected meters by (organization, asset, code); filters are `min_missing` and `stale_since_us`.

        `implied` are (unit type, meter code): which meters units deliver by the settings.
        """
        ...


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


class References(Protocol):
    """What an organization sets up before it syncs. A `kind` is asset_type, site or custom_field."""

    async def asset_types(self, organization_id: str, names: Sequence[str]) -> list[str]: ...

    async def sites(self, organization_id: str, codes: Sequence[str]) -> list[str]: ...

    async def meters(self, organization_id: str, codes: Sequence[str]) -> list[Meter]: ...

    async def list_meters(self, organization_id: str, after: str, limit: int) -> list[Meter]: ...

    async def put_meter(self, organization_id: str, meter: Meter) -> None: ...

    async def delete_meter(self, organization_id: str, code: str) -> bool: ...

    async def meter_in_use(self, organization_id: str, code: str, *, assigned: bool) -> bool:
        """Whether a meter has readings, or (with `assigned`) is assigned to an asset."""
        ...

    async def list_things(self, kind: str, organization_id: str, after: str, limit: int) -> list[NamedThing]: ...

    async def find_thing(self, kind: str, organization_id: str, code: str) -> NamedThing | None: ...

    async def put_thing(self, kind: str, organization_id: str, thing: NamedThing) -> None: ...

    async def delete_thing(self, kind: str, organization_id: str, code: str) -> bool: ...

    async def thing_in_use(self, kind: str, organization_id: str, code: str) -> bool: ...


class MissingMeters(Protocol):
    """What came for meters that didn't exist."""

    async def add(self, rows: Sequence[AttemptRow]) -> None:
        """Add attempts, but for those that a sync which comes again has left already."""
        ...

    async def list_attempts(
        self, before: int, limit: int, organization_id: str | None, **filters: object
    ) -> list[AttemptRow]: ...

    async def find(self, attempt_id: int, organization_id: str | None) -> AttemptRow | None: ...

    async def unapplied(self, organization_id: str, meter_code: str, after: int, limit: int) -> list[AttemptRow]: ...

    async def resolve(self, organization_id: str, attempt_id: int, now_us: int, resolved_by: str) -> None: ...

    async def resolve_all(self, organization_id: str, meter_code: str, now_us: int, resolved_by: str) -> int: ...

    async def mark_replayed(self, organization_id: str, attempt_id: int, now_us: int) -> None: ...


class RegistryJournal(Protocol):
    """Which syncs came, and who changed what."""

    async def find_sync(self, organization_id: str, client_id: str, sync_batch_id: str, body_hash: str) -> SyncRow | None: ...

    async def add_sync(self, row: SyncRow) -> None: ...

    async def add_asset_changes(self, organization_id: str, rows: Sequence[HistoryRow]) -> None: ...

    async def add_meter_changes(self, organization_id: str, rows: Sequence[HistoryRow]) -> None: ...

    async def asset_history(self, organization_id: str, asset_id: str, before: int, limit: int) -> list[HistoryRow]:
        """Newest first, from before a number."""
        ...

    async def meter_history(self, organization_id: str, meter_code: str, before: int, limit: int) -> list[HistoryRow]:
        """The same of a meter itself."""
        ...


class Registry(Protocol):
    """All of these over one transaction."""

    assets: Assets
    meters: AssetMeters
    readings: Readings
    unit_readings: UnitReadings
    references: References
    missing_meters: MissingMeters
    journal: RegistryJournal

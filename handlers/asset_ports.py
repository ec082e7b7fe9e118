"""What use cases ask of a store about assets, their meters, and who changed what. Part of `handlers.registry_ports.Registry`.

All methods that write, and those that give what a write builds on, are for one organization, whose registry is locked first.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.assets import Asset
from schemas.registry_records import AssetMeterRow, AssetRow, HealthRow, HistoryRow, OpenPairing, SerialRow, SyncRow, VinRow


class Assets(Protocol):
    """Assets, by whatever they go by, and the Datahub assets that they are."""

    async def lock(self, organization_id: str) -> None:
        """Be the only writer of an organization's registry until the transaction ends."""
        ...

    async def mint(self, count: int) -> list[int]:
        """New integer ids, unique over the installation."""
        ...

    async def with_identities(self, organization_id: str, identities: Sequence[str]) -> list[Asset]:
        """The assets that go by one of these externalAssetIds or aliases."""
        ...

    async def with_codes(self, organization_id: str, codes: Sequence[str]) -> list[Asset]:
        """The assets that have one of these codes."""
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

    async def never_counted(
        self, after: tuple[str, str, str], limit: int, organization_id: str | None, implied: Sequence[tuple[str, str]]
    ) -> list[HealthRow]:
        """Meters that pairings open now imply and of which nothing is kept yet, of assets in use: in the same order."""
        ...


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

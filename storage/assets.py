"""Assets: what they go by, what they are, and the Datahub assets that they are."""

from collections.abc import Sequence

from schemas.assets import Asset
from schemas.registry_records import AssetRow, OpenPairing, SerialRow, VinRow
from storage.asset_rows import asset_of, row_of
from storage.engine import Connection
from storage.rows import columns
from storage.statements import load

SQL = load("assets")


class AssetTables:
    """Implements `handlers.asset_ports.Assets`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def lock(self, organization_id: str) -> None:
        """Be the only writer of an organization's registry; on SQLite a writer is alone anyway."""
        if self._connection.dialect == "postgres":
            await self._connection.fetch(SQL["lock"], organization_id=organization_id)

    async def mint(self, count: int) -> list[int]:
        """New integer ids."""
        if count == 0:
            return []
        rows = await self._connection.fetch(SQL["mint"], count=count)
        if self._connection.dialect == "postgres":
            return [row[0] for row in rows]
        return list(range(rows[0][0] - count + 1, rows[0][0] + 1))

    async def with_identities(self, organization_id: str, identities: Sequence[str]) -> list[Asset]:
        """The assets that go by one of these."""
        rows = await self._connection.fetch(SQL["assets_with_identities"], organization_id=organization_id, identities=identities)
        return [asset_of(row) for row in rows]

    async def with_codes(self, organization_id: str, codes: Sequence[str]) -> list[Asset]:
        """The assets that have one of these codes."""
        rows = await self._connection.fetch(SQL["assets_with_codes"], organization_id=organization_id, codes=codes)
        return [asset_of(row) for row in rows]

    async def of_ids(self, organization_id: str, asset_ids: Sequence[str]) -> list[Asset]:
        """Assets by their ids."""
        rows = await self._connection.fetch(SQL["assets_of"], organization_id=organization_id, asset_ids=asset_ids)
        return [asset_of(row) for row in rows]

    async def of_lease_ids(self, organization_id: str, lease_asset_ids: Sequence[int]) -> list[Asset]:
        """Assets by their integer ids."""
        rows = await self._connection.fetch(
            SQL["assets_of_lease"], organization_id=organization_id, lease_asset_ids=list(lease_asset_ids)
        )
        return [asset_of(row) for row in rows]

    async def with_vins(self, organization_id: str, vins: Sequence[str]) -> list[VinRow]:
        """The assets with one of these VINs, oldest first."""
        rows = await self._connection.fetch(SQL["assets_with_vins"], organization_id=organization_id, vins=vins)
        return [VinRow(vin, asset_id, origin == "datahub") for vin, asset_id, origin in rows]

    async def put(self, organization_id: str, assets: Sequence[tuple[Asset, str | None]]) -> None:
        """Put assets, each with its VIN."""
        await self._connection.execute_many(SQL["put_asset"], [row_of(organization_id, asset, vin) for asset, vin in assets])

    async def add_identities(self, organization_id: str, identities: Sequence[tuple[str, str]]) -> None:
        """Add (externalAssetId or alias, asset id)."""
        await self._connection.execute_many(SQL["insert_identity"], [(organization_id, *pair) for pair in identities])

    async def find(self, organization_id: str | None, **by: object) -> list[AssetRow]:
        """Assets by one of the things that they go by; two at the most."""
        rows = await self._connection.fetch(SQL["find_assets"], organization_id=organization_id, **by)
        return [AssetRow(row[0], asset_of(row)) for row in rows]

    async def list_assets(self, after: int, limit: int, organization_id: str | None, **filters: object) -> list[AssetRow]:
        """Assets in the order of their creation, from after an integer id."""
        rows = await self._connection.fetch(
            SQL["list_assets"], after=after, limit=limit, organization_id=organization_id, **filters
        )
        return [AssetRow(row[0], asset_of(row)) for row in rows]

    async def all_vins(self, after: tuple[str, str], limit: int) -> list[SerialRow]:
        """All assets with their serials and VINs, in order."""
        rows = await self._connection.fetch(SQL["vins_after"], organization_id=after[0], asset_id=after[1], limit=limit)
        return [SerialRow(*row) for row in rows]

    async def links_to(self, organization_id: str, datahub_asset_ids: Sequence[str]) -> dict[str, str]:
        """The assets that some Datahub assets are."""
        rows = await self._connection.fetch(SQL["links_to"], organization_id=organization_id, datahub_asset_ids=datahub_asset_ids)
        return dict(rows)

    async def links_from(self, assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
        """The Datahub assets that assets are."""
        organization_ids, asset_ids = columns(assets)
        found: dict[tuple[str, str], list[str]] = {}
        for organization_id, asset_id, datahub_asset_id in await self._connection.fetch(
            SQL["links_from"], organization_ids=organization_ids, asset_ids=asset_ids
        ):
            found.setdefault((organization_id, asset_id), []).append(datahub_asset_id)
        return found

    async def put_links(self, organization_id: str, links: Sequence[tuple[str, str]], removed: Sequence[str]) -> None:
        """Remove links of Datahub assets, then put (Datahub asset, asset id)."""
        await self._connection.execute_many(SQL["delete_link"], [(organization_id, one) for one in removed])
        await self._connection.execute_many(SQL["put_link"], [(organization_id, *link) for link in links])

    async def open_pairings(self, organization_id: str, asset_ids: Sequence[str], unit_types: Sequence[str]) -> list[OpenPairing]:
        """The units of these types that are on these assets now."""
        rows = await self._connection.fetch(
            SQL["open_pairings"], organization_id=organization_id, asset_ids=asset_ids, unit_types=unit_types
        )
        return [OpenPairing(*row) for row in rows]

    async def paired_types(self, organization_id: str | None, unit_types: Sequence[str]) -> list[tuple[str, str, int]]:
        """(organization, unit type, how many units of it are on an asset now)."""
        rows = await self._connection.fetch(SQL["paired_types"], organization_id=organization_id, unit_types=unit_types)
        return [(row[0], row[1], row[2]) for row in rows]

"""The keys by which assets are found for a sensor's VIN."""

from collections.abc import Sequence

from schemas.vin_records import KeyedAsset, KeyRow
from storage.engine import Connection
from storage.statements import load

SQL = load("vin_keys")


class VinKeyTable:
    """Implements `handlers.vin_ports.VinKeys`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def change(self, organization_id: str, added: Sequence[tuple[str, str]], removed: Sequence[tuple[str, str]]) -> None:
        """Add keys of assets, and take others away."""
        await self._connection.execute_many(SQL["delete_key"], [(organization_id, *row) for row in removed])
        await self._connection.execute_many(SQL["insert_key"], [(organization_id, *row) for row in added])

    async def find(self, organization_id: str, keys: Sequence[str], limit: int) -> list[KeyedAsset]:
        """The assets that have one of these keys, once for each key; `limit` rows at the most."""
        rows = await self._connection.fetch(
            SQL["assets_with_keys"], organization_id=organization_id, keys=list(keys), limit=limit
        )
        return [KeyedAsset(*row) for row in rows]

    async def count(self, organization_id: str, key: str) -> int:
        """How many assets have a key."""
        row = await self._connection.fetch_one(SQL["count_with_key"], organization_id=organization_id, key=key)
        return int(row[0]) if row else 0

    async def stored(self, organization_id: str, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
        """Which of these are there."""
        rows = await self._connection.fetch(
            SQL["keys_of"],
            organization_id=organization_id,
            keys=[key for key, _ in keys],
            asset_ids=[asset_id for _, asset_id in keys],
        )
        return {(row[0], row[1]) for row in rows}

    async def all_rows(self, after: tuple[str, str, str], limit: int) -> list[KeyRow]:
        """All keys in order, from after one."""
        rows = await self._connection.fetch(
            SQL["keys_after"], organization_id=after[0], key=after[1], asset_id=after[2], limit=limit
        )
        return [KeyRow(*row) for row in rows]

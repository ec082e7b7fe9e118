"""Which syncs came, and who changed what in the registry."""

from collections.abc import Sequence

from schemas.registry_records import HistoryRow, SyncRow
from storage.engine import Connection
from storage.statements import load

SQL = load("registry_journal")


class RegistryJournalTables:
    """Implements `handlers.asset_ports.RegistryJournal`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def find_sync(self, organization_id: str, client_id: str, sync_batch_id: str, body_hash: str) -> SyncRow | None:
        """The first receipt of a sync."""
        row = await self._connection.fetch_one(
            SQL["find_sync"],
            organization_id=organization_id,
            client_id=client_id,
            sync_batch_id=sync_batch_id,
            body_hash=body_hash,
        )
        return SyncRow(*row) if row else None

    async def add_sync(self, row: SyncRow) -> None:
        """A sync that has an id came for the first time."""
        await self._connection.execute_many(SQL["insert_sync"], [row])

    async def add_asset_changes(self, organization_id: str, rows: Sequence[HistoryRow]) -> None:
        """Add what changed of assets."""
        await self._connection.execute_many(SQL["insert_asset_change"], [(organization_id, *row) for row in rows])

    async def add_meter_changes(self, organization_id: str, rows: Sequence[HistoryRow]) -> None:
        """Add what changed of meters."""
        await self._connection.execute_many(SQL["insert_meter_change"], [(organization_id, *row) for row in rows])

    async def asset_history(self, organization_id: str, asset_id: str, before: int, limit: int) -> list[HistoryRow]:
        """What changed of an asset, newest first."""
        rows = await self._connection.fetch(
            SQL["asset_history"], organization_id=organization_id, asset_id=asset_id, before=before, limit=limit
        )
        return [HistoryRow(*row) for row in rows]

    async def meter_history(self, organization_id: str, meter_code: str, before: int, limit: int) -> list[HistoryRow]:
        """What changed of a meter, newest first."""
        rows = await self._connection.fetch(
            SQL["meter_history"], organization_id=organization_id, meter_code=meter_code, before=before, limit=limit
        )
        return [HistoryRow(*row) for row in rows]

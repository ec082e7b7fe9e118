"""The ring of deliveries that could not prove who they are."""

from collections.abc import Sequence

from schemas.journal_records import RejectedRecord
from storage.engine import Connection
from storage.statements import load

SQL = load("rejected")


class RejectedTable:
    """Implements `handlers.journal_ports.Rejected`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, rows: Sequence[RejectedRecord], deliveries_max: int, bytes_max: int) -> None:
        """Add rows and drop the oldest beyond either bound."""
        await self._connection.execute_many(SQL["insert_rejected"], rows)
        await self._connection.execute(SQL["trim_rejected"], deliveries_max=deliveries_max, bytes_max=bytes_max)

    async def list_entries(self, after: int, limit: int, subscription: str | None = None) -> list[RejectedRecord]:
        """Held deliveries, oldest first, from after an id."""
        rows = await self._connection.fetch(SQL["list_rejected"], after=after, limit=limit, subscription=subscription)
        return [RejectedRecord(*row) for row in rows]

    async def remove(self, rejected_ids: Sequence[int]) -> None:
        """Take deliveries out of the ring."""
        await self._connection.execute_many(SQL["delete_rejected"], [(rejected_id,) for rejected_id in rejected_ids])

    async def drop_before(self, before_us: int) -> None:
        """Forget deliveries received before a time."""
        await self._connection.execute(SQL["drop_rejected_before"], before_us=before_us)

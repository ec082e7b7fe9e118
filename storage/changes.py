"""The change feed."""

from collections.abc import Sequence

from schemas.unit_records import ChangeRecord
from storage.engine import Connection
from storage.statements import load

SQL = load("changes")


class ChangeTable:
    """Implements `handlers.unit_ports.Changes`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def append(self, rows: Sequence[ChangeRecord]) -> None:
        """Add entries at the place of this transaction."""
        await self._connection.execute_many(SQL["insert_change"], rows)

    async def after(self, place: tuple[int, int], limit: int, organization_id: str | None) -> list[ChangeRecord]:
        """Entries after a place, in their order."""
        rows = await self._connection.fetch(
            SQL["changes_after"], position=place[0], n=place[1], limit=limit, organization_id=organization_id
        )
        return [ChangeRecord(*row) for row in rows]

    async def last(self, organization_id: str | None) -> tuple[int, int]:
        """The last place; (0, 0) while the feed is empty."""
        row = await self._connection.fetch_one(SQL["last_change"], organization_id=organization_id)
        return (row[0], row[1]) if row else (0, 0)

    async def of_event(self, organization_id: str, unit_id: str, commit_id: int) -> list[ChangeRecord]:
        """What the transaction that applied an event told of its unit."""
        rows = await self._connection.fetch(
            SQL["changes_of_event"], organization_id=organization_id, unit_id=unit_id, commit_id=commit_id
        )
        return [ChangeRecord(*row) for row in rows]

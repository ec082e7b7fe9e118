"""What could not be understood."""

from collections.abc import Sequence

from schemas.journal_records import QuarantineRecord
from storage.engine import Connection
from storage.statements import load

SQL = load("quarantine")


class QuarantineTable:
    """Implements `handlers.journal_ports.Quarantine`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, rows: Sequence[QuarantineRecord]) -> None:
        """Add entries."""
        await self._connection.execute_many(SQL["insert_quarantine"], rows)

    async def find(self, quarantine_id: int) -> QuarantineRecord | None:
        """One entry."""
        row = await self._connection.fetch_one(SQL["find_quarantine"], quarantine_id=quarantine_id)
        return QuarantineRecord(*row) if row else None

    async def take(self, quarantine_id: int) -> QuarantineRecord | None:
        """One entry, locked until the transaction ends."""
        row = await self._connection.fetch_one(SQL["take_quarantine"], quarantine_id=quarantine_id)
        return QuarantineRecord(*row) if row else None

    async def list_entries(
        self, before: int, limit: int, organization_id: str | None, *, bound_too: bool = False, **filters: object
    ) -> list[QuarantineRecord]:
        """Entries, newest first, from before an id; of one organization without what a binding refused, unless asked for."""
        rows = await self._connection.fetch(
            SQL["list_quarantine"],
            before=before,
            limit=limit,
            organization_id=organization_id,
            without_bound=organization_id is not None and not bound_too,
            **filters,
        )
        return [QuarantineRecord(*row) for row in rows]

    async def set_state(self, organization_id: str, quarantine_id: int, state: str) -> None:
        """An entry is resolved or discarded."""
        await self._connection.execute(
            SQL["set_quarantine_state"], organization_id=organization_id, quarantine_id=quarantine_id, state=state
        )

    async def set_problem(self, organization_id: str, quarantine_id: int, path: str, message: str) -> None:
        """An entry was tried again in vain."""
        await self._connection.execute(
            SQL["set_quarantine_problem"],
            organization_id=organization_id,
            quarantine_id=quarantine_id,
            path=path,
            message=message,
        )

    async def waiting(self) -> tuple[int, int | None]:
        """How many entries wait, and when the oldest of them came."""
        row = await self._connection.fetch_one(SQL["quarantine_state"])
        return (row[0], row[1]) if row else (0, None)

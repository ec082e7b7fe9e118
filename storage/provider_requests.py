"""How many requests providers were sent, in short slots of time."""

from collections.abc import Sequence

from storage.engine import Connection
from storage.statements import load

SQL = load("provider_requests")


class ProviderRequestTable:
    """Implements `handlers.provider_ports.Requests`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def counts(self, organization_id: str, provider: str, environment: str, scope: str) -> dict[tuple[int, int], int]:
        """By (length of a cap's span, number of a slot)."""
        names = {"organization_id": organization_id, "provider": provider, "environment": environment, "scope": scope}
        rows = await self._connection.fetch(SQL["counts"], **names)
        return {(row[0], row[1]): row[2] for row in rows}

    async def add(
        self, organization_id: str, provider: str, environment: str, scope: str, slots: Sequence[tuple[int, int]]
    ) -> None:
        """One more request in these slots."""
        await self._connection.execute_many(
            SQL["add"], [(organization_id, provider, environment, scope, *slot) for slot in slots]
        )

    async def forget(
        self, organization_id: str, provider: str, environment: str, scope: str, slots: Sequence[tuple[int, int]]
    ) -> None:
        """Slots that don't count any more."""
        rows = [(organization_id, provider, environment, scope, *slot) for slot in slots]
        await self._connection.execute_many(SQL["forget"], rows)

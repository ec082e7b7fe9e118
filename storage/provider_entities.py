"""Assets and meters as their providers gave them."""

from collections.abc import Sequence

from schemas.provider_rows import EntityRow
from storage.engine import Connection
from storage.statements import load

SQL = load("provider_entities")


class EntityTable:
    """Implements `handlers.provider_ports.Entities`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def of_ids(self, organization_id: str, provider: str, entity: str, external_ids: Sequence[str]) -> list[EntityRow]:
        """Those of these ids that there are."""
        rows = await self._connection.fetch(
            SQL["of_ids"],
            organization_id=organization_id,
            provider=provider,
            entity=entity,
            external_ids=sorted(set(external_ids)),
        )
        return [EntityRow(*row) for row in rows]

    async def put(self, rows: Sequence[EntityRow]) -> None:
        """Put them as the provider gave them."""
        await self._connection.execute_many(SQL["put"], rows)

    async def see(
        self, organization_id: str, provider: str, entity: str, external_ids: Sequence[str], run_id: int, now_us: int
    ) -> None:
        """A run has seen these."""
        await self._connection.execute(
            SQL["see"],
            organization_id=organization_id,
            provider=provider,
            entity=entity,
            external_ids=sorted(set(external_ids)),
            run_id=run_id,
            now_us=now_us,
        )

    async def count_active(self, organization_id: str, provider: str, entity: str) -> int:
        """How many a provider lists."""
        [row] = await self._connection.fetch(
            SQL["count_active"], organization_id=organization_id, provider=provider, entity=entity
        )
        return int(row[0])

    async def unseen(self, organization_id: str, provider: str, entity: str, run_id: int) -> list[EntityRow]:
        """The active ones that a run hasn't seen."""
        rows = await self._connection.fetch(
            SQL["unseen"], organization_id=organization_id, provider=provider, entity=entity, run_id=run_id
        )
        return [EntityRow(*row) for row in rows]

    async def make_absent(
        self, organization_id: str, provider: str, entity: str, external_ids: Sequence[str], now_us: int
    ) -> None:
        """These are no longer listed."""
        await self._connection.execute(
            SQL["make_absent"],
            organization_id=organization_id,
            provider=provider,
            entity=entity,
            external_ids=external_ids,
            now_us=now_us,
        )

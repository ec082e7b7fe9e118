"""What is kept between two looks at the candidates of open cases."""

from collections.abc import Sequence

from storage.engine import Connection
from storage.rows import columns
from storage.statements import load

SQL = load("rescoring")


class RescoringTables:
    """Implements `handlers.link_ports.Rescoring`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_vins(self, organization_id: str, vins: Sequence[str]) -> None:
        """Assets got or lost these VINs."""
        await self._connection.execute_many(SQL["add_vin"], [(organization_id, vin) for vin in vins])

    async def changed_vins(self, limit: int) -> list[tuple[str, str]]:
        """Some of (organization, VIN) that changed."""
        return [(row[0], row[1]) for row in await self._connection.fetch(SQL["changed_vins"], limit=limit)]

    async def drop_vins(self, vins: Sequence[tuple[str, str]]) -> None:
        """The cases that they could be about were looked at."""
        await self._connection.execute_many(SQL["delete_vin"], vins)

    async def place(self) -> tuple[int, int]:
        """How far the change feed was followed."""
        row = await self._connection.fetch_one(SQL["place"])
        return (row[0], row[1]) if row else (0, 0)

    async def set_place(self, place: tuple[int, int]) -> None:
        """It was followed to here."""
        await self._connection.execute(SQL["set_place"], position=place[0], n=place[1])

    async def announced(self, cases: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """What was last announced of cases."""
        organization_ids, case_ids = columns(cases)
        rows = await self._connection.fetch(SQL["announced"], organization_ids=organization_ids, case_ids=case_ids)
        return {(row[0], row[1]): row[2] for row in rows}

    async def put_announced(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Put (organization, case, best candidate)."""
        await self._connection.execute_many(SQL["put_announced"], rows)

"""What is kept between two looks at the candidates of open cases."""

from collections.abc import Sequence

from schemas.vin_records import Touched
from storage.engine import Connection
from storage.rows import columns
from storage.statements import load

SQL = load("rescoring")


class RescoringTables:
    """Implements `handlers.rescoring_ports.Rescoring`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def note(self, touched: Sequence[Touched]) -> None:
        """Candidates of cases may be others."""
        await self._connection.execute_many(SQL["add_note"], touched)

    async def notes(self, limit: int) -> list[tuple[int, Touched]]:
        """Some of what was noted, each with a number."""
        rows = await self._connection.fetch(SQL["notes"], limit=limit)
        return [(row[1], Touched(row[0], *row[2:])) for row in rows]

    async def drop_notes(self, notes: Sequence[tuple[int, Touched]]) -> None:
        """The cases that they could be about were looked at."""
        await self._connection.execute_many(SQL["delete_note"], [(touched.organization_id, number) for number, touched in notes])

    async def place(self) -> tuple[int, int]:
        """How far the change feed was followed."""
        row = await self._connection.fetch_one(SQL["place"])
        return (row[0], row[1]) if row else (0, 0)

    async def set_place(self, place: tuple[int, int]) -> None:
        """It was followed to here."""
        await self._connection.execute(SQL["set_place"], position=place[0], n=place[1])

    async def has_cases(self, organization_id: str) -> bool:
        """Whether any case of an organization has keys."""
        return await self._connection.fetch_one(SQL["any_case"], organization_id=organization_id) is not None

    async def cases_with(self, organization_id: str, keys: Sequence[str]) -> list[str]:
        """The cases that have one of these keys."""
        rows = await self._connection.fetch(SQL["cases_with_keys"], organization_id=organization_id, keys=list(keys))
        return [row[0] for row in rows]

    async def put_keys(self, cases: Sequence[tuple[str, str]], keys: Sequence[tuple[str, str, str]]) -> None:
        """Let some cases have these keys and no others."""
        await self._connection.execute_many(SQL["delete_case_keys"], cases)
        await self._connection.execute_many(SQL["insert_case_key"], keys)

    async def announced(self, cases: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """What was last announced of cases."""
        organization_ids, case_ids = columns(cases)
        rows = await self._connection.fetch(SQL["announced"], organization_ids=organization_ids, case_ids=case_ids)
        return {(row[0], row[1]): row[2] for row in rows}

    async def put_announced(self, rows: Sequence[tuple[str, str, str]]) -> None:
        """Put (organization, case, best candidate)."""
        await self._connection.execute_many(SQL["put_announced"], rows)

    async def forget_announced(self, cases: Sequence[tuple[str, str]]) -> None:
        """Forget it for cases that are gone."""
        await self._connection.execute_many(SQL["delete_announced"], cases)

"""Cases as queries read them, and the deadlines that were announced."""

from collections.abc import Sequence

from schemas.unit_rows import CaseRow
from storage.engine import Connection, Row
from storage.pages import newest_first
from storage.rows import columns, decode_episode
from storage.statements import load

SQL = load("cases")


def _case(row: Row) -> CaseRow:
    return CaseRow(row[0], row[1], row[2], decode_episode(row[3]))


class CaseTables:
    """Implements `handlers.unit_ports.Cases`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list_cases(
        self, before: tuple[str, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[CaseRow]:
        """Cases, newest first, from before (organization, first_at_us, case id)."""
        rows = await newest_first(self._connection, SQL["list_cases"], before, limit, organization_id, filters)
        return [_case(row) for row in rows]

    async def find_case(self, case_id: str, organization_id: str | None) -> CaseRow | None:
        """A case by its own id, or by one made from another failure in it."""
        row = await self._connection.fetch_one(SQL["find_case"], case_id=case_id, organization_id=organization_id)
        if row is not None:
            return _case(row)
        alias = await self._connection.fetch_one(SQL["find_alias"], alias_id=case_id, organization_id=organization_id)
        if alias is None:
            return None
        cases = await self._connection.fetch(SQL["cases_of_unit"], organization_id=alias[0], unit_id=alias[1])
        return next((case for case in map(_case, cases) if alias[2] in case.episode.failures), None)

    async def of_ids(self, cases: Sequence[tuple[str, str]]) -> list[CaseRow]:
        """Those of (organization, case id) that there are."""
        organization_ids, case_ids = columns(cases)
        rows = await self._connection.fetch(SQL["cases_of"], organization_ids=organization_ids, case_ids=case_ids)
        return [_case(row) for row in rows]

    async def due(self, now_us: int, limit: int) -> list[CaseRow]:
        """Open cases past a deadline that was not announced yet, the longest due first."""
        rows = await self._connection.fetch(SQL["due"], now_us=now_us, limit=limit)
        return [_case(row) for row in rows]

    async def claim(self, organization_id: str, case_id: str, deadline_us: int) -> bool:
        """Whether the announcement of a deadline falls to this transaction."""
        added = await self._connection.execute(
            SQL["claim"], organization_id=organization_id, case_id=case_id, deadline_us=deadline_us
        )
        return added == 1

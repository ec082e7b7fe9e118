"""What came for meters that didn't exist."""

from collections.abc import Sequence

from schemas.registry_records import AttemptRow
from storage.engine import Connection
from storage.statements import load

SQL = load("missing_meters")


class MissingMeterTable:
    """Implements `handlers.reference_ports.MissingMeters`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add(self, rows: Sequence[AttemptRow]) -> None:
        """Add attempts, but for those that are there already."""
        await self._connection.execute_many(SQL["insert_attempt"], rows)

    async def list_attempts(self, before: int, limit: int, organization_id: str | None, **filters: object) -> list[AttemptRow]:
        """Attempts, newest first."""
        rows = await self._connection.fetch(
            SQL["list_attempts"], before=before, limit=limit, organization_id=organization_id, **filters
        )
        return [AttemptRow(*row) for row in rows]

    async def find(self, attempt_id: int, organization_id: str | None) -> AttemptRow | None:
        """One attempt."""
        row = await self._connection.fetch_one(SQL["find_attempt"], attempt_id=attempt_id, organization_id=organization_id)
        return AttemptRow(*row) if row else None

    async def unapplied(self, organization_id: str, meter_code: str, after: int, limit: int) -> list[AttemptRow]:
        """Attempts for a meter that were not applied yet, oldest first."""
        rows = await self._connection.fetch(
            SQL["unapplied_attempts"], organization_id=organization_id, meter_code=meter_code, after=after, limit=limit
        )
        return [AttemptRow(*row) for row in rows]

    async def resolve(self, organization_id: str, attempt_id: int, now_us: int, resolved_by: str) -> None:
        """An attempt needs no more looking at."""
        await self._connection.execute(
            SQL["resolve_attempt"],
            organization_id=organization_id,
            attempt_id=attempt_id,
            now_us=now_us,
            resolved_by=resolved_by,
        )

    async def resolve_all(self, organization_id: str, meter_code: str, now_us: int, resolved_by: str) -> int:
        """The meter exists now; how many attempts waited for it."""
        return await self._connection.execute(
            SQL["resolve_attempts"],
            organization_id=organization_id,
            meter_code=meter_code,
            now_us=now_us,
            resolved_by=resolved_by,
        )

    async def assignments(
        self, organization_id: str, meter_code: str, asset_ids: Sequence[str], after: int, limit: int
    ) -> list[tuple[int, str, str]]:
        """What attempts with assignments held back for assets, after a number, oldest first."""
        return await self._connection.fetch(
            SQL["assignment_attempts"],
            organization_id=organization_id,
            meter_code=meter_code,
            asset_ids=asset_ids,
            after=after,
            limit=limit,
        )

    async def put_held(self, organization_id: str, attempt_id: int, held: str) -> None:
        """Something else is held back by an attempt, or in another state."""
        await self._connection.execute(SQL["put_held"], organization_id=organization_id, attempt_id=attempt_id, held=held)

    async def mark_replayed(self, organization_id: str, attempt_id: int, now_us: int) -> None:
        """What an attempt held back was applied."""
        await self._connection.execute(
            SQL["mark_replayed"], organization_id=organization_id, attempt_id=attempt_id, now_us=now_us
        )

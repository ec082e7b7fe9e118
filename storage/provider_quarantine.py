"""The quarantine of providers: records that could not be understood, or that name what isn't known."""

from collections.abc import Sequence

from schemas.provider_rows import RefusedRow
from storage.engine import Connection
from storage.statements import load

SQL = load("provider_quarantine")
_DELETE_AT_ONCE = 100
# What a record of a kind belongs to.
PARENTS = {"assets": "", "meters": "assets", "readings": "meters", "consumption": "meters"}


class ProviderQuarantineTable:
    """Implements `handlers.provider_ports.Refused`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, rows: Sequence[RefusedRow]) -> None:
        """Add entries, or bring those of the same stream, scope and key up to date."""
        await self._connection.execute_many(SQL["put"], rows)

    async def resolve(
        self, organization_id: str, provider: str, stream: str, scope: str, keys: Sequence[str], now_us: int
    ) -> None:
        """Records with these keys have been stored."""
        await self._connection.execute(
            SQL["resolve"],
            organization_id=organization_id,
            provider=provider,
            stream=stream,
            scope=scope,
            keys=keys,
            now_us=now_us,
        )

    async def resolve_unlisted(self, organization_id: str, provider: str, stream: str, run_id: int, now_us: int) -> None:
        """A complete run hasn't brought these any more."""
        await self._connection.execute(
            SQL["resolve_unlisted"],
            organization_id=organization_id,
            provider=provider,
            stream=stream,
            run_id=run_id,
            now_us=now_us,
        )

    async def set_state(self, organization_id: str, entry_ids: Sequence[int], state: str, now_us: int) -> None:
        """Entries are resolved or discarded."""
        await self._connection.execute(
            SQL["set_state"], organization_id=organization_id, entry_ids=list(entry_ids), state=state, now_us=now_us
        )

    async def drop_settled(self, before_us: int) -> int:
        """Forget entries that were resolved or discarded before a time, so many in one transaction at most; how many."""
        keys = await self._connection.fetch(SQL["settled_before"], before_us=before_us, limit=_DELETE_AT_ONCE)
        await self._connection.execute_many(SQL["delete"], keys)
        return len(keys)

    async def set_problem(self, row: RefusedRow) -> None:
        """What is wrong with an entry now."""
        await self._connection.execute(
            SQL["set_problem"],
            organization_id=row.organization_id,
            entry_id=row.entry_id,
            field=row.field,
            reason=row.reason,
            problems=row.problems,
            external_id=row.external_id,
            waits_for=row.waits_for,
            definition_hash=row.definition_hash,
        )

    async def find(self, organization_id: str, provider: str, entry_id: int) -> RefusedRow | None:
        """One entry."""
        row = await self._connection.fetch_one(SQL["find"], organization_id=organization_id, provider=provider, entry_id=entry_id)
        return RefusedRow(*row) if row else None

    async def list_entries(
        self, organization_id: str, provider: str, before: int, limit: int, **filters: object
    ) -> list[RefusedRow]:
        """Entries of a provider, newest first."""
        rows = await self._connection.fetch(
            SQL["list_entries"], organization_id=organization_id, provider=provider, before=before, limit=limit, **filters
        )
        return [RefusedRow(*row) for row in rows]

    async def to_try(
        self, organization_id: str, provider: str, entity: str, definition_hash: str, after: int, limit: int
    ) -> list[RefusedRow]:
        """Waiting entries that another try may help, oldest first."""
        rows = await self._connection.fetch(
            SQL["to_try"],
            organization_id=organization_id,
            provider=provider,
            entity=entity,
            parent_entity=PARENTS[entity],
            definition_hash=definition_hash,
            after=after,
            limit=limit,
        )
        return [RefusedRow(*row) for row in rows]

    async def count_waiting(self, organization_id: str, provider: str) -> int:
        """How many entries wait."""
        [row] = await self._connection.fetch(SQL["count_waiting"], organization_id=organization_id, provider=provider)
        return int(row[0])

"""Providers, their runs, how each stream went, and how far it is."""

from collections.abc import Sequence

from schemas.provider_rows import ProviderRow, RunRow, StreamRow
from storage.engine import Connection
from storage.statements import load

SQL = load("provider_runs")
_DELETE_AT_ONCE = 100


class ProviderRunTables:
    """Implements `handlers.provider_ports.Runs`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def take(self, organization_id: str, provider: str, now_us: int) -> ProviderRow:
        """A provider, locked until the transaction ends; it is seen now if it never was before."""
        named = {"organization_id": organization_id, "provider": provider}
        row = await self._connection.fetch_one(SQL["take_provider"], **named)
        if row is None:
            await self._connection.execute(SQL["see_provider"], now_us=now_us, **named)
            [row] = await self._connection.fetch(SQL["take_provider"], **named)
        return ProviderRow(*row)

    async def find_provider(self, organization_id: str, provider: str) -> ProviderRow | None:
        """A provider, if it was ever seen."""
        row = await self._connection.fetch_one(SQL["find_provider"], organization_id=organization_id, provider=provider)
        return ProviderRow(*row) if row else None

    async def set_scheduled(self, organization_id: str, provider: str, scheduled_us: int) -> None:
        """A run has been started for a scheduled instant."""
        await self._connection.execute(
            SQL["set_scheduled"], organization_id=organization_id, provider=provider, scheduled_us=scheduled_us
        )

    async def put(self, run: RunRow) -> None:
        """Put a run as it stands."""
        await self._connection.execute_many(SQL["put_run"], [run])

    async def find(self, run_id: int, organization_id: str | None) -> RunRow | None:
        """One run."""
        row = await self._connection.fetch_one(SQL["find_run"], run_id=run_id, organization_id=organization_id)
        return RunRow(*row) if row else None

    async def list_runs(self, organization_id: str, provider: str, before: int, limit: int) -> list[RunRow]:
        """Runs of a provider, newest first."""
        rows = await self._connection.fetch(
            SQL["list_runs"], organization_id=organization_id, provider=provider, before=before, limit=limit
        )
        return [RunRow(*row) for row in rows]

    async def open_runs(self, organization_id: str, provider: str) -> list[RunRow]:
        """Runs that wait or are under way, oldest first."""
        rows = await self._connection.fetch(SQL["open_runs"], organization_id=organization_id, provider=provider)
        return [RunRow(*row) for row in rows]

    async def drop_ended(self, before_us: int) -> int:
        """Forget runs that ended before a time, so many in one transaction at most; how many. The last of a provider stays."""
        keys = await self._connection.fetch(SQL["ended_before"], before_us=before_us, limit=_DELETE_AT_ONCE)
        for name in ("delete_streams", "delete_run"):
            await self._connection.execute_many(SQL[name], keys)
        return len(keys)

    async def put_stream(self, row: StreamRow) -> None:
        """How a stream went in a run."""
        await self._connection.execute_many(SQL["put_stream"], [row])

    async def streams_of(self, organization_id: str, run_ids: Sequence[int]) -> list[StreamRow]:
        """How the streams of some runs went, in their order."""
        rows = await self._connection.fetch(SQL["streams_of"], organization_id=organization_id, run_ids=run_ids)
        return [StreamRow(*row) for row in rows]

    async def watermarks(self, organization_id: str, provider: str, environment: str, stream: str) -> dict[str, int]:
        """How far each scope of a stream is."""
        names = {"organization_id": organization_id, "provider": provider, "environment": environment, "stream": stream}
        rows = await self._connection.fetch(SQL["watermarks"], **names)
        return {row[0]: row[1] for row in rows}

    async def set_watermark(
        self, organization_id: str, provider: str, environment: str, stream: str, scope: str, watermark_us: int
    ) -> None:
        """How far a scope is from now on; it never goes back."""
        await self._connection.execute(
            SQL["set_watermark"],
            organization_id=organization_id,
            provider=provider,
            environment=environment,
            stream=stream,
            scope=scope,
            watermark_us=watermark_us,
        )

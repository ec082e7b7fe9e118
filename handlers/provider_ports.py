"""What the use cases of providers ask of a store: part of `handlers.ports.Transaction`.

Everything is one provider's, whose runs are one after the other; so nothing here is written by two at a time.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.provider_rows import CounterRow, EntityRow, ProviderRow, RefusedRow, RunRow, StreamRow, UsageRow

Spans = Sequence[tuple[str, int, int]]


class Runs(Protocol):
    """Providers, their runs, how each stream went, and how far it is."""

    async def take(self, organization_id: str, provider: str, now_us: int) -> ProviderRow:
        """A provider, seen now if it never was before, locked until the transaction ends."""
        ...

    async def find_provider(self, organization_id: str, provider: str) -> ProviderRow | None: ...

    async def set_scheduled(self, organization_id: str, provider: str, scheduled_us: int) -> None: ...

    async def put(self, run: RunRow) -> None: ...

    async def find(self, run_id: int, organization_id: str | None) -> RunRow | None: ...

    async def list_runs(self, organization_id: str, provider: str, before: int, limit: int) -> list[RunRow]:
        """Newest first, from before an id."""
        ...

    async def open_runs(self, organization_id: str, provider: str) -> list[RunRow]:
        """Those that wait or are under way, oldest first."""
        ...

    async def drop_ended(self, before_us: int) -> int:
        """Forget some of the runs that ended before a time; how many. The last one of a provider stays."""
        ...

    async def put_stream(self, row: StreamRow) -> None: ...

    async def streams_of(self, organization_id: str, run_ids: Sequence[int]) -> list[StreamRow]: ...

    async def watermarks(self, organization_id: str, provider: str, environment: str, stream: str) -> dict[str, int]:
        """By scope."""
        ...

    async def set_watermark(
        self, organization_id: str, provider: str, environment: str, stream: str, scope: str, watermark_us: int
    ) -> None:
        """It never goes back."""
        ...


class Entities(Protocol):
    """Assets and meters as their providers gave them. `entity` is assets or meters."""

    async def of_ids(self, organization_id: str, provider: str, entity: str, external_ids: Sequence[str]) -> list[EntityRow]: ...

    async def put(self, rows: Sequence[EntityRow]) -> None: ...

    async def see(
        self, organization_id: str, provider: str, entity: str, external_ids: Sequence[str], run_id: int, now_us: int
    ) -> None:
        """They are listed still, whatever was said of them."""
        ...

    async def count_active(self, organization_id: str, provider: str, entity: str) -> int: ...

    async def unseen(self, organization_id: str, provider: str, entity: str, run_id: int) -> list[EntityRow]:
        """The active ones that a run hasn't seen."""
        ...

    async def make_absent(
        self, organization_id: str, provider: str, entity: str, external_ids: Sequence[str], now_us: int
    ) -> None: ...


class Usage(Protocol):
    """Readings and consumption as providers gave them, with what they said before."""

    async def of_spans(self, organization_id: str, kind: str, spans: Spans) -> list[UsageRow]:
        """By (meter code, start, end)."""
        ...

    async def put(self, rows: Sequence[UsageRow]) -> None: ...

    async def add_history(self, rows: Sequence[UsageRow], now_us: int) -> None:
        """Keep what is about to be replaced."""
        ...

    async def list_usage(
        self,
        organization_id: str,
        asset_id: str,
        meter_code: str,
        kind: str,
        after: tuple[int, int],
        limit: int,
        **filters: object,
    ) -> list[UsageRow]:
        """By time, from after (start, end); filters are `from_us` and `to_us`, which a span may reach into."""
        ...

    async def history_of(self, organization_id: str, meter_code: str, kind: str, start_us: int, end_us: int) -> list[UsageRow]:
        """What was said of a span before, oldest first."""
        ...

    async def has_any(self, organization_id: str, meter_code: str) -> bool: ...

    async def put_counters(self, rows: Sequence[CounterRow]) -> None: ...

    async def counter_of(self, organization_id: str, meter_code: str) -> CounterRow | None: ...


class Refused(Protocol):
    """The quarantine of providers."""

    async def put(self, rows: Sequence[RefusedRow]) -> None:
        """Add entries, or bring those of the same stream, scope and key up to date: one that was resolved waits again."""
        ...

    async def resolve(
        self, organization_id: str, provider: str, stream: str, scope: str, keys: Sequence[str], now_us: int
    ) -> None:
        """Records with these keys have been stored."""
        ...

    async def resolve_unlisted(self, organization_id: str, provider: str, stream: str, run_id: int, now_us: int) -> None:
        """A complete run of a stream hasn't brought these any more."""
        ...

    async def set_state(self, organization_id: str, entry_ids: Sequence[int], state: str, now_us: int) -> None: ...

    async def drop_settled(self, before_us: int) -> int:
        """Forget some of the entries that were resolved or discarded before a time and haven't come again since; how many."""
        ...

    async def set_problem(self, row: RefusedRow) -> None:
        """What is wrong with an entry now, and under which definition."""
        ...

    async def find(self, organization_id: str, provider: str, entry_id: int) -> RefusedRow | None: ...

    async def list_entries(
        self, organization_id: str, provider: str, before: int, limit: int, **filters: object
    ) -> list[RefusedRow]:
        """Newest first, from before an id; filters are `state` and `stream`."""
        ...

    async def to_try(
        self, organization_id: str, provider: str, entity: str, definition_hash: str, after: int, limit: int
    ) -> list[RefusedRow]:
        """Waiting entries that another try may help, oldest first, from after an id.

        Those of another definition, those that failed while being stored, and those whose asset or meter is known by now.
        """
        ...

    async def count_waiting(self, organization_id: str, provider: str) -> int: ...


class Requests(Protocol):
    """How many requests were sent, by (length of a cap's span, number of a slot); `scope` is a stream, or '' for all requests."""

    async def counts(self, organization_id: str, provider: str, environment: str, scope: str) -> dict[tuple[int, int], int]: ...

    async def add(
        self, organization_id: str, provider: str, environment: str, scope: str, slots: Sequence[tuple[int, int]]
    ) -> None: ...

    async def forget(
        self, organization_id: str, provider: str, environment: str, scope: str, slots: Sequence[tuple[int, int]]
    ) -> None: ...


class Providers(Protocol):
    """All of these over one transaction."""

    runs: Runs
    entities: Entities
    usage: Usage
    refused: Refused
    requests: Requests

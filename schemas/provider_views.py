"""Providers on the wire: what there is, how their runs went, and what waits in their quarantine."""

from typing import Any, Literal

from msgspec import Struct

from schemas.provider_rows import RefusedState, RunStatus, Trigger


class StreamRunView(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a stream went: fetched = created + updated + unchanged + quarantined.

    `absence` says what came of what wasn't listed.
    """

    stream: str
    entity: str
    status: str
    full: bool
    pages: int
    fetched: int
    created: int
    updated: int
    unchanged: int
    quarantined: int
    deactivated: int
    absence: str
    errors: tuple[str, ...]
    errors_total: int
    started_at: str
    ended_at: str


class RunView(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run. `streams` are those asked for (none: all), `results` how each went.

    `replayed` counts quarantined records that could be stored after all.
    """

    run_id: str
    provider: str
    environment: str
    trigger: Trigger
    status: RunStatus
    requested_by: str
    requested_at: str
    scheduled_at: str | None
    not_before: str | None
    started_at: str | None
    ended_at: str | None
    streams: tuple[str, ...]
    results: tuple[StreamRunView, ...]
    replayed: int
    error: str | None


class StreamView(Struct, frozen=True, rename="camel"):
    """A stream of a definition."""

    stream: str
    entity: str


class ProviderView(Struct, frozen=True, kw_only=True, rename="camel"):
    """A provider: its definition, its latest run, and how much of it waits in quarantine. `schedule` is in the fields of cron."""

    name: str
    organization_id: str
    environment: str
    definition_hash: str
    schedule: str | None
    time_zone: str | None
    next_run_at: str | None
    streams: tuple[StreamView, ...]
    last_run: RunView | None
    quarantine_waiting: int


class FieldProblem(Struct, frozen=True):
    """What is wrong with a field."""

    field: str
    reason: str


class RefusedView(Struct, frozen=True, kw_only=True, rename="camel"):
    """A record that could not be stored, as it came."""

    entry_id: str
    state: RefusedState
    stream: str
    entity: Literal["assets", "meters", "readings", "consumption"]
    page: int
    url: str
    key: str
    field: str
    reason: str
    problems: tuple[FieldProblem, ...]
    external_id: str | None
    waits_for: str | None
    definition_hash: str
    first_seen_at: str
    last_seen_at: str
    times_seen: int
    raw: Any

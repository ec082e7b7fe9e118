"""Rows of what providers deliver, as use cases and the store hand them to each other.

JSON columns are text, times microseconds, amounts exact decimals.
"""

from decimal import Decimal
from typing import Literal, NamedTuple, TypeAlias

RunStatus: TypeAlias = Literal["queued", "running", "succeeded", "failed", "rescheduled", "interrupted"]
Trigger: TypeAlias = Literal["schedule", "manual", "resume"]
UsageKind: TypeAlias = Literal["reading", "consumption"]
EntityKind: TypeAlias = Literal["assets", "meters"]
EntityState: TypeAlias = Literal["active", "absent"]
RefusedState: TypeAlias = Literal["waiting", "resolved", "discarded"]


class ProviderRow(NamedTuple):
    """A provider: when it was first seen, and the scheduled instant of the last run that was started for one."""

    organization_id: str
    provider: str
    first_seen_us: int
    scheduled_us: int | None


class RunRow(NamedTuple):
    """A run. `attempt` counts the runs in a row that were interrupted, and this one; `streams` is JSON, none means all."""

    organization_id: str
    run_id: int
    provider: str
    environment: str
    trigger_kind: str
    actor: str
    streams: str
    status: str
    attempt: int
    definition_hash: str
    requested_at_us: int
    scheduled_at_us: int | None
    not_before_us: int
    started_at_us: int | None
    ended_at_us: int | None
    holder: str
    replayed: int
    error: str | None


class StreamRow(NamedTuple):
    """How a stream went in a run: fetched = created + updated + unchanged + quarantined."""

    organization_id: str
    run_id: int
    stream: str
    place: int
    entity: str
    status: str
    is_full: int
    pages: int
    fetched: int
    created: int
    updated: int
    unchanged: int
    quarantined: int
    unidentified: int
    deactivated: int
    absence: str
    errors: str
    errors_total: int
    started_at_us: int
    ended_at_us: int


class EntityRow(NamedTuple):
    """An asset or a meter as its provider last gave it; `parent_id` is the asset of a meter."""

    organization_id: str
    provider: str
    entity: str
    external_id: str
    stream: str
    parent_id: str
    record: str
    state: str
    seen_run_id: int
    seen_at_us: int
    created_at_us: int
    changed_at_us: int
    absent_at_us: int | None


class UsageRow(NamedTuple):
    """A reading, whose start and end are one instant, or consumption over `[start_us, end_us)`."""

    organization_id: str
    meter_code: str
    kind: str
    start_us: int
    end_us: int
    revision: int
    asset_id: str
    value: Decimal
    redelivery: Decimal | None
    production: Decimal | None
    cost: Decimal | None
    currency: str | None
    estimated: int | None
    metadata: str
    run_id: int
    recorded_at_us: int

    @property
    def said(self) -> tuple[object, ...]:
        """What the provider says of its span."""
        amounts = (self.value, self.redelivery, self.production, self.cost)
        return (*amounts, self.currency, self.estimated, self.metadata)


class CounterRow(NamedTuple):
    """What is known of the counter behind a meter."""

    organization_id: str
    meter_code: str
    rollover: Decimal | None
    reset_to: Decimal | None
    gap_us_max: int | None
    granularity: str | None


class RefusedRow(NamedTuple):
    """A record in a provider's quarantine. `waits_for` is the asset or meter that it names and that isn't known."""

    organization_id: str
    entry_id: int
    provider: str
    stream: str
    scope: str
    record_key: str
    state: str
    entity: str
    page: int
    url: str
    field: str
    reason: str
    problems: str
    external_id: str | None
    waits_for: str | None
    definition_hash: str
    first_seen_us: int
    last_seen_us: int
    times_seen: int
    last_run_id: int
    raw: str
    parent: str

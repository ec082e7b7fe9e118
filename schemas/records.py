"""Rows as they are kept: plain tuples with names, in the order of their columns. JSON columns are text, times microseconds."""

from typing import NamedTuple

from schemas.facts import Meaning
from schemas.pairing import Episode, Interval, UnitState
from schemas.statements import Statement


class BatchRecord(NamedTuple):
    """A batch, as far as it concerns one organization ('' for entries that name none)."""

    organization_id: str
    batch_id: int
    content_key: str
    batch_key: str
    event_batch_id: str
    event_subscription_id: str
    event_batch_time_us: int
    source: str
    subscription: str
    applied: int
    duplicates: int
    quarantined: int
    ignored: int


class DeliveryRecord(NamedTuple):
    """One request, Feed answer or replayed file, with the body as received until retention drops it."""

    organization_id: str
    delivery_id: int
    batch_id: int | None
    received_at_us: int
    subscription: str
    source: str
    remote: str | None
    headers: str
    answer: str
    body_bytes: int
    body: bytes | None


class EventRecord(NamedTuple):
    """One entry of `eventsData` in one batch. `event_key` to `meaning` are None for what is no fact (yet); then `raw` is kept."""

    organization_id: str
    seq: int
    batch_id: int
    delivery_id: int
    entry: int
    outcome: str
    event_type: str | None
    event_version: int | None
    event_key: str | None
    unit_id: str | None
    asset_id: str | None
    kind: str | None
    at_us: int | None
    reason: str | None
    meaning: str | None
    source: str
    batch_key: str
    batch_time_us: int
    raw: bytes | None


class QuarantineRecord(NamedTuple):
    """What could not be understood. `bound` says that a subscription's binding refused it."""

    organization_id: str
    quarantine_id: int
    state: str
    kind: str
    path: str
    message: str
    received_at_us: int
    delivery_id: int
    batch_id: int | None
    entry: int | None
    event_seq: int | None
    subscription: str
    bound: int
    raw: bytes


class RejectedRecord(NamedTuple):
    """A delivery that could not prove who it is."""

    rejected_id: int
    subscription: str
    received_at_us: int
    remote: str | None
    reason: str
    headers: str
    body_bytes: int
    body: bytes


class UnitRecord(NamedTuple):
    """A unit and the state of its fold."""

    organization_id: str
    unit_id: str
    unit_type: str
    status: str
    last_event_at_us: int | None
    state: str


class PairingRecord(NamedTuple):
    """An interval; `sort_us` is its start, or the last microsecond in it where the start is unknown."""

    organization_id: str
    unit_id: str
    sort_us: int
    pairing_id: str
    unit_type: str
    asset_id: str
    paired_at_us: int | None
    paired_after_us: int | None
    unpaired_at_us: int | None
    reason: str | None
    vin: str | None
    updated_at_us: int
    interval_json: str


class CaseRecord(NamedTuple):
    """An episode; `dismissed_at_us` is set while it is dismissed."""

    organization_id: str
    case_id: str
    unit_id: str
    reason: str
    first_at_us: int
    deadline_us: int
    resolved_at_us: int | None
    dismissed_at_us: int | None
    episode_json: str


class AliasRecord(NamedTuple):
    """An id made from a fact that is in an interval or a case without giving it its id."""

    organization_id: str
    alias_id: str
    unit_id: str
    event_key: str


class FlagRecord(NamedTuple):
    """The flags of one fact, as a JSON list."""

    organization_id: str
    unit_id: str
    event_key: str
    flags: str


class DerivedRows(NamedTuple):
    """All rows that are derived of one unit and stored, sorted by key, but its other ids of pairings and cases."""

    unit: UnitRecord | None
    pairings: list[PairingRecord]
    cases: list[CaseRecord]
    flags: list[FlagRecord]


class ChangeRecord(NamedTuple):
    """One entry of the change feed; `position` and `n` order it."""

    organization_id: str
    position: int
    n: int
    type: str
    unit_id: str
    at_us: int
    data: str


class ClientRecord(NamedTuple):
    """An API client; `scopes` are space-separated and sorted, `secret_hash` is argon2id."""

    client_id: str
    name: str
    organization_id: str
    scopes: str
    secret_hash: str
    created_at_us: int
    revoked_at_us: int | None


class FeedTokenRecord(NamedTuple):
    """An access token of the Feed, encrypted; `requested_at` is JSON: when tokens were asked for."""

    token_key: str
    sealed: str
    expires_at_us: int
    requested_at: str


class UnitRow(NamedTuple):
    """A unit as queries read it."""

    organization_id: str
    unit_id: str
    status: str
    last_event_at_us: int | None
    state: UnitState


class PairingRow(NamedTuple):
    """An interval as queries read it."""

    organization_id: str
    unit_id: str
    sort_us: int
    pairing_id: str
    interval: Interval


class CaseRow(NamedTuple):
    """A case as queries read it."""

    organization_id: str
    case_id: str
    unit_id: str
    episode: Episode


class StatementRow(NamedTuple):
    """A statement as queries read it, with the time from which it is known."""

    statement: Statement
    known_at_us: int


class NeighbourRow(NamedTuple):
    """Who was on an asset, and when."""

    organization_id: str
    asset_id: str
    unit_id: str
    unit_type: str
    paired_at_us: int
    unpaired_at_us: int | None


class EventRow(NamedTuple):
    """An entry of a batch as queries read it."""

    organization_id: str
    seq: int
    batch_id: int
    outcome: str
    event_type: str | None
    event_version: int | None
    event_key: str | None
    unit_id: str | None
    asset_id: str | None
    kind: str | None
    at_us: int | None
    meaning: Meaning | None
    known_at_us: int


class BatchRow(NamedTuple):
    """A batch as queries read it, summed up over the organizations that may be seen."""

    batch_id: int
    event_batch_id: str
    event_subscription_id: str
    event_batch_time_us: int
    source: str
    subscription: str
    applied: int
    duplicates: int
    quarantined: int
    ignored: int


class DeliveryRow(NamedTuple):
    """A delivery as queries read it."""

    batch_id: int
    delivery_id: int
    received_at_us: int
    remote: str | None
    answer: str


class OverviewRecord(NamedTuple):
    """How much there is of everything; entries of batches by what became of them, units by state, cases to look at."""

    deliveries: int
    batches: int
    applied: int
    duplicates: int
    quarantined: int
    ignored: int
    units: dict[str, int]
    pairings: int
    cases: int
    cases_escalated: int
    rejected: int
    rejected_bytes: int
    rejected_oldest_us: int | None
    clients: int

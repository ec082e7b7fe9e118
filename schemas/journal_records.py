"""Rows of what came, as they are kept and as queries read them: plain tuples with names, in the order of their columns.

JSON columns are text, times microseconds.
"""

from typing import NamedTuple

from schemas.facts import Meaning


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

"""What queries answer: pairings, units, cases, changes, batches, events and quarantine as they look on the wire."""

from typing import Any, Literal

from msgspec import Struct, field

from schemas.facts import Location
from schemas.pairing import ChangeType, UnitStatus
from schemas.vin import Candidate

Outcome = Literal["applied", "duplicate", "ignored", "quarantined"]
CaseState = Literal["open", "escalated", "resolved", "dismissed"]


class Pairing(Struct, frozen=True, gc=False, rename="camel"):
    """An interval in which a unit is on an asset. Times are ISO 8601 UTC; `assetId` is Datahub's UUID."""

    pairing_id: str
    unit_id: str
    unit_type: str
    asset_id: str
    registry_asset_id: str | None
    organization_id: str
    vin: str | None
    sensor_vin: str | None
    reason: Literal["ManualPair", "AutoPair", "Asserted"] | None
    paired_at: str | None
    paired_after: str | None
    unpaired_at: str | None
    ended_by: Literal["unpaired", "superseded"] | None
    location: Location | None
    flags: tuple[str, ...]
    events: tuple[str, ...]
    previous_pairing_id: str | None = None


class Note(Struct, frozen=True, gc=False):
    """What an operator wrote on a case."""

    text: str
    author: str
    at: str


class Case(Struct, frozen=True, gc=False, rename="camel"):
    """An episode in which a unit could not be matched, or was matched doubtfully.

    A VinMismatch names the asset that the unit was paired with, and its VIN. `mergedInto` stands in changes of the feed alone.
    """

    case_id: str
    organization_id: str
    unit_id: str
    state: CaseState
    reason: str
    sensor_vin: str | None = field(name="sensorVin")
    attempts: int
    first_seen_at: str
    last_seen_at: str
    deadline: str
    retry_until: str | None
    resolved_at: str | None
    resolved_by: Literal["paired", "unpaired", "dismissed"] | None
    suggestion: str | None
    candidates: tuple[Candidate, ...]
    location: Location | None
    notes: tuple[Note, ...]
    asset_id: str | None = None
    asset_vin: str | None = None
    merged_into: str | None = None


class Unit(Struct, frozen=True, rename="camel"):
    """A communication unit and where it stands now, or stood at the time asked for."""

    unit_id: str
    unit_type: str
    serial_number: str
    organization_id: str
    state: UnitStatus
    pairing: Pairing | None
    case: Case | None
    last_event_at: str | None


class Change(Struct, frozen=True):
    """One entry of the change feed."""

    cursor: str
    type: ChangeType
    at: str
    data: Any


class Delivery(Struct, frozen=True, rename="camel"):
    """One HTTP request (or Feed answer, or replayed file) that brought a batch. `raw` is for operators of all organizations."""

    delivery_id: str
    received_at: str
    remote: str | None
    answer: str
    raw: str | None = None


class Batch(Struct, frozen=True, rename="camel"):
    """What one eventBatchId with one list of events brought, as far as it concerns the organization asked for."""

    batch_id: str
    event_batch_id: str
    event_subscription_id: str
    event_batch_time: str
    source: Literal["webhook", "feed", "replay"]
    subscription: str
    received: int
    applied: int
    duplicates: int
    quarantined: int
    ignored: int
    deliveries: tuple[Delivery, ...]


class Said(Struct, frozen=True):
    """What an operator said of an event: asserted it, made it void, restored it."""

    kind: Literal["paired", "unpaired", "void", "restore"]
    author: str
    note: str
    at: str


class EventView(Struct, frozen=True, rename="camel"):
    """One entry of `eventsData` and what became of it, or an operator's assertion, which has no type, version or batch.

    Fields that could not be read are null. Deliveries, changes and statements are shown with a single event alone.
    """

    event_key: str | None
    event_type: str | None
    event_version: int | None
    organization_id: str | None
    unit_id: str | None
    asset_id: str | None
    status: Literal["success", "failed"] | None
    reason: str | None
    asset_vin: str | None = field(name="assetVin")
    sensor_vin: str | None = field(name="sensorVin")
    candidate_asset_ids: tuple[str, ...]
    location: Location | None
    registered_on: str | None
    outcome: Outcome
    flags: tuple[str, ...]
    void: bool
    known_at: str
    batch_id: str | None
    deliveries: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    statements: tuple[Said, ...] = ()


class QuarantineEntry(Struct, frozen=True, rename="camel"):
    """What could not be understood, kept as it came. `kind` is one event of a batch, or a whole body."""

    quarantine_id: str
    state: Literal["waiting", "resolved", "discarded"]
    kind: Literal["event", "body"]
    path: str
    message: str
    received_at: str
    delivery_id: str
    organization_id: str | None
    subscription: str
    raw: str | None = None

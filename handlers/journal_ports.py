"""What use cases ask of a store about what came: deliveries, events, quarantine. Part of `handlers.ports.Transaction`."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from handlers.unit_ports import Unit
from schemas.facts import Copy
from schemas.journal_records import (
    BatchRecord,
    BatchRow,
    DeliveryRecord,
    DeliveryRow,
    EventRecord,
    EventRow,
    QuarantineRecord,
    RejectedRecord,
)


class Stamp(NamedTuple):
    """The place of a transaction in the journal, and the time from which what it recorded is known."""

    position: int
    known_at_us: int


class Journal(Protocol):
    """Deliveries, batches and events as they came."""

    async def begin(self) -> int:
        """A new commit id, taken after all locks, so that ids of one unit rise with its journal."""
        ...

    async def stamp(self, commit_id: int, now_us: int) -> Stamp:
        """The last thing that a recording transaction does before it appends changes: its place among all others."""
        ...

    async def touch(self) -> None:
        """A write that says nothing: StoreUnavailableError if the store can't be written."""
        ...

    async def batches_of(self, event_batch_ids: Sequence[str]) -> list[BatchRecord]:
        """The stored batches with one of these eventBatchIds."""
        ...

    async def copies_of(self, units: Sequence[Unit], known_at_us: int | None = None) -> dict[Unit, list[Copy]]:
        """All copies of these units, or those known by a time."""
        ...

    async def put_batches(self, rows: Sequence[BatchRecord]) -> None: ...

    async def put_deliveries(self, rows: Sequence[DeliveryRecord]) -> None: ...

    async def put_events(self, rows: Sequence[EventRecord]) -> None: ...

    async def remove_events(self, keys: Sequence[tuple[str, int]]) -> None:
        """Remove events by (organization, seq): a reprocessed entry is recorded anew, known from then."""
        ...

    async def move_count(self, batch_id: int, before: tuple[str, str], after: tuple[str, str]) -> None:
        """One entry of a batch changes from `before` to `after`, each an (organization, outcome)."""
        ...

    async def adopt_delivery(self, delivery_id: int, batch_id: int, answer: str) -> None:
        """A delivery's body turned out to be a batch after all."""
        ...


class Events(Protocol):
    """Batches and their entries as queries read them, newest first."""

    async def list_events(self, before: int, limit: int, organization_id: str | None, **filters: object) -> list[EventRow]: ...

    async def find_event(self, event_key: str, organization_id: str | None) -> list[EventRow]:
        """The copies of one event, oldest first."""
        ...

    async def held_events(
        self, after: int, limit: int, organization_id: str | None, event_type: str | None = None
    ) -> list[EventRecord]:
        """Ignored entries, oldest first, from after a sequence number."""
        ...

    async def find_entry(self, organization_id: str, seq: int) -> EventRecord | None: ...

    async def take_ignored(self, organization_id: str, seq: int) -> EventRecord | None:
        """An entry that is ignored, locked until the transaction ends; None if there is none any more."""
        ...

    async def list_batches(self, before: int, limit: int, organization_id: str | None) -> list[BatchRow]: ...

    async def find_batches(
        self, organization_id: str | None, *, batch_id: int | None = None, event_batch_id: str | None = None
    ) -> list[BatchRow]:
        """Batches by our id or by Datahub's; two at the most."""
        ...

    async def deliveries_of(self, batch_ids: Sequence[int]) -> list[DeliveryRow]: ...

    async def find_delivery(self, delivery_id: int) -> DeliveryRecord | None: ...

    async def drop_bodies(self, before_us: int) -> int:
        """Forget the bodies of deliveries received before a time, oldest first; how many. Again, until it is none."""
        ...

    async def last_delivery(self, subscription: str) -> int | None:
        """When a subscription last heard from Datahub, in microseconds."""
        ...


class Quarantine(Protocol):
    """What could not be understood."""

    async def put(self, rows: Sequence[QuarantineRecord]) -> None: ...

    async def find(self, quarantine_id: int) -> QuarantineRecord | None: ...

    async def take(self, quarantine_id: int) -> QuarantineRecord | None:
        """The same, locked until the transaction ends."""
        ...

    async def list_entries(
        self, before: int, limit: int, organization_id: str | None, *, bound_too: bool = False, **filters: object
    ) -> list[QuarantineRecord]:
        """Entries, newest first, from before an id; of one organization without what a binding refused, unless asked for."""
        ...

    async def set_state(self, organization_id: str, quarantine_id: int, state: str) -> None: ...

    async def set_problem(self, organization_id: str, quarantine_id: int, path: str, message: str) -> None: ...

    async def waiting(self) -> tuple[int, int | None]:
        """How many entries wait, and when the oldest of them came."""
        ...


class Rejected(Protocol):
    """The ring of deliveries that could not prove who they are."""

    async def put(self, rows: Sequence[RejectedRecord], deliveries_max: int, bytes_max: int) -> None:
        """Add rows and drop the oldest beyond either bound."""
        ...

    async def list_entries(self, after: int, limit: int, subscription: str | None = None) -> list[RejectedRecord]: ...

    async def remove(self, rejected_ids: Sequence[int]) -> None: ...

    async def drop_before(self, before_us: int) -> None:
        """Forget deliveries received before a time."""
        ...

"""What use cases ask of a store and a clock. The storage room implements it; nothing here knows how.

A use case is a coroutine over one transaction, and awaits nothing but that transaction: an engine may run it to its end on
the thread of its connection. Lists of pairs are `(organization_id, unit_id)`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, TypeVar

from schemas.facts import Copy, Flag
from schemas.pairing import Episode, Interval, UnitState
from schemas.records import (
    AliasRecord,
    BatchRecord,
    CaseRecord,
    ChangeRecord,
    ClientRecord,
    DeliveryRecord,
    EventRecord,
    FlagRecord,
    PairingRecord,
    QuarantineRecord,
    RejectedRecord,
    UnitRecord,
)

Result = TypeVar("Result")
Unit = tuple[str, str]


class Stamp(NamedTuple):
    """The place of a transaction in the journal, and the time from which what it recorded is known."""

    position: int
    known_at_us: int


class CopyRow(NamedTuple):
    """A copy as it is journalled, with the sequence number that says when it came."""

    seq: int
    copy: Copy


class Journal(Protocol):
    """Deliveries, batches and events as they came."""

    async def begin(self) -> int:
        """A new commit id, taken after all locks, so that ids of one unit rise with its journal."""
        ...

    async def stamp(self, commit_id: int, now_us: int) -> Stamp:
        """The last thing that a recording transaction does before it appends changes: its place among all others."""
        ...

    async def batches_of(self, event_batch_ids: Sequence[str]) -> list[BatchRecord]:
        """The stored batches with one of these eventBatchIds."""
        ...

    async def copies_of(self, units: Sequence[Unit]) -> dict[Unit, list[Copy]]:
        """All copies of these units."""
        ...

    async def put_batches(self, rows: Sequence[BatchRecord]) -> None: ...

    async def put_deliveries(self, rows: Sequence[DeliveryRecord]) -> None: ...

    async def put_events(self, rows: Sequence[EventRecord]) -> None: ...

    async def remove_events(self, keys: Sequence[tuple[str, int]]) -> None:
        """Remove events by (organization, seq): a reprocessed entry is recorded anew, known from then."""
        ...

    async def move_counts(self, organization_id: str, batch_id: int, from_: str, to: str) -> None:
        """One entry of a batch changes its outcome: `from_` and `to` are outcomes."""
        ...


class Histories(Protocol):
    """The derived state of units."""

    async def lock(self, units: Sequence[Unit]) -> dict[Unit, UnitState]:
        """Lock units in sorted order until the transaction ends; the state of each, a fresh one for a unit not seen yet."""
        ...

    async def stored_intervals(self, units: Sequence[Unit]) -> dict[Unit, list[Interval]]: ...

    async def stored_episodes(self, units: Sequence[Unit]) -> dict[Unit, list[Episode]]: ...

    async def stored_flags(self, units: Sequence[Unit]) -> dict[Unit, dict[str, tuple[Flag, ...]]]: ...

    async def put_units(self, rows: Sequence[UnitRecord]) -> None: ...

    async def put_pairings(self, rows: Sequence[PairingRecord], removed: Sequence[tuple[str, str]]) -> None: ...

    async def put_cases(self, rows: Sequence[CaseRecord], removed: Sequence[tuple[str, str]]) -> None: ...

    async def put_aliases(self, rows: Sequence[AliasRecord]) -> None: ...

    async def put_flags(self, rows: Sequence[FlagRecord], removed: Sequence[tuple[str, str, str]]) -> None: ...

    async def all_units(self, after: Unit | None, limit: int) -> list[Unit]:
        """Units in order, those after `after`: for going through all of them."""
        ...


class Changes(Protocol):
    """The change feed."""

    async def append(self, rows: Sequence[ChangeRecord]) -> None: ...


class Quarantine(Protocol):
    """What could not be understood."""

    async def put(self, rows: Sequence[QuarantineRecord]) -> None: ...

    async def find(self, quarantine_id: int) -> QuarantineRecord | None: ...

    async def set_state(self, organization_id: str, quarantine_id: int, state: str) -> None: ...


class Rejected(Protocol):
    """The ring of deliveries that could not prove who they are."""

    async def put(self, rows: Sequence[RejectedRecord], deliveries_max: int, bytes_max: int) -> None:
        """Add rows and drop the oldest beyond either bound."""
        ...


class Clients(Protocol):
    """API clients and their tokens."""

    async def put(self, row: ClientRecord) -> None: ...

    async def find(self, client_id: str) -> ClientRecord | None: ...


class Transaction(Protocol):
    """One transaction over everything that is kept."""

    journal: Journal
    histories: Histories
    changes: Changes
    quarantine: Quarantine
    rejected: Rejected
    clients: Clients

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of the transaction that can fail alone."""
        ...


Work = Callable[[Transaction], Awaitable[Result]]


class Store(Protocol):
    """The store: every use case goes through one of its two doors."""

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction and commit it before returning; StoreUnavailableError if the store can't take it."""
        ...

    async def read(self, work: Work[Result]) -> Result:
        """Run `work` on one consistent snapshot; writing fails."""
        ...

"""What use cases ask of a store and a clock. The storage room implements it; nothing here knows how.

A use case is a coroutine over one transaction, and awaits nothing but that transaction: an engine may run it to its end on
the thread of its connection. Lists of pairs are `(organization_id, unit_id)`.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from handlers.alert_ports import Alerts
from handlers.link_ports import Links
from handlers.provider_ports import Providers
from handlers.registry_ports import Registry
from handlers.rescoring_ports import Rescoring
from handlers.vin_ports import VinKeys
from schemas.facts import Copy, Flag
from schemas.pairing import Episode, Interval, UnitState
from schemas.patches import AssetPatch, PatchError, PatchJob
from schemas.records import (
    AliasRecord,
    BatchRecord,
    BatchRow,
    CaseRecord,
    CaseRow,
    ChangeRecord,
    ClientRecord,
    DeliveryRecord,
    DeliveryRow,
    DerivedRows,
    EventRecord,
    EventRow,
    FeedTokenRecord,
    FlagRecord,
    NeighbourRow,
    OverviewRecord,
    PairingRecord,
    PairingRow,
    QuarantineRecord,
    RejectedRecord,
    StatementRow,
    UnitRecord,
    UnitRow,
)
from schemas.statements import Statement

Result = TypeVar("Result")
Unit = tuple[str, str]


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


class Histories(Protocol):
    """The derived state of units."""

    async def lock(self, units: Sequence[Unit]) -> dict[Unit, UnitState]:
        """Lock units in sorted order until the transaction ends; the state of each, a fresh one for a unit not seen yet."""
        ...

    async def hold(self, units: Sequence[Unit]) -> None:
        """Lock units, whatever is stored of them."""
        ...

    async def stored_intervals(self, units: Sequence[Unit]) -> dict[Unit, list[Interval]]: ...

    async def stored_episodes(self, units: Sequence[Unit]) -> dict[Unit, list[Episode]]: ...

    async def stored_flags(self, units: Sequence[Unit]) -> dict[Unit, dict[str, tuple[Flag, ...]]]: ...

    async def put_units(self, rows: Sequence[UnitRecord]) -> None: ...

    async def put_pairings(self, rows: Sequence[PairingRecord], removed: Sequence[tuple[str, str, str]]) -> None: ...

    async def put_cases(self, rows: Sequence[CaseRecord], removed: Sequence[tuple[str, str]]) -> None: ...

    async def put_aliases(self, rows: Sequence[AliasRecord]) -> None: ...

    async def put_flags(self, rows: Sequence[FlagRecord], removed: Sequence[tuple[str, str, str]]) -> None: ...

    async def rows_of(self, units: Sequence[Unit]) -> dict[Unit, DerivedRows]:
        """All that is stored of each of these units, as it is stored."""
        ...

    async def stored_aliases(self, ids: Sequence[tuple[str, str]]) -> set[AliasRecord]:
        """What is stored under some other ids, given by (organization, alias id)."""
        ...

    async def remove_units(self, units: Sequence[Unit]) -> None: ...

    async def all_units(self, after: Unit, limit: int) -> list[Unit]:
        """Units of which anything is recorded or derived, in order, from after `after`; ("", "") is before all."""
        ...


class Pairings(Protocol):
    """Units and intervals as queries read them. `organization_id` None means: of all organizations.

    Keyword filters are the columns of `storage/sql/pairings.sql`; one that is None doesn't filter.
    """

    async def list_units(self, after: Unit, limit: int, organization_id: str | None, **filters: object) -> list[UnitRow]:
        """Units in order, from after (organization, unit)."""
        ...

    async def find_units(self, unit_id: str, organization_id: str | None) -> list[UnitRow]:
        """The units of this id, one for each organization that has it; two at the most."""
        ...

    async def list_pairings(
        self, before: tuple[str, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[PairingRow]:
        """Intervals, newest first, from before (organization, sort_us, pairing id)."""
        ...

    async def find_pairing(self, pairing_id: str, organization_id: str | None) -> PairingRow | None:
        """An interval by its own id, or by one made from a fact in it."""
        ...

    async def units_naming(self, asset_ids: Sequence[str], organization_id: str | None, after: Unit, limit: int) -> list[Unit]:
        """Units that anything recorded puts on one of these assets, or takes off it, in order, from after `after`."""
        ...

    async def neighbours(self, assets: Sequence[tuple[str, str]]) -> list[NeighbourRow]:
        """Who was on assets, given by (organization, asset id), and when, as far as the start and the unit's type are known."""
        ...


class OperatorStatements(Protocol):
    """What operators said."""

    async def put(self, rows: Sequence[Statement]) -> None: ...

    async def of_units(self, units: Sequence[Unit], known_at_us: int | None = None) -> dict[Unit, list[Statement]]:
        """All statements about these units, or those known by a time."""
        ...

    async def about(self, keys: Sequence[tuple[str, str]]) -> list[StatementRow]:
        """What was said of facts, given by (organization, event key), oldest first."""
        ...

    async def find_assertion(self, event_key: str, organization_id: str | None) -> StatementRow | None:
        """The first statement that asserts this."""
        ...

    async def list_assertions(
        self, before: int, limit: int, organization_id: str | None, **filters: object
    ) -> list[StatementRow]:
        """Assertions, newest first, from before a sequence number."""
        ...


class Cases(Protocol):
    """Cases as queries read them, and what was announced of them."""

    async def list_cases(
        self, before: tuple[str, int, str], limit: int, organization_id: str | None, **filters: object
    ) -> list[CaseRow]:
        """Cases, newest first by their first failure, from before (organization, first_at_us, case id)."""
        ...

    async def find_case(self, case_id: str, organization_id: str | None) -> CaseRow | None:
        """A case by its own id, or by one made from another failure in it."""
        ...

    async def of_ids(self, cases: Sequence[tuple[str, str]]) -> list[CaseRow]:
        """Those of (organization, case id) that there are, by their own ids."""
        ...

    async def due(self, now_us: int, limit: int) -> list[CaseRow]:
        """Open cases past a deadline that was not announced yet, the longest due first."""
        ...

    async def claim(self, organization_id: str, case_id: str, deadline_us: int) -> bool:
        """Take it on oneself to announce that a deadline has passed; False if somebody has done so."""
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
        """Forget the bodies of deliveries received before a time; how many."""
        ...

    async def last_delivery(self, subscription: str) -> int | None:
        """When a subscription last heard from Datahub, in microseconds."""
        ...


class Changes(Protocol):
    """The change feed; a place in it is (position, n)."""

    async def append(self, rows: Sequence[ChangeRecord]) -> None: ...

    async def after(self, place: tuple[int, int], limit: int, organization_id: str | None) -> list[ChangeRecord]: ...

    async def last(self, organization_id: str | None) -> tuple[int, int]:
        """The last place of the feed; (0, 0) while it is empty."""
        ...

    async def of_event(self, organization_id: str, unit_id: str, commit_id: int) -> list[ChangeRecord]:
        """What the transaction that applied an event told of its unit."""
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


class Clients(Protocol):
    """API clients and their tokens, which are kept by their SHA-256 in hex."""

    async def put(self, row: ClientRecord) -> None: ...

    async def find(self, client_id: str) -> ClientRecord | None: ...

    async def list_all(self) -> list[ClientRecord]: ...

    async def revoke(self, client_id: str, now_us: int) -> bool:
        """Revoke a client and end its tokens; False if there is none that isn't revoked."""
        ...

    async def put_token(self, token_hash: str, client_id: str, now_us: int) -> None: ...

    async def find_token(self, token_hash: str) -> tuple[str, int] | None:
        """The client of a token, and when it was used last."""
        ...

    async def touch_token(self, token_hash: str, now_us: int) -> None: ...

    async def drop_idle_tokens(self, before_us: int) -> None: ...


class PatchJobs(Protocol):
    """Bulk patches of assets: jobs, their patches, and what went wrong. `worker` names a process that applies them."""

    async def next_id(self) -> int:
        """A new job id; whoever wants the one after it waits until this transaction has ended."""
        ...

    async def put(self, job: PatchJob, chunks: Sequence[Sequence[AssetPatch]]) -> None:
        """Add a job with its patches; each chunk is applied in one transaction."""
        ...

    async def find(self, job_id: int, organization_id: str | None) -> PatchJob | None: ...

    async def find_by_key(self, client_id: str, idempotency_key: str) -> PatchJob | None:
        """The job that a client's request with this key became."""
        ...

    async def list_jobs(self, before: int, limit: int, organization_id: str | None, **filters: object) -> list[PatchJob]:
        """Jobs, newest first, from before an id."""
        ...

    async def errors_of(self, jobs: Sequence[PatchJob]) -> dict[int, list[PatchError]]:
        """What went wrong in some jobs by their ids, in the order of their requests."""
        ...

    async def is_waiting(self, now_us: int) -> bool:
        """Whether there is a job that a worker could claim."""
        ...

    async def claim(self, worker: str, now_us: int, lease_until_us: int) -> PatchJob | None:
        """Give a worker the first job that nobody is at, of each organization none but the first that hasn't ended."""
        ...

    async def take(self, job: PatchJob, worker: str) -> PatchJob | None:
        """A job as it stands, locked until the transaction ends; None if this worker doesn't have it any more."""
        ...

    async def patches_from(self, job: PatchJob) -> tuple[AssetPatch, ...]:
        """The patches of a job that come next, to be applied in one transaction."""
        ...

    async def advance(self, job: PatchJob, errors: Sequence[PatchError]) -> None:
        """Keep how far a job is, and what went wrong on the way."""
        ...

    async def release(self, worker: str) -> None:
        """A worker ends: others can go on with what it has."""
        ...

    async def drop_ended(self, before_us: int) -> int:
        """Forget jobs that ended before a time, some at a time; how many."""
        ...


class Leases(Protocol):
    """Work that one process at a time may do, by name; and the Feed's tokens, which all processes share.

    A lease that isn't renewed ends by itself: its holder may have died.
    """

    async def claim(self, name: str, holder: str, now_us: int, until_us: int) -> bool:
        """Whether the work is the holder's from now on: nobody had it, or not any more, or the holder itself."""
        ...

    async def keep(self, name: str, holder: str, until_us: int) -> bool:
        """Whether it is the holder's still; if so nobody else can take it before this transaction has ended."""
        ...

    async def release(self, name: str, holder: str) -> None: ...

    async def find(self, name: str) -> tuple[str, int] | None:
        """Who has it, and until when."""
        ...

    async def find_token(self, token_key: str) -> FeedTokenRecord | None: ...

    async def put_token(self, row: FeedTokenRecord) -> None: ...


class Overview(Protocol):
    """How much there is of everything."""

    async def count(self, now_us: int) -> OverviewRecord:
        """Everything counted, as of `now_us` where a deadline decides."""
        ...


class Transaction(Protocol):
    """One transaction over everything that is kept."""

    journal: Journal
    histories: Histories
    pairings: Pairings
    statements: OperatorStatements
    cases: Cases
    events: Events
    changes: Changes
    quarantine: Quarantine
    rejected: Rejected
    clients: Clients
    patches: PatchJobs
    leases: Leases
    providers: Providers
    alerts: Alerts
    overview: Overview
    registry: Registry
    vin_keys: VinKeys
    links: Links
    rescoring: Rescoring

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """A part of the transaction that can fail alone."""
        ...


Work = Callable[[Transaction], Awaitable[Result]]


class Store(Protocol):
    """The store: every use case goes through one of its two doors."""

    async def write(self, work: Work[Result]) -> Result:
        """Run `work` in one transaction and commit it before returning; StoreUnavailableError if the store can't take it."""
        ...

    async def read(self, work: Work[Result], *, brief: bool = False) -> Result:
        """Run `work` on one consistent snapshot; writing fails. `brief`: it is a few look-ups by key, to be done at once."""
        ...

    async def backup(self, target: Path, work: Work[Result]) -> tuple[Result, Result | None]:
        """Copy what one snapshot holds to the empty file `target`, and check the copy; nobody waits for it.

        What `work` gives on that snapshot and, where the copy is a database itself, on the copy. DrawbarError: it failed.
        """
        ...

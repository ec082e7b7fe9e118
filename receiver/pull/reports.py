"""What a run hands on: pages of records for a sink that stores them, and an account of how each stream went."""

from collections.abc import Mapping
from typing import Literal, NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from receiver.pull.mapping import Mapped, Quarantined
from schemas.errors import DrawbarError
from schemas.providers import EntityName

Status: TypeAlias = Literal["succeeded", "failed", "skipped", "rescheduled"]
# So many faults of one stream are told one by one.
ERRORS_MAX = 20


class Counts(NamedTuple):
    """What became of a batch's records in the store; it quarantines those that name what it doesn't know."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0


class Batch(Struct, frozen=True):
    """One page of one stream. `scope` is the key of the parent's record that it was asked for, or empty.

    A batch with `watermark_us` is the last of its chunk: rows and watermark belong into one transaction.
    """

    stream: str
    entity: EntityName
    scope: str
    page: int
    url: str
    records: tuple[Mapped, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    watermark_us: int | None = None


class StreamReport(Struct, frozen=True):
    """How a stream went. `full`: it lists everything there is. `unidentified` counts quarantined records without an id.

    `unasked` counts the parents whose records can't be used, so that nothing was asked for them.
    """

    stream: str
    entity: EntityName
    status: Status
    full: bool
    pages: int = 0
    fetched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    unidentified: int = 0
    unasked: int = 0
    errors: tuple[str, ...] = ()
    errors_total: int = 0
    started_us: int = 0
    ended_us: int = 0

    @property
    def why_no_absence(self) -> str:
        """Why what wasn't seen in this stream may be there all the same; empty if it can't."""
        if self.status != "succeeded":
            return f"{self.stream} {self.status}"
        if not self.full:
            return f"{self.stream} fetches only what has changed"
        if self.unasked:
            return f"{self.stream} was left out for {self.unasked} parents that can't be used"
        if self.unidentified:
            return f"{self.unidentified} records of {self.stream} have no id that can be read"
        return ""

    @property
    def lists_all(self) -> bool:
        """Whether what is there has been brought, be it understood or not."""
        return self.status == "succeeded" and self.full and self.entity in ("assets", "meters") and self.unasked == 0


class RunReport(Struct, frozen=True):
    """How a run went. A rescheduled one may not go on before `not_before_us`."""

    provider: str
    status: Status
    streams: tuple[StreamReport, ...]
    started_us: int
    ended_us: int
    not_before_us: int | None = None


class Sink(Protocol):
    """Where a run's records go. Its calls are never concurrent within one run."""

    async def watermarks(self, stream: str) -> Mapping[str, int]:
        """The watermark of each scope of a stream, as far as there is one."""
        ...

    async def commit(self, batch: Batch) -> Counts:
        """Store a batch: records, quarantine entries and the watermark, in one transaction; durable on return."""
        ...

    async def finish(self, report: StreamReport) -> None:
        """A stream has ended: record it, and deactivate what wasn't seen where no report of its kind says `why_no_absence`."""
        ...


class Tally:
    """Counts a stream while it runs, and checks that nothing went missing between fetching and storing."""

    def __init__(self, stream: str, entity: EntityName, *, full: bool, started_us: int) -> None:
        self._stream, self._entity, self._full, self._started_us = stream, entity, full, started_us
        self._pages = self._fetched = self._quarantined = self._unidentified = 0
        self._stored = Counts()
        self._errors: list[str] = []
        self._errors_total = 0
        self.unasked = 0

    def add(self, batch: Batch, stored: Counts) -> None:
        """Count a stored batch. Raises DrawbarError where the store accounts for more or fewer records than it was given."""
        if sum(stored) != len(batch.records):
            raise DrawbarError(
                f"stream {self._stream}: {len(batch.records)} records were given to the store, it tells of {sum(stored)}"
            )
        self._pages += batch.page > 0 and bool(batch.records or batch.quarantined)
        self._fetched += len(batch.records) + len(batch.quarantined)
        self._quarantined += len(batch.quarantined) + stored.quarantined
        self._unidentified += sum(refused.external_id is None for refused in batch.quarantined)
        self._stored = Counts(*(before + now for before, now in zip(self._stored, stored, strict=True)))

    def fault(self, message: str) -> None:
        """Note what went wrong."""
        self._errors_total += 1
        if len(self._errors) < ERRORS_MAX:
            self._errors.append(message)

    def report(self, ended_us: int, status: Status | None = None) -> StreamReport:
        """The account so far; without a status the faults decide."""
        return StreamReport(
            self._stream,
            self._entity,
            status or ("failed" if self._errors_total else "succeeded"),
            self._full,
            self._pages,
            self._fetched,
            self._stored.created,
            self._stored.updated,
            self._stored.unchanged,
            self._quarantined,
            self._unidentified,
            self.unasked,
            tuple(self._errors),
            self._errors_total,
            self._started_us,
            ended_us,
        )

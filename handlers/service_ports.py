"""What the service asks of a store for itself: clients, jobs, who does what, how much there is.

Part of `handlers.ports.Transaction`.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.patches import AssetPatch, PatchError, PatchJob
from schemas.service_records import ClientRecord, FeedTokenRecord, OverviewRecord


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

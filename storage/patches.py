"""Bulk patches: jobs, the patches in them, and what went wrong."""

from collections.abc import Sequence

from schemas.patches import AssetPatch, PatchError, PatchJob, decode_patches
from schemas.wire import to_json_text
from storage.engine import Connection
from storage.statements import load

SQL = load("patches")
_DELETE_AT_ONCE = 100


class PatchTables:
    """Implements `handlers.service_ports.PatchJobs`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def next_id(self) -> int:
        """A new job id; whoever wants the one after it waits until this transaction has ended."""
        row = await self._connection.fetch_one(SQL["next_job"])
        if row is None:
            raise RuntimeError("the counter of patch jobs is missing")
        return int(row[0])

    async def put(self, job: PatchJob, chunks: Sequence[Sequence[AssetPatch]]) -> None:
        """Add a job with its patches; each chunk is applied in one transaction."""
        await self._connection.execute_many(SQL["insert_job"], [job])
        rows, first = [], 0
        for chunk in chunks:
            rows.append((job.organization_id, job.job_id, first, to_json_text(chunk)))
            first += len(chunk)
        await self._connection.execute_many(SQL["insert_chunk"], rows)

    async def find(self, job_id: int, organization_id: str | None) -> PatchJob | None:
        """One job."""
        row = await self._connection.fetch_one(SQL["find_job"], job_id=job_id, organization_id=organization_id)
        return PatchJob(*row) if row else None

    async def find_by_key(self, client_id: str, idempotency_key: str) -> PatchJob | None:
        """The job that a client's request with this key became."""
        row = await self._connection.fetch_one(SQL["find_job_by_key"], client_id=client_id, idempotency_key=idempotency_key)
        return PatchJob(*row) if row else None

    async def list_jobs(self, before: int, limit: int, organization_id: str | None, **filters: object) -> list[PatchJob]:
        """Jobs, newest first, from before an id."""
        rows = await self._connection.fetch(
            SQL["list_jobs"], before=before, limit=limit, organization_id=organization_id, **filters
        )
        return [PatchJob(*row) for row in rows]

    async def errors_of(self, jobs: Sequence[PatchJob]) -> dict[int, list[PatchError]]:
        """What went wrong in some jobs by their ids, in the order of their requests."""
        job_ids, organizations = [job.job_id for job in jobs], sorted({job.organization_id for job in jobs})
        errors: dict[int, list[PatchError]] = {}
        for job_id, *row in await self._connection.fetch(SQL["errors_of"], job_ids=job_ids, organization_ids=organizations):
            errors.setdefault(job_id, []).append(PatchError(*row))
        return errors

    async def is_waiting(self, now_us: int) -> bool:
        """Whether there is a job that a worker could claim."""
        return await self._connection.fetch_one(SQL["find_claimable"], now_us=now_us, lock=False) is not None

    async def claim(self, worker: str, now_us: int, lease_until_us: int) -> PatchJob | None:
        """Give a worker the first job that nobody is at; None if there is none."""
        found = await self._connection.fetch_one(SQL["find_claimable"], now_us=now_us, lock=True)
        if found is None:
            return None
        row = await self._connection.fetch_one(
            SQL["claim_job"],
            organization_id=found[0],
            job_id=found[1],
            worker=worker,
            now_us=now_us,
            lease_until_us=lease_until_us,
        )
        return PatchJob(*row) if row else None

    async def take(self, job: PatchJob, worker: str) -> PatchJob | None:
        """A job as it stands, locked until the transaction ends; None if this worker doesn't have it any more."""
        row = await self._connection.fetch_one(
            SQL["take_job"], organization_id=job.organization_id, job_id=job.job_id, worker=worker
        )
        return PatchJob(*row) if row else None

    async def patches_from(self, job: PatchJob) -> tuple[AssetPatch, ...]:
        """The patches of a job that come next, to be applied in one transaction."""
        row = await self._connection.fetch_one(
            SQL["find_chunk"], organization_id=job.organization_id, job_id=job.job_id, first=job.done
        )
        if row is None:
            raise RuntimeError(f"patch job {job.job_id} has no patches from {job.done} on")
        return decode_patches(row[0])

    async def advance(self, job: PatchJob, errors: Sequence[PatchError]) -> None:
        """Keep how far a job is, and what went wrong on the way."""
        await self._connection.execute_many(SQL["insert_error"], [(job.organization_id, job.job_id, *error) for error in errors])
        await self._connection.execute(
            SQL["advance_job"],
            organization_id=job.organization_id,
            job_id=job.job_id,
            done=job.done,
            succeeded=job.succeeded,
            status=job.status,
            ended_at_us=job.ended_at_us,
            worker=job.worker,
            lease_until_us=job.lease_until_us,
        )

    async def release(self, worker: str) -> None:
        """A worker ends: others can go on with what it has."""
        await self._connection.execute(SQL["release_jobs"], worker=worker)

    async def drop_ended(self, before_us: int) -> int:
        """Forget jobs that ended before a time, so many in one transaction at most; how many."""
        keys = await self._connection.fetch(SQL["jobs_ended_before"], before_us=before_us, limit=_DELETE_AT_ONCE)
        for name in ("delete_errors", "delete_chunks", "delete_job"):
            await self._connection.execute_many(SQL[name], keys)
        return len(keys)

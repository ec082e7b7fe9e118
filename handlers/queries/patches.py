"""Bulk patches, as they are shown."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import UNSET, Meta

from handlers.ports import Transaction
from handlers.queries.lists import NEWEST, Filter, Number, PageAsked, Viewer, cursor_key
from schemas.errors import NotFoundError
from schemas.ids import find_number
from schemas.pages import Page
from schemas.patches import AssetErrors, BulkPatch, JobStatus, PatchError, PatchJob
from schemas.wire import encode_cursor, time_text

# A job has up to 10,000 errors, and a page up to a thousand jobs: beyond so many errors the page ends.
ERRORS_MAX = 10_000


class PatchFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of bulk patches."""

    status: Annotated[JobStatus | None, Meta(description="Jobs with this status.")] = None


async def list_bulk_patches(tx: Transaction, viewer: Viewer, asked: PatchFilter, page: PageAsked) -> Page[BulkPatch]:
    """Jobs, newest first, each with its errors; a page with many errors holds fewer jobs."""
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    rows = await tx.patches.list_jobs(before, page.limit + 1, viewer.organization_id, status=asked.status)
    shown = _within_bounds(rows[: page.limit])
    errors = await tx.patches.errors_of(shown) if shown else {}
    items = tuple(show(job, errors.get(job.job_id, ())) for job in shown)
    return Page(items, encode_cursor((shown[-1].job_id,)) if len(rows) > len(shown) else None)


def _within_bounds(jobs: Sequence[PatchJob]) -> list[PatchJob]:
    shown: list[PatchJob] = []
    left = ERRORS_MAX
    for job in jobs:
        left -= job.done - job.succeeded
        if shown and left < 0:
            break
        shown.append(job)
    return shown


async def get_bulk_patch(tx: Transaction, viewer: Viewer, ref: str) -> BulkPatch:
    """One job with all its errors. NotFoundError: there is none, or it is another organization's."""
    job_id = find_number(f"#{ref}", "#")
    job = await tx.patches.find(job_id, viewer.organization_id) if job_id is not None else None
    if job is None:
        raise NotFoundError(f"there is no bulk patch {ref!r}")
    return show(job, (await tx.patches.errors_of([job])).get(job.job_id, ()))


def show(job: PatchJob, errors: Iterable[PatchError] = ()) -> BulkPatch:
    """A job on the wire; what isn't known yet is left out."""
    started = job.started_at_us is not None
    return BulkPatch(
        id=job.job_id,
        create_date=time_text(job.created_at_us),
        start_date=time_text(job.started_at_us) if job.started_at_us is not None else UNSET,
        end_date=time_text(job.ended_at_us) if job.ended_at_us is not None else UNSET,
        assets_total=job.total,
        assets_successfully_updated=job.succeeded if started else UNSET,
        status=job.status,
        errors=tuple(AssetErrors(error.asset_id, (error.message,)) for error in errors),
    )

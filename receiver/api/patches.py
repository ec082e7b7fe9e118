"""`/api/v1/leases/assets`: bulk patches, taken as jobs that are applied in the background.

Source: the lease asset patch, "Endpoints".
"""

from starlette.responses import Response

from handlers.patches import KEY_CHARACTERS_MAX, PatchRequest, accept
from handlers.queries.lists import Filter
from handlers.queries.patches import PatchFilter, get_bulk_patch, list_bulk_patches, show
from receiver.api.operation import Call, Operation, json_response
from receiver.api.problems import unsupported_media_type
from receiver.body import read_body
from schemas.errors import at
from schemas.pages import Page
from schemas.patches import AssetPatch, BulkPatch

PATH = "/api/v1/leases/assets"
JOBS_PATH = f"{PATH}/bulkpatches"
# A job that hasn't ended may be asked for again after so long.
RETRY_AFTER_S = 1
KEY = "Idempotency-Key"


async def patch_assets(call: Call, _: Filter) -> Response:
    """Judge the whole request, and take it as a job."""
    request, limits = call.request, call.services.settings.limits
    organization_id = _organization(call)
    key = _idempotency_key(call)
    body = await read_body(request, limits.body_bytes_max, limits.body_timeout_s)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise unsupported_media_type()
    asked = PatchRequest(organization_id, call.actor, key, body)
    job = await accept(call.services.store, asked, limits.patch_assets_max, call.services.clock())
    call.services.patched.set()
    # A repeat gets the job as it stands, with the errors that it has by now.
    answer = await call.read(lambda tx: get_bulk_patch(tx, call.viewer, str(job.job_id))) if job.done else show(job)
    return json_response(answer, 202, {"Location": f"{JOBS_PATH}/{job.job_id}", **_retry_after(answer)})


async def bulk_patches(call: Call, asked: PatchFilter) -> Response:
    """Jobs, newest first."""
    return json_response(await call.read(lambda tx: list_bulk_patches(tx, call.viewer, asked, call.page)))


async def bulk_patch(call: Call, _: Filter) -> Response:
    """One job, and when to ask again."""
    job_id = call.path("id")
    answer = await call.read(lambda tx: get_bulk_patch(tx, call.viewer, job_id))
    return json_response(answer, headers=_retry_after(answer))


def _organization(call: Call) -> str:
    organization_id = call.viewer.organization_id
    if organization_id is None:
        raise at("organizationId", "a patch is for the assets of one organization: say which")
    return organization_id


def _idempotency_key(call: Call) -> str | None:
    keys = call.request.headers.getlist(KEY)
    if not keys:
        return None
    if len(keys) > 1 or not keys[0] or len(keys[0]) > KEY_CHARACTERS_MAX:
        raise at(KEY, f"expected one text of 1 to {KEY_CHARACTERS_MAX} characters")
    return keys[0]


def _retry_after(job: BulkPatch) -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)} if job.status in {"notStarted", "inProgress"} else {}


OPERATIONS = (
    Operation(
        "PATCH",
        PATH,
        patch_assets,
        "Patch many assets; 202 with the job that does it. An `Idempotency-Key` makes a repeat return the same job",
        scope="sync",
        body=list[AssetPatch],
        answer=BulkPatch,
        status=202,
    ),
    Operation(
        "GET",
        JOBS_PATH,
        bulk_patches,
        "Bulk patches, newest first; a page with many errors holds fewer of them",
        or_scope="sync",
        query=PatchFilter,
        paged=True,
        answer=Page[BulkPatch],
    ),
    Operation(
        "GET",
        f"{JOBS_PATH}/{{id}}",
        bulk_patch,
        "A bulk patch and all its errors",
        or_scope="sync",
        answer=BulkPatch,
    ),
)

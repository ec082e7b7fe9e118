"""A bulk patch to a running receiver, and the wait for its end."""

import asyncio

import msgspec

from receiver.cli.api_client import ApiClient, ProblemBody, seconds_of
from receiver.cli.summary import Report
from schemas.errors import InvalidInputError
from schemas.patches import BulkPatch

PATH = "/api/v1/leases/assets"
_ACCEPTED, _OK, _BAD_REQUEST = 202, 200, 400


async def send_patch(client: ApiClient, body: bytes, key: str) -> BulkPatch:
    """The job that a patch became; under one key it is the same one.

    InvalidInputError with all places that are wrong, or RefusedError.
    """
    answer = await client.ask("PATCH", PATH, body, {"Idempotency-Key": key})
    if answer.status_code == _BAD_REQUEST:
        problem = msgspec.json.decode(answer.content, type=ProblemBody)
        raise InvalidInputError(problem.error, problem.errors)
    return client.read(answer, _ACCEPTED, BulkPatch)


async def wait_for_end(client: ApiClient, job: BulkPatch, report: Report) -> BulkPatch:
    """The job when it has ended; `report` is told how far it is. RefusedError."""
    while True:
        answer = await client.ask("GET", f"{PATH}/bulkpatches/{job.id}")
        job = client.read(answer, _OK, BulkPatch)
        done = (job.assets_successfully_updated or 0) + len(job.errors)
        report(done, done / job.assets_total)
        pause_s = seconds_of(answer)
        if pause_s is None:
            return job
        await asyncio.sleep(pause_s)

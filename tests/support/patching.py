"""Bulk patches over the API: sent, worked on step by step, and read back."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from handlers import patches
from receiver.patch_worker import PatchWorker
from tests.support.api import Api, Headers
from tests.support.facts import ORGANIZATION

PATH = "/api/v1/leases/assets"
JOBS = f"{PATH}/bulkpatches"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "patches"


def example(name: str) -> Any:  # noqa: ANN401 - JSON
    """A part of the documented example."""
    return msgspec.json.decode((FIXTURES / f"example.{name}.json").read_bytes())


def undated(job: Mapping[str, Any], **more: object) -> dict[str, Any]:
    """A job with its dates and its id left out, but for their being there."""
    varying = {"id", "createDate", "startDate", "endDate"}
    return {name: True if name in varying else value for name, value in job.items()} | more


async def accepted(api: Api, body: object, headers: Headers | None = None, organization_id: str = ORGANIZATION) -> dict[str, Any]:
    """The job that a request became."""
    answer = await api.ask(PATH, headers, "PATCH", json=body, params={"organizationId": organization_id})
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{JOBS}/{job['id']}"
    return job


def worker(api: Api) -> PatchWorker:
    """A worker on the store of an API."""
    return PatchWorker(api.store, api.clock, asyncio.Event(), lambda _: None)


async def finished(api: Api, job: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """A job after all that waits was worked on."""
    busy = worker(api)
    while await busy.work():
        pass
    return await api.get(f"{JOBS}/{job['id']}")


async def steps(api: Api) -> AsyncIterator[int]:
    """Work on all that waits, one transaction at a time; yields the job's id after each."""
    while job := await api.store.write(lambda tx: patches.claim(tx, "a worker", api.clock())):
        while job.ended_at_us is None:
            applied = await api.store.write(lambda tx, job=job: patches.apply_next(tx, job, "a worker", api.clock()))  # type: ignore[misc]
            assert applied is not None
            job = applied.job
            yield job.job_id


def entries(numbers: Sequence[int], **properties: object) -> list[dict[str, object]]:
    """The same patch for several assets."""
    return [{"assetId": number, **properties} for number in numbers]

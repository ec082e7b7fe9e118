"""Applies bulk patches in the background. Several processes can: each job is one worker's at a time."""

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable

import structlog

from handlers.patches import Applied, apply_next, claim
from handlers.ports import Store
from schemas.errors import StoreUnavailableError
from schemas.patches import PatchJob

log = structlog.get_logger()

# Jobs that another process took, or left behind, are found by looking; those taken here are told of.
LOOK_EVERY_S = 1.0
# Deliveries come first: after each transaction the worker rests as long as that took, times this.
REST = 1.0


class PatchWorker:
    """One worker. `clock` is in microseconds; `taken` is set when a job was accepted here; `on_commit` is told of each commit."""

    def __init__(
        self, store: Store, clock: Callable[[], int], taken: asyncio.Event, on_commit: Callable[[PatchJob], None]
    ) -> None:
        self.name = f"{os.getpid()}-{secrets.token_hex(8)}"
        self._store = store
        self._clock = clock
        self._taken = taken
        self._on_commit = on_commit
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for jobs."""
        self._task = asyncio.create_task(self._run(), name="patches")

    async def stop(self) -> None:
        """End once the patches under way are committed; other processes can go on with the job at once."""
        self._stopping.set()
        self._taken.set()
        if self._task:
            await self._task

    async def _run(self) -> None:
        while not self._stopping.is_set():
            self._taken.clear()
            try:
                while await self.work():
                    pass
            except StoreUnavailableError as error:
                log.warning("patches.postponed", error=error.message)
            except Exception:
                # The job stays where it is, and is tried again when its lease has ended.
                log.exception("patches.failed")
            if not self._stopping.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._taken.wait(), LOOK_EVERY_S)

    async def work(self) -> bool:
        """Take a job that nobody has, and apply it; whether there was one. After an error of the store it can be gone on with."""
        now_us = self._clock()
        if self._stopping.is_set() or not await self._store.read(lambda tx: tx.patches.is_waiting(now_us)):
            return False
        job = await self._store.write(lambda tx: claim(tx, self.name, self._clock()))
        if job is None:
            return False
        log.info("patch.started" if job.done == 0 else "patch.resumed", job=job.job_id, assets=job.total, done=job.done)
        while not self._stopping.is_set():
            began = time.perf_counter()
            applied = await self._apply(job)
            if applied is None:
                log.warning("patch.lost", job=job.job_id)
                return True
            job = applied.job
            self._on_commit(job)
            if job.ended_at_us is not None:
                log.info("patch.ended", job=job.job_id, assets=job.total, succeeded=job.succeeded)
                return True
            await asyncio.sleep(REST * (time.perf_counter() - began))
        await self.release()
        return False

    async def release(self) -> None:
        """Leave what this worker has to others."""
        await self._store.write(lambda tx: tx.patches.release(self.name))

    async def _apply(self, job: PatchJob) -> Applied | None:
        try:
            return await self._store.write(lambda tx: apply_next(tx, job, self.name, self._clock()))
        except StoreUnavailableError:
            raise
        except Exception:
            log.exception("patches.apart", job=job.job_id, done=job.done)
        applied = await self._store.write(lambda tx: apply_next(tx, job, self.name, self._clock(), each=True))
        for patch, error in applied.failures if applied else ():
            log.error("patch.asset_failed", job=job.job_id, asset=patch.asset_id, error=f"{type(error).__name__}: {error}")
        return applied

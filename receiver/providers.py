"""Runs providers when they are due or asked for: each by one process at a time, several providers side by side."""

import asyncio
from collections.abc import Callable

import structlog

from handlers.ports import Store, Transaction
from handlers.provider_runs import Claim, Due, may_start, start_next
from receiver.lease import Lease
from receiver.pull.catalog import Catalog
from receiver.pull.definition import LoadedDefinition
from receiver.pull.runner import Runner
from receiver.pull.schedule import due_us
from schemas.errors import StoreUnavailableError
from schemas.provider_rows import RunRow

log = structlog.get_logger()

# How often the clock, the folder of definitions and the store are looked at; a run asked for here is started at once.
LOOK_EVERY_S = 5.0


class Providers:
    """The providers of one process. `wanted` is set when a run is asked for, `stop` when the process begins to end.

    `lease_s` is how long a claim on a provider holds at a time.
    """

    def __init__(
        self,
        store: Store,
        catalog: Catalog,
        runner: Runner,
        clock: Callable[[], int],
        wanted: asyncio.Event,
        stop: asyncio.Event,
        lease_s: float,
    ) -> None:
        self._store, self._catalog, self._runner, self._clock, self._lease_s = store, catalog, runner, clock, lease_s
        self._wanted, self._stop = wanted, stop
        self._running: dict[str, asyncio.Task[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for runs."""
        self._task = asyncio.create_task(self._watch(), name="providers")

    async def stop(self) -> None:
        """Break off what is under way: what was stored stays, and the rest is gone on with by the next process."""
        self._stop.set()
        self._wanted.set()
        tasks = [*([self._task] if self._task else ()), *self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self) -> None:
        while not self._stop.is_set():
            self._wanted.clear()
            try:
                await asyncio.to_thread(self._catalog.refresh)
                for name, loaded in self._catalog.all().items():
                    if name not in self._running:
                        await self._begin(name, loaded)
            except StoreUnavailableError as error:
                log.warning("providers.postponed", error=error.message)
            except Exception:
                log.exception("providers.failed", alert=True)
            try:
                await asyncio.wait_for(self._wanted.wait(), LOOK_EVERY_S)
            except TimeoutError:
                continue

    async def _begin(self, name: str, loaded: LoadedDefinition) -> None:
        """Start the run that is to be made now, if there is one and nobody else makes it."""
        key, now_us = self._catalog.key(loaded), self._clock()
        due = _due(loaded, now_us)
        if not await self._store.read(lambda tx: may_start(tx, key, due, now_us)):
            return
        lease = Lease(self._store, key.lease, self._clock, length_s=self._lease_s)
        claim = Claim(lease.holder, lease.until_us(), loaded.digest)

        async def work(tx: Transaction) -> RunRow | None:
            return await start_next(tx, key, claim, due, now_us)

        run = await self._store.write(work)
        if run is not None:
            task = asyncio.create_task(self._execute(loaded, run, lease), name=f"provider {name}")
            self._running[name] = task
            task.add_done_callback(lambda _: self._ended(name))

    def _ended(self, name: str) -> None:
        self._running.pop(name, None)
        # What was asked for meanwhile needn't wait for the next look.
        self._wanted.set()

    async def _execute(self, loaded: LoadedDefinition, run: RunRow, lease: Lease) -> None:
        try:
            await self._runner.execute(loaded, run, lease)
        except StoreUnavailableError:
            return  # told already; the run is cleared up by whoever has the provider next
        except Exception:
            log.exception("provider.run.broke", alert=True, provider=run.provider)


def _due(loaded: LoadedDefinition, now_us: int) -> Due:
    schedule = loaded.definition.schedule

    def due(since_us: int) -> int | None:
        return None if schedule is None else due_us(schedule, since_us, now_us)

    return due

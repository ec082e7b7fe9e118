"""What the service does by itself from time to time: deadlines of cases, retention, silence alarms, gauges."""

import asyncio
from collections.abc import Callable

import structlog

from handlers.alerts import forget
from handlers.escalation import announce_escalations
from handlers.ports import Store, Transaction
from handlers.rescoring import announce_candidates
from receiver.metrics import Metrics
from receiver.settings import Settings
from schemas.errors import StoreUnavailableError

log = structlog.get_logger()

EVERY_S = 60
SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US


class Duties:
    """Runs once a minute until stopped. `clock` is in microseconds, `on_commit` is called when the change feed has grown."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        metrics: Metrics,
        clock: Callable[[], int],
        on_commit: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._on_commit = on_commit
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self._started_us = clock()
        self._silent: set[str] = set()

    async def run(self) -> None:
        """Until cancelled; neither a store that is away for a while nor a fault of ours is the end of it."""
        while True:
            try:
                await self.once()
            except StoreUnavailableError as error:
                log.warning("duties.postponed", error=error.message)
            except Exception:
                log.exception("duties.failed")
            await asyncio.sleep(EVERY_S)

    async def once(self) -> None:
        """Everything that is due, once."""
        await self._escalate()
        await self._rescore()
        await self._retain()
        await self.refresh_gauges()

    async def refresh_gauges(self) -> None:
        """Read what only the store knows, and raise the alarm for a subscription or a feed that has gone silent."""
        names = list(self._settings.silences())

        async def work(tx: Transaction) -> tuple[tuple[int, int | None], dict[str, int | None]]:
            return await tx.quarantine.waiting(), {name: await tx.events.last_delivery(name) for name in names}

        (waiting, oldest_us), last = await self._store.read(work)
        now_us = self._clock()
        self._metrics.quarantine_waiting.set(waiting)
        self._metrics.quarantine_oldest_seconds.set(0 if oldest_us is None else (now_us - oldest_us) / SECOND_US)
        for name, last_us in last.items():
            if last_us is not None:
                self._metrics.last_delivery_seconds.labels(name).set((now_us - last_us) / SECOND_US)
            self._watch(name, now_us - (last_us or self._started_us))
        if self._settings.alerts:
            await self._refresh_alerts()

    async def _refresh_alerts(self) -> None:
        counts = {each.target: each for each in await self._store.read(lambda tx: tx.alerts.counts())}
        for name in self._settings.alerts:
            found = counts.get(name)
            self._metrics.alerts_waiting.labels(name).set(found.waiting if found else 0)
            self._metrics.alerts_dead.labels(name).set(found.dead if found else 0)

    def _watch(self, name: str, silence_us: int) -> None:
        """One line when a subscription falls silent, one when it is heard again; at first it counts from the start."""
        bound_s = self._settings.silences()[name]
        silent = bound_s is not None and silence_us > bound_s * SECOND_US
        if silent and name not in self._silent:
            self._silent.add(name)
            log.error("subscription.silent", alert=True, subscription=name, silent_s=silence_us // SECOND_US, after_s=bound_s)
        elif not silent and name in self._silent:
            self._silent.discard(name)
            log.info("subscription.heard_again", subscription=name)

    async def _escalate(self) -> None:
        """Tell of cases whose deadline has passed; of several services over one database, one tells of each."""
        if cases := await announce_escalations(self._store, self._clock()):
            log.warning("cases.escalated", cases=cases)
            self._on_commit()

    async def _rescore(self) -> None:
        """Tell of open cases whose best candidate has become another."""
        if cases := await announce_candidates(self._store, self._clock(), self._settings.limits.candidates_max):
            log.info("cases.rescored", cases=cases)
            self._on_commit()

    async def _retain(self) -> None:
        retention, now_us = self._settings.retention, self._clock()

        async def work(tx: Transaction) -> None:
            await tx.clients.drop_idle_tokens(now_us - self._settings.token_idle_s * SECOND_US)
            if retention.rejected_days is not None:
                await tx.rejected.drop_before(now_us - retention.rejected_days * DAY_US)

        await self._store.write(work)
        if retention.raw_bodies_days is not None:
            await self._drop_bodies(now_us - retention.raw_bodies_days * DAY_US)
        if retention.patches_days is not None:
            await self._drop_patches(now_us - retention.patches_days * DAY_US)
        if retention.providers_days is not None:
            await self._drop_provider_runs(now_us - retention.providers_days * DAY_US)
        if retention.alerts_days is not None:
            await self._drop_alerts(now_us - retention.alerts_days * DAY_US)

    async def _drop_bodies(self, before_us: int) -> None:
        """Some in each transaction, so that no delivery waits long: the first time there can be years of them."""
        while dropped := await self._store.write(lambda tx: tx.events.drop_bodies(before_us)):
            log.info("bodies.dropped", deliveries=dropped, days=self._settings.retention.raw_bodies_days)

    async def _drop_patches(self, before_us: int) -> None:
        """The same for bulk patches that have ended."""
        while dropped := await self._store.write(lambda tx: tx.patches.drop_ended(before_us)):
            log.info("patches.dropped", jobs=dropped, days=self._settings.retention.patches_days)

    async def _drop_provider_runs(self, before_us: int) -> None:
        """The same for runs of providers, and for quarantined records of theirs that nobody has to look at any more."""
        days = self._settings.retention.providers_days
        while dropped := await self._store.write(lambda tx: tx.providers.runs.drop_ended(before_us)):
            log.info("provider.runs.dropped", runs=dropped, days=days)
        while dropped := await self._store.write(lambda tx: tx.providers.refused.drop_settled(before_us)):
            log.info("provider.quarantine.dropped", records=dropped, days=days)

    async def _drop_alerts(self, before_us: int) -> None:
        """The same for alerts that could not be delivered."""
        while dropped := await self._store.write(lambda tx: forget(tx, before_us)):
            log.info("alerts.dropped", alerts=dropped, days=self._settings.retention.alerts_days)

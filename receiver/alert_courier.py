"""Brings one target all that it wants to be told, while this process is the one that does."""

import asyncio
import random
from collections.abc import Callable
from typing import NamedTuple

from handlers.alerts import ROWS_AT_ONCE, adopt, enqueue, settle, survey
from handlers.ports import Result, Store, Transaction, Work
from handlers.rules.alerts import Judged, is_wanted, judge
from receiver.alert_sender import AlertSender
from receiver.change_signal import ChangeSignal
from receiver.lease import Lease, LeaseLostError
from receiver.metrics import Metrics
from schemas.alerts import Attempt, MessageRecord, Place, Retries, Told, Wanted
from schemas.errors import StoreUnavailableError

# Notices, and what other processes let be sent again, are found by looking.
LOOK_EVERY_S = 2.0
# What nobody wants is passed over in memory; so much of it at the most is looked at again after a restart.
PASSED_MAX = 2000
# After a fault of the store.
_REST_S = 1.0
_SECOND_US = 1_000_000


class Terms(NamedTuple):
    """What a target asks for, and how it is told."""

    name: str
    address_key: str
    wanted: Wanted
    retries: Retries
    parallel: int


class Courier:
    """One target's messages. The caller holds the lease; `stop` is set when the process begins to end."""

    def __init__(
        self,
        terms: Terms,
        sender: AlertSender,
        lease: Lease,
        store: Store,
        signal: ChangeSignal,
        stop: asyncio.Event,
        metrics: Metrics,
        clock: Callable[[], int],
    ) -> None:
        self._terms, self._sender, self._lease, self._store = terms, sender, lease, store
        self._signal, self._stop, self._metrics, self._clock = signal, stop, metrics, clock
        self._place: Place = (0, 0)
        self._passed = 0
        self._failing = True  # until the store says otherwise
        self._sending: dict[asyncio.Task[Attempt], MessageRecord] = {}
        self._answered: list[tuple[MessageRecord, Attempt]] = []

    async def run(self) -> None:
        """Send until it is time to end, then wait for what is under way. LeaseLostError: another process has taken over."""
        terms = self._terms
        await self._write(lambda tx: adopt(tx, terms.name, terms.address_key))
        try:
            while not self._stop.is_set():
                if self._lease.lost.is_set():
                    raise LeaseLostError(f"{self._lease.name} has been taken over by another process")
                try:
                    await self._step()
                except StoreUnavailableError as error:
                    self._sender.log.warning("alerts.postponed", error=error.message)
                    await asyncio.sleep(_REST_S)
            if self._sending:
                await asyncio.wait(self._sending)
            await self._settle()
            await self._remember()
        finally:
            for task in self._sending:
                task.cancel()
            await asyncio.gather(*self._sending, return_exceptions=True)

    async def _step(self) -> None:
        """Keep what came back, take what is new, send what is due, and wait until there is something to do."""
        await self._settle()
        count, now_us, name = self._signal.count, self._clock(), self._terms.name
        sending = list(self._sending.values())
        # Whether a receiver that was down is back is found out by one message.
        slots = max(0, (1 if self._failing else self._terms.parallel) - len(sending))
        found = await self._store.read(lambda tx: survey(tx, name, self._place, sending, slots, now_us))
        if found.gone:
            await self._write(lambda tx: tx.alerts.remove(found.gone))
        if found.told and await self._take(found.told):
            return
        self._failing = found.target.failures > 0
        for message, body in found.due:
            self._sending[asyncio.create_task(self._sender.send(message.message_id, body))] = message
        await self._wait(count, found.next_us)

    async def _take(self, told: list[Told]) -> bool:
        """Make messages of what is wanted, and pass over the rest; whether there is more to look at."""
        if any(is_wanted(self._terms.wanted, one) for one in told):
            name, wanted, now_us = self._terms.name, self._terms.wanted, self._clock()
            await self._write(lambda tx: enqueue(tx, name, wanted, told, now_us))
            self._place, self._passed = told[-1].place, 0
            return True
        self._place, self._passed = told[-1].place, self._passed + len(told)
        if self._passed >= PASSED_MAX:
            await self._remember()
        return len(told) == ROWS_AT_ONCE

    async def _remember(self) -> None:
        if self._passed:
            await self._write(lambda tx: tx.alerts.move(self._terms.name, self._place))
            self._passed = 0

    async def _settle(self) -> None:
        """Keep what came of the messages that were sent. What the store can't take now is kept the next time."""
        for task in [task for task in self._sending if task.done()]:
            self._answered.append((self._sending.pop(task), task.result()))
        if not self._answered:
            return
        terms, now_us = self._terms, self._clock()
        judged = [
            judge(message, attempt, terms.retries, now_us, random.random())  # noqa: S311 - only spreads the load
            for message, attempt in self._answered
        ]
        target = await self._write(lambda tx: settle(tx, terms.name, judged, terms.retries, now_us))
        self._answered.clear()
        self._failing = target.failures > 0
        for each in judged:
            self._metrics.alerts.labels(terms.name, each.outcome).inc()
            self._report(each, now_us)

    def _report(self, judged: Judged, now_us: int) -> None:
        """A line for each message that wasn't delivered; an alert where nothing more is tried."""
        message, log = judged.message, self._sender.log
        facts = {"type": message.type, "message": message.message_id, "error": message.error}
        if judged.outcome == "retried":
            again_in_s = round((message.next_at_us - now_us) / _SECOND_US)
            log.warning("alert.failed", **facts, attempts=message.attempts, again_in_s=again_in_s)
        elif judged.outcome == "dead":
            log.error("alert.dead", alert=True, **facts, attempts=message.attempts)
        elif judged.outcome == "gone":
            log.error("alert.target_gone", alert=True, **facts)

    async def _wait(self, count: int, next_us: int | None) -> None:
        """Until a message is answered, the feed grows, something is due, or it is time to look for what can't be heard of."""
        timeout_s = LOOK_EVERY_S
        if next_us is not None:
            timeout_s = min(timeout_s, max(0.0, (next_us - self._clock()) / _SECOND_US))
        moved = asyncio.create_task(self._signal.wait(count, timeout_s, self._stop, self._last))
        try:
            await asyncio.wait([moved, *self._sending], return_when=asyncio.FIRST_COMPLETED)
            if moved.done():
                moved.result()
        finally:
            moved.cancel()
            await asyncio.gather(moved, return_exceptions=True)

    async def _write(self, work: Work[Result]) -> Result:
        """What nobody but the holder of the lease may do."""

        async def held(tx: Transaction) -> Result:
            await self._lease.confirm(tx)
            return await work(tx)

        return await self._store.write(held)

    async def _last(self) -> Place:
        return await self._store.read(lambda tx: tx.changes.last(None))

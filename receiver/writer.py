"""Group commit: one task that takes what waits, commits it as one transaction, and lets the answers go after the commit."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import structlog
from msgspec import Struct

from handlers.ingest import ingest, ingest_each
from handlers.ports import Store, Transaction
from handlers.rejected import Rejection, hold
from handlers.rules.intake import Intake
from handlers.rules.recording import Answer
from receiver.limit_settings import Limits
from receiver.metrics import Metrics
from schemas.errors import StoreUnavailableError

log = structlog.get_logger()

# A request takes a few rounds of the event loop from its first byte to here, some microseconds each.
IDLE_ROUNDS = 4
STALL_CHECK_S = 0.5


class _Waiting(Struct):
    item: Intake | Rejection
    bytes: int
    done: asyncio.Future[Answer | None]

    @property
    def events(self) -> int:
        batch = self.item.batch if isinstance(self.item, Intake) else None
        return len(batch.entries) if batch else 1


class Writer:
    """Owns the way of deliveries into the store. `clock` is in microseconds, `on_commit` is called after each commit.

    There is no timer: while one group is being committed the next one forms by itself, and after a pause the first one takes in
    what the event loop brings with it.
    """

    def __init__(
        self, store: Store, limits: Limits, metrics: Metrics, clock: Callable[[], int], on_commit: Callable[[], None]
    ) -> None:
        self._store = store
        self._limits = limits
        self._metrics = metrics
        self._clock = clock
        self._on_commit = on_commit
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing = False
        self._committing_since_s: float | None = None

    def start(self) -> None:
        """Begin to take deliveries."""
        self._task = asyncio.create_task(self._run(), name="writer")

    @property
    def alive(self) -> bool:
        """Whether deliveries are being taken."""
        return self._task is not None and not self._task.done() and not self._closing

    @property
    def stalled(self) -> bool:
        """Whether the store has kept a transaction waiting for longer than a delivery may: what came now would wait behind it."""
        since_s = self._committing_since_s
        return since_s is not None and time.monotonic() - since_s > self._limits.commit_timeout_s

    async def stop(self) -> None:
        """Take no more, commit what was taken, and answer it; what a store that doesn't answer holds up is refused."""
        self._closing = True
        self._arrived.set()
        if self._task is None:
            return
        while not self._task.done():
            await asyncio.wait({self._task}, timeout=STALL_CHECK_S)
            if self.stalled:
                self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._waiting:
            self._refuse([*self._waiting], StoreUnavailableError("the service is shutting down"))
            self._waiting.clear()

    async def deliver(self, intake: Intake) -> Answer:
        """Commit a delivery; its answer holds when this returns. StoreUnavailableError: nothing of it was kept; try again."""
        answer = await self._enqueue(intake, len(intake.arrival.body))
        if answer is None:
            raise StoreUnavailableError("the delivery got no answer")
        return answer

    async def reject(self, rejection: Rejection) -> None:
        """Hold a delivery that could not prove who it is. Errors as for `deliver`."""
        await self._enqueue(rejection, len(rejection.body))

    def _enqueue(self, item: Intake | Rejection, size: int) -> asyncio.Future[Answer | None]:
        if not self.alive:
            raise StoreUnavailableError("the service is shutting down")
        if self.stalled:
            raise StoreUnavailableError(f"the store has not answered for {self._limits.commit_timeout_s} s")
        full = len(self._waiting) >= self._limits.queue_deliveries_max
        if full or (self._waiting and self._waiting_bytes + size > self._limits.queue_bytes_max):
            raise StoreUnavailableError("too many deliveries are waiting")
        waiting = _Waiting(item, size, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._count(size)
        self._arrived.set()
        return waiting.done

    def _count(self, change: int) -> None:
        self._waiting_bytes += change
        self._metrics.queue_deliveries.set(len(self._waiting))
        self._metrics.queue_bytes.set(self._waiting_bytes)

    async def _run(self) -> None:
        while self._waiting or not self._closing:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                await self._settle()
                continue
            group = self._take()
            self._committing_since_s = time.monotonic()
            try:
                answers = await self._commit([waiting.item for waiting in group])
            except asyncio.CancelledError:
                self._refuse(group, StoreUnavailableError("the service is shutting down"))
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the task must live on and the sender must try again
                self._refuse(group, error)
                continue
            finally:
                self._committing_since_s = None
            for waiting, answer in zip(group, answers, strict=True):
                if not waiting.done.done():
                    waiting.done.set_result(answer)

    async def _settle(self) -> None:
        """After a pause, let what is arriving at this moment arrive: a first delivery must not be a transaction by itself."""
        rounds, before = 0, 0
        while rounds < IDLE_ROUNDS and len(self._waiting) < self._limits.group_deliveries_max:
            rounds, before = (rounds + 1 if len(self._waiting) == before else 0), len(self._waiting)
            await asyncio.sleep(0)

    def _take(self) -> list[_Waiting]:
        """The next group: as many deliveries as one transaction may hold, and bytes and events as one delivery may have."""
        group: list[_Waiting] = []
        bytes_left, events_left = self._limits.body_bytes_max, self._limits.delivery_events_max
        while self._waiting and len(group) < self._limits.group_deliveries_max:
            following = self._waiting[0]
            if group and (following.bytes > bytes_left or following.events > events_left):
                break
            group.append(self._waiting.popleft())
            bytes_left -= following.bytes
            events_left -= following.events
        self._count(-sum(waiting.bytes for waiting in group))
        return group

    async def _commit(self, items: Sequence[Intake | Rejection]) -> list[Answer | None]:
        intakes = [item for item in items if isinstance(item, Intake)]
        rejections = [item for item in items if isinstance(item, Rejection)]
        started = time.perf_counter()
        try:
            answers = await self._store.write(self._work(intakes, rejections, ingest))
        except StoreUnavailableError:
            raise
        except Exception:
            log.exception("group.failed", deliveries=len(items))
            answers = await self._store.write(self._work(intakes, rejections, ingest_each))
        self._metrics.commit_seconds.observe(time.perf_counter() - started)
        self._metrics.group_deliveries.observe(len(items))
        self._on_commit()
        in_order = iter(answers)
        return [next(in_order) if isinstance(item, Intake) else None for item in items]

    def _work(
        self,
        intakes: list[Intake],
        rejections: list[Rejection],
        apply: Callable[[Transaction, Sequence[Intake], int], Awaitable[list[Answer]]],
    ) -> Callable[[Transaction], Awaitable[list[Answer]]]:
        async def work(tx: Transaction) -> list[Answer]:
            answers = await apply(tx, intakes, self._clock()) if intakes else []
            if rejections:
                await hold(tx, rejections, self._limits.rejected_deliveries_max, self._limits.rejected_bytes_max)
            return answers

        return work

    @staticmethod
    def _refuse(group: Sequence[_Waiting], error: Exception) -> None:
        log.error("group.refused", deliveries=len(group), error=f"{type(error).__name__}: {error}")
        refusal = error if isinstance(error, StoreUnavailableError) else StoreUnavailableError("the store failed")
        for waiting in group:
            if not waiting.done.done():
                waiting.done.set_exception(refusal)

"""Deliveries that could not prove who they are: held for a while, so that a botched rotation of secrets loses nothing."""

from collections.abc import AsyncGenerator, Callable, Sequence

from msgspec import Struct

from handlers.ingest import ingest_each
from handlers.ports import Store, Transaction
from handlers.rules.intake import Intake
from handlers.rules.recording import IDS_PER_COMMIT, Answer
from schemas.journal_records import RejectedRecord

AT_A_TIME = 100


class Rejection(Struct, frozen=True):
    """A refused delivery. `headers` is a JSON list of all that is needed to judge it again."""

    subscription: str
    received_at_us: int
    remote: str | None
    reason: str
    headers: str
    body: bytes


class Replayed(Struct, frozen=True):
    """One held delivery judged again: its answer, or None where it is still refused."""

    record: RejectedRecord
    answer: Answer | None


async def hold(tx: Transaction, rejections: Sequence[Rejection], deliveries_max: int, bytes_max: int) -> None:
    """Hold deliveries in the ring, which drops its oldest beyond either bound."""
    first_id = await tx.journal.begin() * IDS_PER_COMMIT
    rows = [
        RejectedRecord(
            first_id + n,
            rejection.subscription,
            rejection.received_at_us,
            rejection.remote,
            rejection.reason,
            rejection.headers,
            len(rejection.body),
            rejection.body,
        )
        for n, rejection in enumerate(rejections)
    ]
    await tx.rejected.put(rows, deliveries_max, bytes_max)


async def replay(
    store: Store,
    judge: Callable[[RejectedRecord], Intake | None],
    clock: Callable[[], int],
    subscription: str | None = None,
) -> AsyncGenerator[list[Replayed], None]:
    """Judge all held deliveries again, oldest first, a few at a time; `judge` gives the intake of one that is genuine after all.

    What is genuine is taken in and leaves the ring in one transaction, what of it can't be applied into quarantine; the rest
    stays.
    """
    after = -1
    while True:
        start = after

        async def work(tx: Transaction, start: int = start) -> list[Replayed]:
            page = await tx.rejected.list_entries(start, AT_A_TIME, subscription)
            return [await _judge_again(tx, record, judge(record), clock()) for record in page]

        page = await store.write(work)
        if not page:
            return
        yield page
        after = page[-1].record.rejected_id


async def _judge_again(tx: Transaction, record: RejectedRecord, intake: Intake | None, now_us: int) -> Replayed:
    if intake is None:
        return Replayed(record, None)
    (answer,) = await ingest_each(tx, [intake], now_us)
    await tx.rejected.remove([record.rejected_id])
    return Replayed(record, answer)

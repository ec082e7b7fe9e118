"""Try ignored events again, once a version of the software knows their type and version."""

from collections import Counter
from collections.abc import Callable, Collection
from typing import Literal

from msgspec import Struct

from handlers.ports import Store, Transaction
from handlers.quarantine import Reprocessed, reprocess_ignored
from schemas.errors import ConflictError, StoreUnavailableError
from schemas.event_decoding import DECODERS
from schemas.ids import batch_text
from schemas.journal_records import EventRecord

_READ_AT_ONCE = 100


class Retried(Struct, frozen=True, rename="camel"):
    """What became of one event; `path` and `message` say why it stays ignored although its type and version are known."""

    batch_id: str
    entry: int
    event_type: str | None
    event_version: int | None
    state: Literal["resolved", "waiting"]
    outcome: str
    path: str
    message: str


class RetriedAll(Struct, frozen=True, rename="camel"):
    """What became of all; `unknown` counts those without a decoder, by type and version."""

    resolved: int
    waiting: int
    items: tuple[Retried, ...]
    unknown: dict[str, int]


async def retry_ignored(
    store: Store,
    organization_id: str | None,
    binding: Callable[[str], Collection[str]],
    clock: Callable[[], int],
    *,
    subscription: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> RetriedAll:
    """Try every ignored event of an organization (None: of all) or a subscription again, oldest first, each in a transaction.

    `binding` gives the organizations of a subscription today. What can't be applied stays and says why; only a fault of the
    store itself passes, and what was resolved before it stays resolved.
    """
    items: list[Retried] = []
    unknown: Counter[str] = Counter()
    done = after = 0
    while rows := await _read(store, after, organization_id):
        for row in rows:
            after = row.seq
            if (row.event_type, row.event_version) not in DECODERS:
                unknown[f"{row.event_type} {row.event_version}"] += 1
            elif item := await _retry(store, row, binding, clock, subscription):
                items.append(item)
        done += len(rows)
        progress(done)
    resolved = sum(item.state == "resolved" for item in items)
    return RetriedAll(resolved, len(items) - resolved + unknown.total(), tuple(items), dict(sorted(unknown.items())))


async def _read(store: Store, after: int, organization_id: str | None) -> list[EventRecord]:
    return await store.read(lambda tx: tx.events.held_events(after, _READ_AT_ONCE, organization_id))


async def _retry(
    store: Store,
    row: EventRecord,
    binding: Callable[[str], Collection[str]],
    clock: Callable[[], int],
    subscription: str | None,
) -> Retried | None:
    async def work(tx: Transaction) -> Reprocessed | None:
        (batch,) = await tx.events.find_batches(None, batch_id=row.batch_id)
        if subscription not in {None, batch.subscription}:
            return None
        return await reprocess_ignored(tx, row, binding(batch.subscription), clock())

    try:
        done = await store.write(work)
    except StoreUnavailableError:
        raise
    except ConflictError:  # somebody else has done it
        return None
    except Exception as error:  # noqa: BLE001 - whatever it is, the other events must not wait for this one
        done = Reprocessed("waiting", "ignored", f"$.eventsData[{row.entry}]", f"{type(error).__name__}: {error}")
    if done is None:
        return None
    where = (batch_text(row.batch_id), row.entry, row.event_type, row.event_version)
    return Retried(*where, done.state, done.outcome, done.path, done.message)

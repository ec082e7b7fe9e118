"""Try many quarantine entries again, such as all that waited for a mended decoder or a widened binding."""

from collections.abc import Callable, Collection
from typing import Literal

from msgspec import Struct

from handlers.ports import Store, Transaction
from handlers.quarantine import Reprocessed, reprocess
from handlers.queries.lists import NEWEST, Number, PageAsked, Viewer, cursor_key
from handlers.rules.intake import EVENTS_MAX
from schemas.errors import StoreUnavailableError
from schemas.ids import quarantine_text
from schemas.journal_records import QuarantineRecord
from schemas.wire import encode_cursor

# Entries in one transaction; each can be as large as a body.
_AT_ONCE = 16


class Selection(Struct, frozen=True, kw_only=True):
    """Which of the waiting entries; None doesn't select. Times are of receipt, `[from, to)`, in microseconds."""

    kind: str | None = None
    subscription: str | None = None
    path: str | None = None
    from_us: int | None = None
    to_us: int | None = None


class Result(Struct, frozen=True, rename="camel"):
    """What became of one entry; `path` and `message` say why it still waits."""

    quarantine_id: str
    state: Literal["resolved", "waiting"]
    outcome: str
    path: str
    message: str


class Results(Struct, frozen=True, rename="camel"):
    """What became of each entry that was tried; `nextCursor` goes on with those behind them."""

    resolved: int
    waiting: int
    items: tuple[Result, ...]
    next_cursor: str | None


def result_of(quarantine_id: int, done: Reprocessed) -> Result:
    """What became of an entry, on the wire."""
    return Result(quarantine_text(quarantine_id), done.state, done.outcome, done.path, done.message)


async def reprocess_many(
    store: Store,
    viewer: Viewer,
    selection: Selection,
    page: PageAsked,
    binding: Callable[[str], Collection[str]],
    clock: Callable[[], int],
    events_max: int = EVENTS_MAX,
) -> Results:
    """Try waiting entries again, newest first, up to `page.limit` of them, a few in each transaction.

    `binding` gives the organizations of a subscription today; `events_max` is as for `reprocess`. An entry that can't be applied
    keeps waiting and says why; only a fault of the store passes, and what was resolved before it stays so. InvalidInputError: not
    a cursor of this list.
    """
    (before,) = cursor_key(page, tuple[Number], (NEWEST,))
    items: list[Result] = []
    more = True
    while more and len(items) < page.limit:
        wanted = min(page.limit - len(items), _AT_ONCE)

        async def work(tx: Transaction, before: int = before, wanted: int = wanted) -> tuple[list[Result], int, bool]:
            rows = await tx.quarantine.list_entries(
                before,
                wanted + 1,
                viewer.organization_id,
                bound_too=viewer.operator,
                state="waiting",
                kind=selection.kind,
                subscription=selection.subscription,
                path=selection.path,
                from_us=selection.from_us,
                to_us=selection.to_us,
            )
            tried = [await _try(tx, row, binding(row.subscription), clock(), events_max) for row in rows[:wanted]]
            return tried, rows[:wanted][-1].quarantine_id if rows else before, len(rows) > wanted

        tried, before, more = await store.write(work)
        items += tried
    resolved = sum(item.state == "resolved" for item in items)
    return Results(resolved, len(items) - resolved, tuple(items), encode_cursor((before,)) if more else None)


async def _try(tx: Transaction, row: QuarantineRecord, organizations: Collection[str], now_us: int, events_max: int) -> Result:
    try:
        async with tx.savepoint():
            return result_of(row.quarantine_id, await reprocess(tx, row.quarantine_id, organizations, now_us, events_max))
    except StoreUnavailableError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the other entries must not wait for this one
        message = f"{type(error).__name__}: {error}"
        return Result(quarantine_text(row.quarantine_id), "waiting", "quarantined", row.path, message)

"""The change feed: what happened to pairings and cases, in the order of the commits that told of it."""

import msgspec

from handlers.ports import Transaction
from handlers.queries.lists import Number, PageAsked, Viewer, cursor_key
from schemas.answers import Change
from schemas.pages import ChangePage
from schemas.records import ChangeRecord
from schemas.wire import encode_cursor, time_text

Place = tuple[int, int]
START: Place = (0, 0)


def place_of(cursor: str | None) -> Place:
    """The place in the feed that a cursor names, its beginning without one. Raises InvalidInputError that names `cursor`."""
    return cursor_key(PageAsked(0, cursor), tuple[Number, Number], START)


async def list_changes(tx: Transaction, viewer: Viewer, after: Place, limit: int) -> ChangePage[Change]:
    """What was told after a place; without anything new, the cursor to ask with again is that of the same place."""
    rows = await tx.changes.after(after, limit, viewer.organization_id)
    last = (rows[-1].position, rows[-1].n) if rows else after
    return ChangePage(tuple(map(show_change, rows)), encode_cursor(last))


def show_change(row: ChangeRecord) -> Change:
    """An entry of the feed on the wire; its data is the JSON that was told, unread."""
    cursor = encode_cursor((row.position, row.n))
    return Change(cursor, row.type, time_text(row.at_us), msgspec.Raw(row.data.encode()))  # type: ignore[arg-type] # as written

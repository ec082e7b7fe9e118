"""Dead letters: messages to addresses outside that were tried as often as may be."""

from typing import Annotated

from msgspec import Meta

from handlers.ports import Transaction
from handlers.queries.lists import LAST_TEXT, NEWEST, Filter, Number, PageAsked, Text, Viewer, cursor_key, part_of
from schemas.alerts import DeadLetter, MessageRecord
from schemas.pages import Page
from schemas.wire import encode_cursor, time_text


class DeadLetterFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of dead letters."""

    target: Annotated[str | None, Meta(description="Messages to this target, as the settings call it.")] = None


async def list_dead_letters(tx: Transaction, viewer: Viewer, asked: DeadLetterFilter, page: PageAsked) -> Page[DeadLetter]:
    """Dead letters, those of the newest changes first."""
    before = cursor_key(page, tuple[Number, Number, Text], (NEWEST, NEWEST, LAST_TEXT))
    rows = await tx.alerts.list_dead(before, page.limit + 1, viewer.organization_id, target=asked.target)
    shown, more = part_of(rows, page.limit, lambda row: (*row.place, row.target))
    return Page(tuple(map(_view, shown)), more)


def _view(row: MessageRecord) -> DeadLetter:
    return DeadLetter(
        message_id=row.message_id,
        target=row.target,
        type=row.type,
        organization_id=row.organization_id,
        subject=row.subject,
        cursor=encode_cursor(row.place),
        attempts=row.attempts,
        error=row.error,
        dead_at=time_text(row.dead_at_us or 0),
    )

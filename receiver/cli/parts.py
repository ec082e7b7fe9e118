"""Long lists read in parts, each on a snapshot of its own: one page as long as asked, or all there is, part by part."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from handlers.queries.lists import PageAsked
from schemas.pages import Page

ROWS_AT_ONCE = 500

_Item = TypeVar("_Item")
Read = Callable[[PageAsked], Awaitable[Page[_Item]]]


async def one_page(asked: PageAsked, read: Read[_Item]) -> Page[_Item]:
    """A page with as many items as asked for, if there are so many."""
    found: list[_Item] = []
    cursor = asked.cursor
    while True:
        part = await read(PageAsked(min(ROWS_AT_ONCE, asked.limit - len(found)), cursor))
        found += part.items
        cursor = part.next_cursor
        if cursor is None or len(found) == asked.limit:
            return Page(tuple(found), cursor)


async def every_part(read: Read[_Item]) -> AsyncIterator[tuple[_Item, ...]]:
    """The items of a whole list; the first part also where it is empty."""
    cursor: str | None = None
    while True:
        part = await read(PageAsked(ROWS_AT_ONCE, cursor))
        yield part.items
        cursor = part.next_cursor
        if cursor is None:
            return

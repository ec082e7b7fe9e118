"""Lists on the wire."""

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True, rename="camel"):
    """A part of a list. `nextCursor` goes on behind it, null at the end; a page can hold fewer items than asked for."""

    items: tuple[T, ...]
    next_cursor: str | None


class ChangePage(Struct, Generic[T], frozen=True, rename="camel"):
    """A part of a feed, which has no end: `nextCursor` is always there, also when there is nothing yet."""

    items: tuple[T, ...]
    next_cursor: str

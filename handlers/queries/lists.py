"""What all queries share: who asks, and the pages of a list.

The fields of a filter are the parameters of a request: `unit_type` is `unitType` on the wire, a name that ends in `_us` is a time
without that ending, a bool is a switch. One that is None doesn't filter.
"""

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, TypeVar

from msgspec import Meta, Struct

from schemas.wire import decode_cursor, encode_cursor

Key = TypeVar("Key")
Row = TypeVar("Row")

# What a cursor may hold: it comes from outside.
Number = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Text = Annotated[str, Meta(max_length=1000)]

# What nothing stored is sorted behind.
NEWEST = 2**63 - 1
LAST_TEXT = "\U0010ffff"


class Viewer(Struct, frozen=True):
    """Who asks: a client of one organization, or of all (None). Only the latter sees what no organization may."""

    organization_id: str | None
    operator: bool


class Filter(Struct, frozen=True, kw_only=True):
    """Parameters of a request; this one has none."""


class PageAsked(NamedTuple):
    """Which part of a list: `limit` items, from behind `cursor`."""

    limit: int
    cursor: str | None


def cursor_key(page: PageAsked, shape: type[Key], first: Key) -> Key:
    """The sort key to go on behind; `first` where the list begins. Raises InvalidInputError that names `cursor`."""
    return first if page.cursor is None else decode_cursor(page.cursor, shape)


def part_of(rows: Sequence[Row], limit: int, key: Callable[[Row], Sequence[str | int]]) -> tuple[Sequence[Row], str | None]:
    """The rows of one page, and the cursor behind the last of them by its sort key; None where the list ends.

    If there are more, one more must have been read than the page holds.
    """
    shown = rows[:limit]
    return shown, encode_cursor(key(shown[-1])) if rows[limit:] else None


def literal_pattern(text: str | None) -> str | None:
    r"""The LIKE pattern of whatever holds `text` as it stands; its own `%` and `_` mean themselves (ESCAPE '\')."""
    if text is None:
        return None
    escaped = text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"

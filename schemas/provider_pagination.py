"""How a provider's lists come in pages.

Source: "API integration requirements", pagination. A stream that reaches `pages_max` fails rather than go on for ever.
"""

from typing import Annotated, TypeAlias

from msgspec import Meta

from schemas.provider_access import Count, Tagged

Whole = Annotated[int, Meta(ge=0)]


class NoPagination(Tagged, frozen=True, tag="none"):
    """One answer holds everything."""


class OffsetPagination(Tagged, frozen=True, tag="offset"):
    """`?offset=0&limit=100`. `total` is a JMESPath over the answer, `total_header` a response header."""

    limit: Count
    offset_parameter: str = "offset"
    limit_parameter: str = "limit"
    total: str | None = None
    total_header: str | None = None
    pages_max: Count = 10_000


class PagePagination(Tagged, frozen=True, tag="page"):
    """Numbered pages. JMESPaths: `total` counts records, `pages` counts pages, `next` is null on the last page."""

    page_parameter: str = "page"
    first: Whole = 1
    size_parameter: str | None = None
    size: Count | None = None
    total: str | None = None
    total_header: str | None = None
    pages: str | None = None
    next: str | None = None
    pages_max: Count = 10_000


class CursorPagination(Tagged, frozen=True, tag="cursor"):
    """`next` is a JMESPath to the token of the following page; it goes back in `parameter`."""

    next: str
    parameter: str
    size_parameter: str | None = None
    size: Count | None = None
    pages_max: Count = 10_000


class LinkPagination(Tagged, frozen=True, tag="link"):
    """The following page's address: in the Link header (RFC 8288, rel=next), or where the JMESPath `next` finds it."""

    next: str | None = None
    size_parameter: str | None = None
    size: Count | None = None
    pages_max: Count = 10_000


Pagination: TypeAlias = NoPagination | OffsetPagination | PagePagination | CursorPagination | LinkPagination

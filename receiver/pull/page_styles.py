"""The ways to page: what each asks first, and what it asks after an answer."""

from typing import Literal, Protocol
from urllib.parse import urljoin

from msgspec import Struct

from receiver.pull.client import Answer
from receiver.pull.errors import PaginationError, ProviderError
from receiver.pull.expressions import Document, expression, whole_number
from schemas.errors import InvalidInputError
from schemas.provider_pagination import (
    CursorPagination,
    LinkPagination,
    NoPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)


class Step(Struct, frozen=True):
    """What to ask next: other query parameters, or an address that holds everything."""

    parameters: dict[str, str] = {}
    address: str | None = None


class End(Struct, frozen=True):
    """Why there is nothing more. It isn't complete where the provider's own total says that records are missing."""

    reason: Literal["single", "no next", "empty page", "total reached"]
    complete: bool = True


class Style(Protocol):
    """One way to page."""

    def first(self) -> Step:
        """What the first request carries beyond the stream's own parameters."""
        ...

    def after(self, answer: Answer, records: int) -> Step | End:
        """What follows an answer with this many records. Raises PaginationError if the answer lacks what the style needs."""
        ...


class Single:
    """One answer."""

    def first(self) -> Step:
        """Nothing more."""
        return Step()

    def after(self, _answer: Answer, _records: int) -> Step | End:
        """The end."""
        return End("single")


class Numbered:
    """Offsets and page numbers: both count up, and end at an empty page or at a total."""

    def __init__(self, style: OffsetPagination | PagePagination) -> None:
        self._style = style
        self._seen = 0
        self._page = style.first if isinstance(style, PagePagination) else 0

    def first(self) -> Step:
        """The first page, or offset 0."""
        return self._step()

    def after(self, answer: Answer, records: int) -> Step | End:
        """By the records received, since a server may give fewer than were asked for."""
        style = self._style
        self._seen += records
        total = self._total(answer)
        if records == 0:
            return End("empty page", total is None or self._seen >= total)
        if total is not None and self._seen >= total:
            return End("total reached")
        self._page += 1
        if isinstance(style, PagePagination):
            if style.pages is not None and self._page - style.first >= _count(answer, style.pages):
                return End("total reached", total is None)
            if style.next is not None:
                following = search(answer, style.next)
                if following in (None, "", False):
                    return End("no next", total is None)
                self._page = whole_number(following) or self._page
        return self._step()

    def _step(self) -> Step:
        style = self._style
        if isinstance(style, OffsetPagination):
            return Step({style.offset_parameter: str(self._seen), style.limit_parameter: str(style.limit)})
        return Step({style.page_parameter: str(self._page)} | _size(style))

    def _total(self, answer: Answer) -> int | None:
        if self._style.total is not None:
            return _count(answer, self._style.total)
        if self._style.total_header is not None:
            total = whole_number(answer.headers.get(self._style.total_header, ""))
            if total is None:
                raise PaginationError(f"{answer.url}: the header {self._style.total_header} holds no total")
            return total
        return None


class Cursor:
    """A token that leads to the next page."""

    def __init__(self, style: CursorPagination) -> None:
        self._style = style

    def first(self) -> Step:
        """Without a token."""
        return Step(_size(self._style))

    def after(self, answer: Answer, records: int) -> Step | End:
        """With the token of the answer."""
        token = search(answer, self._style.next)
        if token in (None, "", False):
            return End("no next")
        if records == 0:
            return End("empty page")
        if not isinstance(token, (str, int)) or isinstance(token, bool):
            raise PaginationError(f"{answer.url}: the token of the next page is neither text nor a number")
        return Step({self._style.parameter: str(token)} | _size(self._style))


class Linked:
    """An address that leads to the next page, in the Link header or in the answer."""

    def __init__(self, style: LinkPagination) -> None:
        self._style = style

    def first(self) -> Step:
        """The stream's own address."""
        return Step(_size(self._style))

    def after(self, answer: Answer, records: int) -> Step | End:
        """The address of the answer, taken from where it came."""
        link = answer.links.get("next") if self._style.next is None else search(answer, self._style.next)
        if link in (None, "", False):
            return End("no next")
        if records == 0:
            return End("empty page")
        if not isinstance(link, str):
            raise PaginationError(f"{answer.url}: the address of the next page is no text")
        return Step(address=urljoin(answer.address, link))


def style_of(pagination: Pagination) -> Style:
    """A fresh walk in this style."""
    match pagination:
        case NoPagination():
            return Single()
        case OffsetPagination() | PagePagination():
            return Numbered(pagination)
        case CursorPagination():
            return Cursor(pagination)
        case LinkPagination():
            return Linked(pagination)


def search(answer: Answer, path: str) -> Document:
    """What an expression finds in an answer. Raises ProviderError where a function of it can't take what it is given."""
    try:
        return expression(path).search(answer.document)
    except InvalidInputError as error:
        raise ProviderError(f"{answer.url}: {error.message}") from error


def _count(answer: Answer, path: str) -> int:
    count = whole_number(search(answer, path))
    if count is None:
        raise PaginationError(f"{answer.url}: {path!r} finds no count in the answer")
    return count


def _size(style: PagePagination | CursorPagination | LinkPagination) -> dict[str, str]:
    return {} if style.size_parameter is None else {style.size_parameter: str(style.size)}

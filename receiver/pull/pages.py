"""Walking the pages of an endpoint: each style says what comes next, and nothing is walked in a circle or without end."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Literal, Protocol
from urllib.parse import urljoin

import msgspec
from msgspec import Struct

from receiver.pull.client import Answer
from receiver.pull.errors import PaginationError, ProviderError
from receiver.pull.expressions import Document, expression, whole_number
from schemas.errors import InvalidInputError
from schemas.providers import (
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


class Page(Struct, frozen=True):
    """One answer's records, as they came."""

    number: int
    url: str
    records: list[Document]


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
                following = _search(answer, style.next)
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
        token = _search(answer, self._style.next)
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
        link = answer.links.get("next") if self._style.next is None else _search(answer, self._style.next)
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


class PageWalk:
    """All pages of one request, in order; `end` says afterwards why they ended.

    Raises PaginationError on a page or a next step that came before, and when `pages_max` is reached; and what `ask` raises.
    """

    def __init__(
        self,
        ask: Callable[[str, Mapping[str, str] | None], Awaitable[Answer]],
        read: Callable[[Answer], list[Document]],
        pagination: Pagination,
        address: str,
        parameters: Mapping[str, str],
    ) -> None:
        self._ask, self._read = ask, read
        self._style = style_of(pagination)
        self._pages_max = 1 if isinstance(pagination, NoPagination) else pagination.pages_max
        self._address, self._parameters = address, dict(parameters)
        self.end: End | None = None

    async def pages(self) -> AsyncGenerator[Page, None]:
        """The pages that hold records, each once."""
        step: Step | End = self._style.first()
        steps, contents = set[tuple[object, ...]](), set[bytes]()
        number = 0
        while isinstance(step, Step):
            if number == self._pages_max:
                raise PaginationError(f"{self._address}: still not at the end after {number} pages")
            mark = (step.address, *sorted(step.parameters.items()))
            if mark in steps:
                raise PaginationError(f"{self._address}: page {number} leads back to one that came before")
            steps.add(mark)
            if step.address is None:
                answer = await self._ask(self._address, self._parameters | step.parameters)
            else:
                answer = await self._ask(step.address, None)
            number += 1
            records = self._read(answer)
            if records:
                content = hashlib.sha256(msgspec.json.encode(records)).digest()
                if content in contents:
                    raise PaginationError(f"{answer.url}: page {number} repeats one that came before")
                contents.add(content)
            step = End("empty page") if answer.document is None else self._style.after(answer, len(records))
            if isinstance(step, End):
                self.end = step
            if records:
                yield Page(number, answer.url, records)


def records_of(answer: Answer, path: str, format_: Literal["json", "xml"]) -> list[Document]:
    """The records of an answer; one without content has none. In XML a lone element is a list of one, and none is an empty one.

    Raises ProviderError where the expression finds no list: an endpoint without records has an empty one.
    """
    if answer.document is None:
        return []
    found = _search(answer, path)
    if isinstance(found, list):
        return found
    if format_ == "xml":
        return [] if found is None else [found]
    raise ProviderError(f"{answer.url}: {path!r} finds no list of records in the answer")


def _search(answer: Answer, path: str) -> Document:
    try:
        return expression(path).search(answer.document)
    except InvalidInputError as error:
        raise ProviderError(f"{answer.url}: {error.message}") from error


def _count(answer: Answer, path: str) -> int:
    count = whole_number(_search(answer, path))
    if count is None:
        raise PaginationError(f"{answer.url}: {path!r} finds no count in the answer")
    return count


def _size(style: PagePagination | CursorPagination | LinkPagination) -> dict[str, str]:
    return {} if style.size_parameter is None else {style.size_parameter: str(style.size)}

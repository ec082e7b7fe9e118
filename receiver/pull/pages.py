"""Walking the pages of an endpoint: nothing is walked in a circle or without end."""

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from receiver.pull.client import Answer
from receiver.pull.errors import PaginationError, ProviderError
from receiver.pull.expressions import Document
from receiver.pull.page_styles import End, Step, search, style_of
from schemas.provider_pagination import NoPagination, Pagination


class Page(Struct, frozen=True):
    """One answer's records, as they came."""

    number: int
    url: str
    records: list[Document]


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
    found = search(answer, path)
    if isinstance(found, list):
        return found
    if format_ == "xml":
        return [] if found is None else [found]
    raise ProviderError(f"{answer.url}: {path!r} finds no list of records in the answer")

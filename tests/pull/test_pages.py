"""Walking pages against both generations of json-server, and against WireMock for what no good server does."""

from collections.abc import Mapping
from typing import Any

import pytest

from receiver.pull.client import ProviderClient
from receiver.pull.errors import PaginationError, ProviderError
from receiver.pull.page_styles import End
from receiver.pull.pages import PageWalk, records_of
from schemas.provider_pagination import (
    CursorPagination,
    LinkPagination,
    NoPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from tests.pull.conftest import VEHICLES
from tests.pull.support import NOTHING, definition, opened
from tests.pull.wiremock import WireMock, gives

IDS = [vehicle["id"] for vehicle in VEHICLES]


def walk_of(
    client: ProviderClient, style: Pagination, path: str, query: Mapping[str, str] = NOTHING, records: str = "@"
) -> PageWalk:
    """A walk with the client's own requests."""
    return PageWalk(client.get, lambda answer: records_of(answer, records, "json"), style, path, query)


async def fetched(walk: PageWalk, seen: list[Any] | None = None) -> list[Any]:
    """The ids of all records of a walk; `seen` has them even where the walk fails."""
    ids = [] if seen is None else seen
    async for page in walk.pages():
        ids += [record["id"] for record in page.records if isinstance(record, dict)]
    return ids


@pytest.mark.parametrize(
    ("style", "query", "end"),
    [
        (NoPagination(), {}, End("single")),
        (OffsetPagination(limit=5, offset_parameter="_start", limit_parameter="_limit"), {}, End("empty page")),
        (
            OffsetPagination(limit=5, offset_parameter="_start", limit_parameter="_limit", total_header="X-Total-Count"),
            {},
            End("total reached"),
        ),
        (PagePagination(page_parameter="_page", size_parameter="_limit", size=5), {}, End("empty page")),
        (PagePagination(page_parameter="_page", size_parameter="_limit", size=23), {}, End("empty page")),
        (
            PagePagination(page_parameter="_page", size_parameter="_limit", size=4, total_header="x-total-count"),
            {},
            End("total reached"),
        ),
        (LinkPagination(size_parameter="_limit", size=5), {"_page": "1"}, End("no next")),
        (LinkPagination(size_parameter="_limit", size=50), {"_page": "1"}, End("no next")),
    ],
)
async def test_json_server_gives_every_record_once(json_server: str, style: Pagination, query: dict[str, str], end: End) -> None:
    """Offsets, page numbers and Link headers of json-server 0.17 lead through all records, in order, to a natural end."""
    async with opened(definition(json_server)) as client:
        walk = walk_of(client, style, "/vehicles", query)
        assert await fetched(walk) == IDS
    assert walk.end == end


@pytest.mark.parametrize(
    "style",
    [
        PagePagination(page_parameter="_page", size_parameter="_per_page", size=5, next="next"),
        PagePagination(page_parameter="_page", size_parameter="_per_page", size=5, total="items"),
        PagePagination(page_parameter="_page", size_parameter="_per_page", size=5, pages="pages"),
        CursorPagination(parameter="_page", next="next", size_parameter="_per_page", size=5),
    ],
)
async def test_json_server_beta_ends_where_its_envelope_says(json_server_beta: str, style: Pagination) -> None:
    """By `next`, by the number of records or of pages, or with `next` as a token: all records once, and complete."""
    query = {"_page": "1"} if isinstance(style, CursorPagination) else {}
    async with opened(definition(json_server_beta)) as client:
        walk = walk_of(client, style, "/vehicles", query, "data")
        assert await fetched(walk) == IDS
    assert walk.end is not None
    assert walk.end.complete


async def test_a_last_page_that_comes_again_is_caught(json_server_beta: str) -> None:
    """Without a stated end, json-server 1.0 beta gives its last page for ever: the second time is an error, not data."""
    style = PagePagination(page_parameter="_page", size_parameter="_per_page", size=5)
    seen: list[Any] = []
    async with opened(definition(json_server_beta)) as client:
        walk = walk_of(client, style, "/vehicles", records="data")
        with pytest.raises(PaginationError, match="page 6 repeats one that came before"):
            await fetched(walk, seen)
    assert seen == IDS
    assert walk.end is None


async def test_an_endpoint_without_records_is_empty(json_server: str) -> None:
    """An empty list ends at once, complete, in each style."""
    for style in (NoPagination(), OffsetPagination(limit=5), PagePagination(), LinkPagination()):
        async with opened(definition(json_server)) as client:
            walk = walk_of(client, style, "/empty")
            assert await fetched(walk) == []
        assert walk.end is not None
        assert walk.end.complete


def pages(*bodies: object) -> list[dict[str, object]]:
    """Responses one after the other."""
    return [gives(body) for body in bodies]


CURSOR = CursorPagination(parameter="after", next="paging.next")
BODY_LINK = LinkPagination(next="next")


async def test_a_repeated_token_is_caught(wiremock: WireMock) -> None:
    """A token that leads back to a page that was fetched before is an error, whatever that page holds by now."""
    first, second, third = ({"items": [{"id": n}], "paging": {"next": token}} for n, token in ((1, "a"), (2, "b"), (3, "a")))
    wiremock.stub("/v", *pages(first, second, third))
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(PaginationError, match="leads back"):
            await fetched(walk_of(client, CURSOR, "/v", records="items"))
    assert [request["queryParams"].get("after", {}).get("values") for request in wiremock.requests("/v")] == [None, ["a"], ["b"]]


async def test_a_link_to_itself_is_caught(wiremock: WireMock) -> None:
    """A Link header that leads to its own page is an error."""
    wiremock.stub(
        "/v",
        gives([{"id": 1}], headers={"Link": '</v?page=2>; rel="next"'}),
        gives([{"id": 2}], headers={"Link": '</v?page=2>; rel="next"'}),
    )
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(PaginationError, match="leads back"):
            await fetched(walk_of(client, LinkPagination(), "/v"))


@pytest.mark.parametrize("link", ["?page=2", "/v?page=2", "v?page=2", "{url}/v?page=2"])
async def test_links_start_from_where_they_came(wiremock: WireMock, link: str) -> None:
    """Relative links, in the header or in the body, are read from the page's own address."""
    wiremock.stub(
        "/v", gives({"items": [{"id": 1}], "next": link.format(url=wiremock.url)}), gives({"items": [{"id": 2}], "next": None})
    )
    async with opened(definition(wiremock.url)) as client:
        assert await fetched(walk_of(client, BODY_LINK, "/v", {"page": "1"}, "items")) == [1, 2]
    assert [request["queryParams"]["page"]["values"] for request in wiremock.requests("/v")] == [["1"], ["2"]]


async def test_a_link_elsewhere_is_not_followed(wiremock: WireMock) -> None:
    """A next link to another origin fails the walk; the credentials stay here."""
    wiremock.stub("/v", gives([{"id": 1}], headers={"Link": '<https://elsewhere.example/v?page=2>; rel="next"'}))
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(ProviderError, match="leads away"):
            await fetched(walk_of(client, LinkPagination(), "/v"))


async def test_pages_have_a_cap(wiremock: WireMock) -> None:
    """A walk that isn't at its end after `pages_max` pages fails."""
    wiremock.stub("/v", *pages(*({"items": [{"id": n}], "paging": {"next": str(n)}} for n in range(9))))
    style = CursorPagination(parameter="after", next="paging.next", pages_max=4)
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(PaginationError, match="after 4 pages"):
            await fetched(walk_of(client, style, "/v", records="items"))
    assert len(wiremock.requests("/v")) == 4


async def test_a_total_that_is_not_reached_is_no_complete_end(wiremock: WireMock) -> None:
    """An empty page before the stated total ends the walk, but not as complete."""
    style = OffsetPagination(limit=2, total="total")
    wiremock.stub("/v", *pages({"total": 5, "items": [{"id": 1}, {"id": 2}]}, {"total": 5, "items": []}))
    async with opened(definition(wiremock.url)) as client:
        walk = walk_of(client, style, "/v", records="items")
        assert await fetched(walk) == [1, 2]
    assert walk.end == End("empty page", complete=False)


async def test_offsets_follow_what_was_received(wiremock: WireMock) -> None:
    """A server that gives fewer records than were asked for loses none: the next offset is what has been received."""
    wiremock.stub("/v", *pages([{"id": 1}, {"id": 2}], [{"id": 3}], []))
    async with opened(definition(wiremock.url)) as client:
        assert await fetched(walk_of(client, OffsetPagination(limit=100), "/v")) == [1, 2, 3]
    assert [request["queryParams"]["offset"]["values"] for request in wiremock.requests("/v")] == [["0"], ["2"], ["3"]]


@pytest.mark.parametrize(
    ("style", "body", "message"),
    [
        (OffsetPagination(limit=2, total="total"), {"items": [{"id": 1}]}, "finds no count"),
        (OffsetPagination(limit=2, total_header="X-Total"), {"items": [{"id": 1}]}, "holds no total"),
        (PagePagination(pages="pages"), {"items": [{"id": 1}], "pages": "many"}, "finds no count"),
        (CURSOR, {"items": [{"id": 1}], "paging": {"next": {"page": 2}}}, "neither text nor a number"),
        (BODY_LINK, {"items": [{"id": 1}], "next": 2}, "is no text"),
        (NoPagination(), {"items": None}, "finds no list of records"),
        (NoPagination(), {"items": {"id": 1}}, "finds no list of records"),
        (NoPagination(), {"data": []}, "finds no list of records"),
    ],
)
async def test_an_answer_that_lacks_what_was_stated_fails(
    wiremock: WireMock, style: Pagination, body: object, message: str
) -> None:
    """What the definition says of the answers is required of them: nothing is guessed."""
    wiremock.stub("/v", gives(body))
    async with opened(definition(wiremock.url)) as client:
        with pytest.raises(ProviderError, match=message):
            await fetched(walk_of(client, style, "/v", records="items"))


async def test_no_content_is_the_end(wiremock: WireMock) -> None:
    """204 in any style is an empty page."""
    wiremock.stub("/v", {"status": 204})
    for style in (NoPagination(), OffsetPagination(limit=2, total="total"), CURSOR):
        async with opened(definition(wiremock.url)) as client:
            walk = walk_of(client, style, "/v", records="items")
            assert await fetched(walk) == []
        assert walk.end == End("empty page")

"""The change feed: pages, long polls, and streams over a real socket."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest

from handlers.clients import revoke_client
from receiver import change_signal
from receiver.api import changes
from receiver.services import Services
from receiver.stopping import stop_event
from schemas.wire import time_text
from storage import open_engine
from storage.store import DatabaseStore
from tests.support.api import Api, Headers, basic, running_api
from tests.support.facts import ORGANIZATION, UNIT, A, B, body_of
from tests.support.serving import Address, eventually, serving
from tests.support.store import NOW_US, OTHER, deliver, failure, pairing, unpairing

PATH = "/api/v1/changes"


@contextlib.asynccontextmanager
async def streaming(api: Api, address: Address, headers: Headers | None = None, **params: str) -> AsyncIterator["Stream"]:
    """An open stream, past its first sign of life."""
    asked = (headers or api.operator) | {"Accept": "text/event-stream"}
    async with (
        httpx2.AsyncClient(base_url=address.url, timeout=10) as http,
        http.stream("GET", PATH, headers=asked, params=params) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = Stream(answer.aiter_lines())
        assert await stream.line() == ":"
        yield stream


class Stream:
    """The lines of a stream; every read ends with an error after a while."""

    def __init__(self, lines: AsyncIterator[str]) -> None:
        self._lines = lines

    async def line(self) -> str | None:
        """The next line that isn't empty; None at the end."""
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line:
                    return line
        return None

    async def event(self) -> tuple[str, Any]:
        """The next event: its id and its data."""
        first = await self.line()
        while first == ":":
            first = await self.line()
        second = await self.line()
        assert first is not None
        assert second is not None
        name, _, cursor = first.partition(": ")
        kind, _, data = second.partition(": ")
        assert (name, kind) == ("id", "data")
        return cursor, msgspec.json.decode(data)


async def test_changes_come_in_the_order_of_their_commits(api: Api) -> None:
    """Pairing and case changes carry what they are about; pages of any size hold each once, and the last still has a cursor."""
    await api.events(pairing(1))
    await api.events(unpairing(2), failure(3), number=2)
    page = await api.get(PATH)
    assert [change["type"] for change in page["items"]] == ["pairing.opened", "pairing.closed", "case.opened"]
    assert page["nextCursor"] == page["items"][-1]["cursor"]
    opened, _, case = page["items"]
    assert (opened["data"]["assetId"], opened["at"]) == (A, time_text(api.clock()))
    assert (case["data"]["unitId"], case["data"]["reason"]) == (UNIT, "NotFound")
    one_by_one, cursor = [], page["items"][0]["cursor"]
    while items := (await api.get(PATH, after=cursor, limit=1))["items"]:
        one_by_one += items
        cursor = items[-1]["cursor"]
    assert one_by_one == page["items"][1:]
    assert await api.get(PATH, after=cursor) == {"items": [], "nextCursor": cursor}


async def test_an_empty_feed_has_a_cursor(api: Api) -> None:
    """Before anything was told, the cursor that is given finds what is told first."""
    start = await api.get(PATH)
    assert start["items"] == []
    await api.events(pairing(1))
    assert len((await api.get(PATH, after=start["nextCursor"]))["items"]) == 1


async def test_a_client_hears_of_its_organization(api: Api) -> None:
    """What another organization does is in no answer, and ends no wait."""
    await api.events(pairing(1, organization_id=OTHER))
    mine = await api.credentials(ORGANIZATION)
    cursor = (await api.get(PATH, mine))["nextCursor"]
    waiting = asyncio.create_task(api.get(PATH, mine, after=cursor, wait=5))
    await asyncio.sleep(0.05)
    await api.events(pairing(2, B, organization_id=OTHER), number=2)
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await api.events(pairing(3), number=3)
    assert [change["data"]["organizationId"] for change in (await waiting)["items"]] == [ORGANIZATION]


async def test_a_long_poll_ends_with_the_first_change(api: Api) -> None:
    """A poll waits while there is nothing, and answers as soon as there is something."""
    waiting = asyncio.create_task(api.get(PATH, wait=30))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    started = time.monotonic()
    await api.events(pairing(1))
    assert len((await waiting)["items"]) == 1
    assert time.monotonic() - started < 5


async def test_a_long_poll_ends_with_its_time(api: Api) -> None:
    """Without a change the answer comes when the time is up, empty and with the same cursor."""
    cursor = (await api.get(PATH))["nextCursor"]
    started = time.monotonic()
    assert await api.get(PATH, after=cursor, wait=0.3) == {"items": [], "nextCursor": cursor}
    assert 0.25 < time.monotonic() - started < 5


async def test_a_long_poll_ends_with_the_service(api: Api) -> None:
    """When the service ends, a poll is answered at once."""
    waiting = asyncio.create_task(api.get(PATH, wait=30))
    await asyncio.sleep(0.05)
    api.services.stop.set()
    async with asyncio.timeout(5):
        assert (await waiting)["items"] == []


async def test_what_another_process_commits_is_heard(api: Api, database_url: str) -> None:
    """A commit that nobody tells this process of ends a wait within about a second."""
    waiting = asyncio.create_task(api.get(PATH, wait=10))
    await asyncio.sleep(0.05)
    engine = open_engine(database_url)
    started = time.monotonic()
    await deliver(DatabaseStore(engine), [body_of([pairing(1)])], now_us=NOW_US)
    assert len((await waiting)["items"]) == 1
    assert time.monotonic() - started < 5
    await engine.close()


async def test_a_commit_just_before_the_wait_is_not_missed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed after the store was looked at, and before the wait begins, ends the wait at once."""
    monkeypatch.setattr(change_signal, "LOOK_EVERY_S", 60)
    genuine = changes._read

    async def read(*arguments: object) -> object:
        page = await genuine(*arguments)  # type: ignore[arg-type] # passed on as they come
        if not page.items:
            await api.events(pairing(1))
        return page

    monkeypatch.setattr(changes, "_read", read)
    async with asyncio.timeout(5):
        assert len((await api.get(PATH, wait=30))["items"]) == 1


async def test_many_wait_and_one_looks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, the store is asked for others' commits as often as for one."""
    looks = 0
    genuine = changes._last

    async def last(call: object) -> object:
        nonlocal looks
        looks += 1
        return await genuine(call)  # type: ignore[arg-type] # passed on as it comes

    monkeypatch.setattr(changes, "_last", last)
    monkeypatch.setattr(change_signal, "LOOK_EVERY_S", 0.2)
    await asyncio.gather(*(api.get(PATH, wait=0.5) for _ in range(30)))
    assert 2 <= looks <= 4


async def test_waiting_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound nobody can wait, but everybody can ask."""
    monkeypatch.setattr(changes, "WAITING_MAX", 1)
    waiting = asyncio.create_task(api.get(PATH, wait=2))
    await eventually(lambda: api.services.changed.waiting == 1)
    answer = await api.ask(f"{PATH}?wait=1")
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    assert (await api.ask(PATH)).status_code == 200
    await waiting


@pytest.mark.parametrize(
    ("query", "name"), [("wait=31", "wait"), ("wait=-1", "wait"), ("wait=nan", "wait"), ("after=x", "after")]
)
async def test_bad_parameters(api: Api, query: str, name: str) -> None:
    """A bad time to wait or cursor is 400 and named; so is a bad Last-Event-ID."""
    assert (await api.refused(400, f"{PATH}?{query}"))["errors"][0]["path"] == name
    headers = api.operator | {"Accept": "text/event-stream", "Last-Event-ID": "x"}
    assert (await api.refused(400, PATH, headers))["errors"][0]["path"] == "Last-Event-ID"


async def test_a_stream_goes_on_where_it_was(api: Api) -> None:
    """Events carry their cursor as id; Last-Event-ID goes on behind one, whatever the address says."""
    await api.events(pairing(1), unpairing(2))
    async with serving(api.app) as address:
        async with streaming(api, address) as stream:
            told = [await stream.event(), await stream.event()]
            assert [(cursor, change["type"]) for cursor, change in told] == [
                (change["cursor"], change["type"]) for change in (await api.get(PATH))["items"]
            ]
            await api.events(failure(3), number=2)
            assert (await stream.event())[1]["type"] == "case.opened"
        first = told[0][0]
        again = api.operator | {"Last-Event-ID": first}
        async with streaming(api, address, again, after=(await api.get(PATH))["nextCursor"]) as stream:
            assert [(await stream.event())[1]["type"] for _ in range(2)] == ["pairing.closed", "case.opened"]
        async with streaming(api, address, after=told[1][0]) as stream:
            assert (await stream.event())[1]["type"] == "case.opened"


async def test_no_change_is_lost_to_a_stream(api: Api) -> None:
    """Under many commits a stream tells each change once, in order."""
    async with serving(api.app) as address, streaming(api, address) as stream:

        async def commit() -> None:
            for number in range(40):
                await api.events(pairing(number, A, f"tp:{number}"), number=number)

        committing = asyncio.create_task(commit())
        units = [(await stream.event())[1]["data"]["unitId"] for _ in range(40)]
        await committing
    assert units == [f"tp:{number}" for number in range(40)]


async def test_a_silent_stream_shows_that_it_lives(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without changes a comment comes from time to time."""
    monkeypatch.setattr(changes, "HEARTBEAT_S", 0.1)
    monkeypatch.setattr(changes, "CHECK_EVERY_S", 0.1)
    async with serving(api.app) as address, streaming(api, address) as stream:
        assert [await stream.line() for _ in range(3)] == [":"] * 3


async def test_a_stream_ends_with_the_service(api: Api) -> None:
    """When the service ends, a stream is finished, not cut off."""
    api.app.state.services = _with_stop(api)
    async with serving(api.app) as address, streaming(api, address) as stream:
        stop_event().set()
        assert await stream.line() is None


async def test_a_stream_ends_with_its_client(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is revoked hears nothing more after a few seconds."""
    monkeypatch.setattr(changes, "CHECK_EVERY_S", 0.05)
    client = await api.client(ORGANIZATION)
    async with serving(api.app) as address, streaming(api, address, basic(client.client_id, client.client_secret)) as stream:
        await api.store.write(lambda tx: revoke_client(tx, client.client_id, api.clock()))
        api.clock.move(2)
        assert await stream.line() is None


async def test_a_head_request_is_no_stream(sqlite_url: str) -> None:
    """HEAD is answered, and leaves nothing running."""
    async with running_api(sqlite_url) as api:
        answer = await api.ask(PATH, api.operator | {"Accept": "text/event-stream"}, "HEAD")
        assert (answer.status_code, api.services.changed.waiting) == (200, 0)


def _with_stop(api: Api) -> Services:
    """The services with the stop event of the running server."""
    return Services(api.store, api.services.settings, api.clock, stop_event(), api.services.changed)

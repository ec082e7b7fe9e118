"""`/api/v1/changes`: the change feed as pages, as a long poll, and as Server-Sent Events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import structlog
from msgspec import Meta
from starlette.responses import Response, StreamingResponse

from handlers.queries.changes import Place, list_changes, place_of
from handlers.queries.lists import Filter
from receiver.api.access import authorization
from receiver.api.operation import Call, Operation, json_response
from receiver.api.problems import unavailable
from schemas.answers import Change
from schemas.errors import InvalidInputError, StoreUnavailableError, at
from schemas.pages import ChangePage
from schemas.wire import to_json

log = structlog.get_logger()

EVENT_STREAM = "text/event-stream"
# Who waits costs next to nothing, but not nothing.
WAITING_MAX = 2000
# A stream says that it is alive so often; proxies cut what is silent for a minute.
HEARTBEAT_S = 15.0
# And asks so often whether its client still may.
CHECK_EVERY_S = 5.0
_ROWS_AT_ONCE = 200
_HEARTBEAT = b":\n\n"
CursorText = Annotated[str, Meta(max_length=200)]


class ChangeFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the change feed."""

    after: Annotated[
        CursorText | None,
        Meta(description="The cursor to go on behind; without one the feed is read from its beginning."),
    ] = None
    wait: Annotated[float, Meta(ge=0, le=30, description="Seconds to wait while there is nothing yet.")] = 0


async def changes(call: Call, asked: ChangeFilter) -> Response:
    """What was told after a cursor. A HEAD request has no use for a stream."""
    request, signal = call.request, call.services.changed
    streamed = EVENT_STREAM in request.headers.get("accept", "").lower() and request.method == "GET"
    place = _start(request.headers.get("last-event-id") if streamed else None, asked.after)
    if (streamed or asked.wait) and signal.waiting >= WAITING_MAX:
        raise unavailable("too many wait for changes")
    count = signal.count
    page = await _read(call, place, _ROWS_AT_ONCE if streamed else call.page.limit)
    if streamed:
        return StreamingResponse(_stream(call, count, page), media_type=EVENT_STREAM, headers={"X-Accel-Buffering": "no"})
    if asked.wait and not page.items:
        end = asyncio.get_running_loop().time() + asked.wait
        while not page.items and (left := end - asyncio.get_running_loop().time()) > 0 and not call.services.stop.is_set():
            await signal.wait(count, left, call.services.stop, lambda: _last(call))
            count = signal.count
            page = await _read(call, place, call.page.limit)
    return json_response(page)


def _start(last_event_id: str | None, after: str | None) -> Place:
    """A stream that was interrupted goes on where it was, whatever its address says."""
    for name, cursor in (("Last-Event-ID", last_event_id or None), ("after", after)):
        if cursor is not None:
            try:
                return place_of(cursor)
            except InvalidInputError as error:
                raise at(name, "is no cursor of the change feed") from error
    return place_of(None)


async def _stream(call: Call, count: int, page: ChangePage[Change]) -> AsyncIterator[bytes]:
    """Events until the client goes away or may ask no more, or the service ends; whoever was cut off comes back where it was."""
    signal, stop, loop = call.services.changed, call.services.stop, asyncio.get_running_loop()
    header = authorization(call.request.scope) or b""
    checked_at = beaten_at = loop.time()
    yield _HEARTBEAT
    try:
        while not stop.is_set():
            if page.items:
                beaten_at = loop.time()
                yield b"".join(_event(change) for change in page.items)
            else:
                await signal.wait(count, CHECK_EVERY_S, stop, lambda: _last(call))
            if loop.time() - beaten_at >= HEARTBEAT_S:
                beaten_at = loop.time()
                yield _HEARTBEAT
            if loop.time() - checked_at >= CHECK_EVERY_S:
                checked_at = loop.time()
                if await call.access.authenticator.authenticate(header) is None:
                    return
            count = signal.count
            page = await _read(call, place_of(page.next_cursor), _ROWS_AT_ONCE)
    except StoreUnavailableError as error:
        log.warning("changes.interrupted", error=error.message)


def _event(change: Change) -> bytes:
    """One event; its data is the same JSON as in a page, which has no line breaks."""
    return b"id: %s\ndata: %s\n\n" % (change.cursor.encode(), to_json(change))


async def _read(call: Call, after: Place, limit: int) -> ChangePage[Change]:
    return await call.read(lambda tx: list_changes(tx, call.viewer, after, limit))


async def _last(call: Call) -> Place:
    return await call.read(lambda tx: tx.changes.last(None))


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/changes",
        changes,
        "Changes of pairings and cases in the order of their commits; `Accept: text/event-stream` gives a stream",
        query=ChangeFilter,
        limited=True,
        answer=ChangePage[Change],
        answers={EVENT_STREAM: "A stream of Server-Sent Events whose `id` is the cursor; `Last-Event-ID` goes on behind one."},
    ),
)

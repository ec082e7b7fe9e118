"""`/api/v1/batches` and `/api/v1/events`: what came, and what became of it."""

from starlette.responses import Response

from handlers.queries.batches import get_batch, list_batches
from handlers.queries.events import EventFilter, get_event, list_events
from handlers.queries.lists import Filter
from receiver.api.operation import Call, Operation, json_response
from schemas.answers import Batch, EventView
from schemas.pages import Page


async def batches(call: Call, _: Filter) -> Response:
    """Batches, newest first."""
    return json_response(await call.read(lambda tx: list_batches(tx, call.viewer, call.page)))


async def batch(call: Call, _: Filter) -> Response:
    """One batch, by our id or by Datahub's."""
    ref = call.path("batchId")
    return json_response(await call.read(lambda tx: get_batch(tx, call.viewer, ref)))


async def events(call: Call, asked: EventFilter) -> Response:
    """Entries of batches, the last recorded first."""
    return json_response(await call.read(lambda tx: list_events(tx, call.viewer, asked, call.page)))


async def event(call: Call, _: Filter) -> Response:
    """One event, merged from its copies."""
    event_key = call.path("eventKey")
    return json_response(await call.read(lambda tx: get_event(tx, call.viewer, event_key)))


OPERATIONS = (
    Operation("GET", "/api/v1/batches", batches, "Batches, newest first", paged=True, answer=Page[Batch]),
    Operation(
        "GET",
        "/api/v1/batches/{batchId}",
        batch,
        "A batch, by its id or by its eventBatchId while that is unambiguous",
        answer=Batch,
    ),
    Operation(
        "GET",
        "/api/v1/events",
        events,
        "Entries of batches, the last recorded first; changes are shown with a single event",
        query=EventFilter,
        paged=True,
        answer=Page[EventView],
    ),
    Operation("GET", "/api/v1/events/{eventKey}", event, "An event, as its copies together say it", answer=EventView),
)

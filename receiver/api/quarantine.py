"""`/api/v1/quarantine`: what could not be understood, and what to do about it."""

from collections.abc import Collection
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from starlette.responses import Response

from handlers.ports import Transaction
from handlers.quarantine import Reprocessed, discard, reprocess
from handlers.queries.lists import Filter, PageAsked
from handlers.queries.quarantine import QuarantineFilter, find_entry, get_entry, list_quarantine
from handlers.reprocessing import Result, Results, Selection, reprocess_many, result_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.answers import QuarantineEntry
from schemas.pages import Page
from schemas.wire import parse_time


class ReprocessRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """Which of the waiting entries to try again; all of them when the body is empty. `from` and `to` are times of receipt."""

    kind: Literal["event", "body"] | None = None
    subscription: str | None = None
    path: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    cursor: str | None = None


_decode = msgspec.json.Decoder(ReprocessRequest).decode


async def quarantine(call: Call, asked: QuarantineFilter) -> Response:
    """Entries, newest first."""
    return json_response(await call.read(lambda tx: list_quarantine(tx, call.viewer, asked, call.page)))


async def entry(call: Call, _: Filter) -> Response:
    """One entry."""
    quarantine_id = call.path("quarantineId")
    return json_response(await call.read(lambda tx: get_entry(tx, call.viewer, quarantine_id)))


async def reprocess_one(call: Call, _: Filter) -> Response:
    """Try one entry again, under its subscription's binding of today."""
    quarantine_id, now_us = call.path("quarantineId"), call.services.clock()

    async def work(tx: Transaction) -> tuple[int, Reprocessed]:
        record = await find_entry(tx, call.viewer, quarantine_id)
        organizations, most = _binding(call, record.subscription), call.services.settings.limits.delivery_events_max
        return record.quarantine_id, await reprocess(tx, record.quarantine_id, organizations, now_us, most)

    number, done = await call.services.store.write(work)
    call.services.changed.notify()
    return json_response(result_of(number, done))


async def discard_one(call: Call, _: Filter) -> Response:
    """Say that an entry needs no more looking at."""
    quarantine_id = call.path("quarantineId")

    async def work(tx: Transaction) -> QuarantineEntry:
        record = await find_entry(tx, call.viewer, quarantine_id)
        await discard(tx, record.quarantine_id)
        return await get_entry(tx, call.viewer, quarantine_id)

    return json_response(await call.services.store.write(work))


async def reprocess_all(call: Call, _: Filter) -> Response:
    """Try those again that a filter selects."""
    asked = await read_json(call, _decode, ReprocessRequest())
    selection = Selection(
        kind=asked.kind,
        subscription=asked.subscription,
        path=asked.path,
        from_us=None if asked.from_ is None else parse_time(asked.from_, "$.from"),
        to_us=None if asked.to is None else parse_time(asked.to, "$.to"),
    )
    try:
        results = await reprocess_many(
            call.services.store,
            call.viewer,
            selection,
            PageAsked(asked.limit, asked.cursor),
            lambda subscription: _binding(call, subscription),
            call.services.clock,
            call.services.settings.limits.delivery_events_max,
        )
    finally:
        call.services.changed.notify()
    return json_response(results)


def _binding(call: Call, subscription: str) -> Collection[str]:
    """The organizations that a subscription or a feed may bring events of today; none means any, as for one that is gone."""
    return call.services.settings.organizations_of(subscription)


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/quarantine",
        quarantine,
        "What could not be understood, newest first",
        query=QuarantineFilter,
        paged=True,
        answer=Page[QuarantineEntry],
    ),
    Operation(
        "POST",
        "/api/v1/quarantine/reprocess",
        reprocess_all,
        "Try waiting entries again, newest first",
        scope="ops",
        body=ReprocessRequest,
        answer=Results,
    ),
    Operation("GET", "/api/v1/quarantine/{quarantineId}", entry, "An entry", answer=QuarantineEntry),
    Operation(
        "POST",
        "/api/v1/quarantine/{quarantineId}/reprocess",
        reprocess_one,
        "Try an entry again; 409 unless it waits",
        scope="ops",
        answer=Result,
    ),
    Operation(
        "POST",
        "/api/v1/quarantine/{quarantineId}/discard",
        discard_one,
        "Say that an entry needs no more looking at; 409 unless it waits",
        scope="ops",
        answer=QuarantineEntry,
    ),
)

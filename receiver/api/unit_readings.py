"""`/api/v1/readings`: readings by unit, and those that wait for a pairing."""

import asyncio

from starlette.responses import Response

from handlers.by_unit import take_readings
from handlers.queries.lists import Filter
from handlers.queries.readings import WaitingFilter, WaitingReading, list_waiting
from receiver.api.asset_sync import actor_of, organization_of, rules_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.pages import Page
from schemas.unit_readings import UnitReadingsAnswer, UnitReadingsRequest, decode_readings


async def readings_by_unit(call: Call, _: Filter) -> Response:
    """Keep readings of units; what is wrong with one is in the answer, and no reason to refuse the others."""
    organization_id = organization_of(call, "what a unit has read")
    body = await read_json(call, bytes, bytes_max=call.services.settings.limits.body_bytes_max)
    sent = await asyncio.to_thread(decode_readings, body)
    actor, rules, now_us = actor_of(call), rules_of(call), call.services.clock()
    return json_response(
        await call.services.store.write(lambda tx: take_readings(tx, organization_id, sent, actor, rules, now_us))
    )


async def waiting_readings(call: Call, asked: WaitingFilter) -> Response:
    """Readings of units that no pairing covers."""
    return json_response(await call.read(lambda tx: list_waiting(tx, call.viewer, asked, call.page)))


OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/readings/by-unit",
        readings_by_unit,
        "Readings of units, each for the asset that its unit was on; without one it waits for a pairing",
        scope="sync",
        body=UnitReadingsRequest,
        answer=UnitReadingsAnswer,
    ),
    Operation(
        "GET",
        "/api/v1/readings/waiting",
        waiting_readings,
        "Readings of units that no pairing covers, in the order in which they came",
        query=WaitingFilter,
        paged=True,
        answer=Page[WaitingReading],
    ),
)

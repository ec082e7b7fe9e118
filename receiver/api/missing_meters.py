"""`/api/v1/missing-meters`: what came for meters that didn't exist. Source: Asset Sync, "Missing Meters Workflow"."""

import msgspec
from starlette.responses import Response

from handlers.missing_meters import replay, replay_meter, resolve
from handlers.queries.lists import Filter
from handlers.queries.missing_meters import MissingMeterFilter, list_missing_meters
from receiver.api.asset_sync import actor_of, organization_of, rules_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.missing_meters import MissingMeter, ReplayAnswer, Replayed, ReplayRequest
from schemas.pages import Page

_decode = msgspec.json.Decoder(ReplayRequest).decode


async def missing_meters(call: Call, asked: MissingMeterFilter) -> Response:
    """Attempts, newest first, behind what pairings would imply."""
    unit_meters = call.services.settings.unit_meters
    return json_response(await call.read(lambda tx: list_missing_meters(tx, call.viewer, asked, unit_meters, call.page)))


async def resolve_missing_meter(call: Call, _: Filter) -> Response:
    """Say that an attempt needs no more looking at."""
    ref, actor, now_us = call.path("missingMeterId"), actor_of(call), call.services.clock()
    return json_response(await call.services.store.write(lambda tx: resolve(tx, call.viewer, ref, actor, now_us)))


async def replay_missing_meter(call: Call, _: Filter) -> Response:
    """Apply what one attempt held back."""
    ref, actor, rules, now_us = call.path("missingMeterId"), actor_of(call), rules_of(call), call.services.clock()
    return json_response(await call.services.store.write(lambda tx: replay(tx, call.viewer, ref, actor, rules, now_us)))


async def replay_missing_meters(call: Call, _: Filter) -> Response:
    """Apply what all attempts on one meter held back."""
    organization_id = organization_of(call, "a meter")
    asked = await read_json(call, _decode)
    actor, rules, now_us = actor_of(call), rules_of(call), call.services.clock()
    return json_response(
        await call.services.store.write(lambda tx: replay_meter(tx, organization_id, asked, actor, rules, now_us))
    )


OPERATIONS = (
    Operation(
        "GET",
        "/api/v1/missing-meters",
        missing_meters,
        "What came for meters that didn't exist, newest first",
        query=MissingMeterFilter,
        paged=True,
        answer=Page[MissingMeter],
    ),
    Operation(
        "POST",
        "/api/v1/missing-meters/replay",
        replay_missing_meters,
        "Apply what all attempts on one meter held back, oldest first",
        scope="sync",
        body=ReplayRequest,
        answer=ReplayAnswer,
    ),
    Operation(
        "POST",
        "/api/v1/missing-meters/{missingMeterId}/resolve",
        resolve_missing_meter,
        "Say that an attempt needs no more looking at; what it held back is kept",
        scope="sync",
        answer=MissingMeter,
    ),
    Operation(
        "POST",
        "/api/v1/missing-meters/{missingMeterId}/replay",
        replay_missing_meter,
        "Apply what an attempt held back, now that there is the meter; 409 while there is none",
        scope="sync",
        answer=Replayed,
    ),
)

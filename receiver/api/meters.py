"""`/api/v1/meters`: the meters of an organization, which syncs assign to assets, and who changed them."""

import msgspec
from starlette.responses import Response

from handlers.queries.lists import Filter
from handlers.queries.references import list_meter_history, list_meters
from handlers.references import delete_meter, get_meter, put_meter
from receiver.api.asset_sync import actor_of, organization_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from receiver.api.references import WHAT, code_in_path
from schemas.assets import Meter
from schemas.history import HistoryEntry
from schemas.pages import Page
from schemas.references import MeterBody

_decode_meter = msgspec.json.Decoder(MeterBody).decode


async def meters(call: Call, _: Filter) -> Response:
    """Meters by code."""
    organization_id = organization_of(call, WHAT)
    return json_response(await call.read(lambda tx: list_meters(tx, organization_id, call.page)))


async def meter(call: Call, _: Filter) -> Response:
    """One meter."""
    organization_id, code = organization_of(call, WHAT), call.path("code")
    return json_response(await call.read(lambda tx: get_meter(tx, organization_id, code), brief=True))


async def put_one_meter(call: Call, _: Filter) -> Response:
    """Put a meter; a new one resolves what was sent for it in vain."""
    organization_id, actor, now_us = organization_of(call, WHAT), actor_of(call), call.services.clock()
    body = await read_json(call, _decode_meter)
    put = Meter(code_in_path(call, "code", body.code), body.unit, body.name, body.type, body.subtype)
    created = await call.services.store.write(lambda tx: put_meter(tx, organization_id, put, actor, now_us))
    return json_response(put, 201 if created else 200)


async def delete_one_meter(call: Call, _: Filter) -> Response:
    """Delete a meter that is neither assigned nor has readings."""
    organization_id, actor, now_us = organization_of(call, WHAT), actor_of(call), call.services.clock()
    code = call.path("code")
    await call.services.store.write(lambda tx: delete_meter(tx, organization_id, code, actor, now_us))
    return Response(status_code=204)


async def meter_history(call: Call, _: Filter) -> Response:
    """Who changed a meter itself, newest first."""
    organization_id, code = organization_of(call, WHAT), call.path("code")
    return json_response(await call.read(lambda tx: list_meter_history(tx, organization_id, code, call.page)))


OPERATIONS = (
    Operation("GET", "/api/v1/meters", meters, "Meters by code", paged=True, answer=Page[Meter]),
    Operation(
        "GET",
        "/api/v1/meters/{code:path}/history",
        meter_history,
        "Who changed a meter itself, newest first",
        paged=True,
        answer=Page[HistoryEntry],
    ),
    Operation("GET", "/api/v1/meters/{code:path}", meter, "A meter", answer=Meter),
    Operation(
        "PUT",
        "/api/v1/meters/{code:path}",
        put_one_meter,
        "Put a meter; 201 for a new one, 409 for another unit than that of its readings",
        scope="admin",
        body=MeterBody,
        answer=Meter,
    ),
    Operation(
        "DELETE",
        "/api/v1/meters/{code:path}",
        delete_one_meter,
        "Delete a meter; 409 while it is assigned or has readings",
        scope="admin",
        status=204,
    ),
)

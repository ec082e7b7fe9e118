"""`/api/v1/units`."""

from starlette.responses import Response

from handlers.queries.as_of import AsOf
from handlers.queries.pairings import list_unit_pairings
from handlers.queries.units import UnitFilter, get_unit, list_units
from receiver.api.operation import Call, Operation, json_response
from schemas.answers import Pairing, Unit
from schemas.pages import Page


async def units(call: Call, asked: UnitFilter) -> Response:
    """Units by organization and id."""
    now_us = call.services.clock()
    most = call.services.settings.limits.candidates_max
    return json_response(await call.read(lambda tx: list_units(tx, call.viewer, asked, call.page, now_us, most)))


async def unit(call: Call, asked: AsOf) -> Response:
    """One unit and where it stands."""
    unit_id, now_us = call.path("unitId"), call.services.clock()
    most = call.services.settings.limits.candidates_max
    found = await call.read(lambda tx: get_unit(tx, call.viewer, unit_id, asked, now_us, most), brief=not asked.is_past)
    return json_response(found)


async def unit_pairings(call: Call, asked: AsOf) -> Response:
    """The history of one unit."""
    unit_id = call.path("unitId")
    return json_response(await call.read(lambda tx: list_unit_pairings(tx, call.viewer, unit_id, asked, call.page)))


# A unit id can hold a slash, which comes escaped and arrives as itself.
OPERATIONS = (
    Operation("GET", "/api/v1/units", units, "Units and where they stand", query=UnitFilter, paged=True, answer=Page[Unit]),
    Operation(
        "GET",
        "/api/v1/units/{unitId:path}/pairings",
        unit_pairings,
        "The pairing history of a unit, newest first",
        query=AsOf,
        paged=True,
        answer=Page[Pairing],
    ),
    Operation("GET", "/api/v1/units/{unitId:path}", unit, "A unit and where it stands", query=AsOf, answer=Unit),
)

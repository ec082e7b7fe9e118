"""`/api/v1/pairings`, and those of one asset."""

from starlette.responses import Response

from handlers.queries.as_of import AsOf
from handlers.queries.lists import Filter
from handlers.queries.pairing_filter import PairingFilter
from handlers.queries.pairings import get_pairing, list_asset_pairings, list_pairings
from receiver.api.operation import Call, Operation, json_response
from schemas.answers import Pairing
from schemas.pages import Page


async def pairings(call: Call, asked: PairingFilter) -> Response:
    """Pairings, newest first."""
    return json_response(await call.read(lambda tx: list_pairings(tx, call.viewer, asked, call.page)))


async def pairing(call: Call, _: Filter) -> Response:
    """One pairing."""
    pairing_id = call.path("pairingId")
    return json_response(await call.read(lambda tx: get_pairing(tx, call.viewer, pairing_id), brief=True))


async def asset_pairings(call: Call, asked: AsOf) -> Response:
    """Who was on one asset."""
    ref = call.path("ref")
    return json_response(await call.read(lambda tx: list_asset_pairings(tx, call.viewer, ref, asked, call.page)))


OPERATIONS = (
    Operation(
        "GET", "/api/v1/pairings", pairings, "Pairings, newest first", query=PairingFilter, paged=True, answer=Page[Pairing]
    ),
    Operation("GET", "/api/v1/pairings/{pairingId}", pairing, "A pairing", answer=Pairing),
    Operation(
        "GET",
        "/api/v1/assets/{ref}/pairings",
        asset_pairings,
        "The pairings of an asset, by its Datahub UUID, newest first",
        query=AsOf,
        paged=True,
        answer=Page[Pairing],
    ),
)

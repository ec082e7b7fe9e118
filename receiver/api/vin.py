"""`POST /api/v1/vin/match`: what can be said of a VIN, and the assets that a sensor with it could be on."""

import msgspec
from starlette.responses import Response

from handlers.queries.lists import Filter
from handlers.queries.vin import match_vin
from receiver.api.asset_sync import organization_of
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.vin import VinMatch, VinMatchRequest

_decode = msgspec.json.Decoder(VinMatchRequest).decode


async def match(call: Call, _: Filter) -> Response:
    """The report on a VIN, and its candidates."""
    asked = await read_json(call, _decode)
    organization_id = organization_of(call, "a match")
    most = call.services.settings.limits.candidates_max
    return json_response(await call.read(lambda tx: match_vin(tx, organization_id, asked, most)))


OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/vin/match",
        match,
        "What can be said of a VIN, and the assets that it could mean, best first; nothing is paired by it",
        body=VinMatchRequest,
        answer=VinMatch,
    ),
)

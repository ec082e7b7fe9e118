"""`/api/v1/assets/{ref}/datahub-assets/{uuid}`: which asset a Datahub asset is, when an operator says so."""

import re

from starlette.responses import Response

from handlers.links import link_explicitly, unlink
from handlers.ports import Transaction
from handlers.queries.assets import find_registry_asset
from handlers.queries.lists import Filter
from handlers.queries.registry import show_assets
from handlers.registry import Actor, Writing, begin
from receiver.api.operation import Call, Operation, json_response
from schemas.assets import AssetView
from schemas.errors import at
from schemas.events import UUID_PATTERN
from schemas.registry_records import AssetRow

_UUID = re.compile(UUID_PATTERN)


async def link(call: Call, _: Filter) -> Response:
    """Whatever VINs say, the Datahub asset is this asset from now on."""
    ref, datahub_asset_id = call.path("ref"), _datahub_asset(call)

    async def work(tx: Transaction) -> AssetView:
        row, writing = await _begin(tx, call, ref)
        await link_explicitly(tx, writing, datahub_asset_id, row.asset.asset_id)
        (shown,) = await show_assets(tx, [row])
        return shown

    shown = await call.services.store.write(work)
    call.services.changed.notify()
    return json_response(shown)


async def take_back(call: Call, _: Filter) -> Response:
    """What follows from VINs holds again."""
    ref, datahub_asset_id = call.path("ref"), _datahub_asset(call)

    async def work(tx: Transaction) -> None:
        row, writing = await _begin(tx, call, ref)
        await unlink(tx, writing, datahub_asset_id, row.asset.asset_id)

    await call.services.store.write(work)
    call.services.changed.notify()
    return Response(status_code=204)


async def _begin(tx: Transaction, call: Call, ref: str) -> tuple[AssetRow, Writing]:
    row = await find_registry_asset(tx, call.viewer, ref)
    return row, await begin(tx, row.organization_id, Actor("client", call.actor), call.services.clock())


def _datahub_asset(call: Call) -> str:
    datahub_asset_id = call.path("uuid").lower()
    if not _UUID.match(datahub_asset_id):
        raise at("uuid", f"expected the UUID of a Datahub asset, got {datahub_asset_id!r}")
    return datahub_asset_id


_PATH = "/api/v1/assets/{ref:path}/datahub-assets/{uuid}"
OPERATIONS = (
    Operation("PUT", _PATH, link, "Link a Datahub asset to an asset, whatever VINs say", scope="ops", answer=AssetView),
    Operation("DELETE", _PATH, take_back, "Take such a link back: VINs decide again", scope="ops", status=204),
)

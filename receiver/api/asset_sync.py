"""`POST /api/v1/assets/sync`. Source: Asset Sync."""

import asyncio

import structlog
from starlette.responses import Response

from handlers.asset_sync import Synced, sync_assets
from handlers.ports import Transaction
from handlers.queries.lists import Filter
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from receiver.api.bodies import read_json
from receiver.api.operation import Call, Operation, json_response
from schemas.asset_sync import AssetSyncAnswer, AssetSyncRequest
from schemas.asset_sync_decoding import decode_sync
from schemas.errors import at

log = structlog.get_logger()


async def sync(call: Call, _: Filter) -> Response:
    """Apply a sync; what is wrong with one asset is in the answer, and no reason to refuse the others."""
    limits = call.services.settings.limits
    organization_id = organization_of(call, "a sync")
    body = await read_json(call, bytes, bytes_max=limits.body_bytes_max)
    # On a thread: a large request must not hold up everybody else.
    asked = await asyncio.to_thread(decode_sync, body, limits.sync_assets_max)
    actor, rules, now_us = actor_of(call), rules_of(call), call.services.clock()

    async def work(tx: Transaction) -> Synced:
        return await sync_assets(tx, organization_id, asked, actor, rules, now_us)

    done = await call.services.store.write(work)
    for fault in done.faults:
        log.error("sync.asset_refused_by_store", fault=fault, organization_id=organization_id)
    return json_response(done.answer)


def organization_of(call: Call, what: str) -> str:
    """The one organization that a request is for. InvalidInputError: a client of all organizations must say which."""
    if call.viewer.organization_id is None:
        raise at("organizationId", f"{what} is for one organization: say which")
    return call.viewer.organization_id


def actor_of(call: Call) -> Actor:
    """Who changes something by a request: its client."""
    return Actor("client", call.actor)


def rules_of(call: Call) -> RegistryRules:
    """What the settings say of the registry."""
    settings = call.services.settings
    return RegistryRules(settings.missing_unit, settings.unit_meters)


OPERATIONS = (
    Operation(
        "POST",
        "/api/v1/assets/sync",
        sync,
        "Create, update and deactivate assets, assign meters, and bring readings; each asset stands alone",
        scope="sync",
        body=AssetSyncRequest,
        answer=AssetSyncAnswer,
    ),
)

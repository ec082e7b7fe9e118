"""How the engines go about statements of the registry before anybody counted what is in its tables."""

import pytest

from handlers.asset_sync import sync_assets
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from schemas.asset_sync_decoding import decode_sync
from schemas.wire import to_json
from storage.statements import load
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.plans import query_plan
from tests.support.store import NOW_US

IDS = [f"A{number}" for number in range(500)]


@pytest.mark.parametrize(("name", "listed"), [("assets_with_identities", "identities"), ("assets_with_codes", "codes")])
async def test_assets_of_a_sync_are_found_at_once_in_a_new_database(store: DatabaseStore, name: str, listed: str) -> None:
    """Right after the first large sync the second looks its ids up once, and not once for each asset there is."""
    sent = decode_sync(to_json({"assets": [{"externalAssetId": identity, "name": "n"} for identity in IDS]}))
    await store.write(lambda tx: sync_assets(tx, ORGANIZATION, sent, Actor("client", "x"), RegistryRules(), NOW_US))
    plan = await query_plan(store.engine, load("assets")[name], organization_id=ORGANIZATION, **{listed: IDS})
    assert "Nested Loop Semi Join" not in plan, plan
    assert "SCAN assets" not in plan, plan

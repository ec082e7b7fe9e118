"""Asking for assets: by each filter, by each kind of reference, in pages; and who changed them."""

from typing import Any

import pytest

from tests.registry.test_links import VIN as TOLD_VIN
from tests.registry.test_links import event, tell
from tests.support.api import Api
from tests.support.facts import A
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import OTHER

VIN = "WKESD000000123456"
FLEET: tuple[dict[str, Any], ...] = (
    {"externalAssetId": "T1", "name": "Pump 100%", "code": "P-1", "assetTypeName": "Pump", "siteCode": "SITE-42"},
    {"externalAssetId": "T2", "name": "Truck", "serial": VIN, "assetTypeName": "Vehicle", "status": "INACTIVE"},
    {"externalAssetId": "T3", "name": "Trailer_3", "status": "RETIRED", "siteCode": "WAREHOUSE-A"},
    {"externalAssetId": "T4", "name": "Trailer 4", "serial": "SN-4"},
)


async def _fleet(registry: RegistryApi) -> dict[str, dict[str, Any]]:
    """The results by externalAssetId; T1 goes by an alias too."""
    answer = await registry.sync({"assets": [*FLEET, {"externalAssetId": "T1 too", "code": "P-1"}]})
    assert answer["errors"] == []
    return {result["externalAssetId"]: result for result in answer["results"]}


async def _found(registry: RegistryApi, **filters: str | float) -> list[str]:
    return [asset["externalAssetId"] for asset in await registry.items("assets", **filters)]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["T1", "T2", "T3", "T4"]),
        ({"externalAssetId": "T1"}, ["T1"]),
        ({"externalAssetId": "T1 too"}, ["T1"]),
        ({"externalAssetId": "t1"}, []),
        ({"code": "P-1"}, ["T1"]),
        ({"code": "T2"}, ["T2"]),
        ({"code": "T1"}, []),
        ({"vin": "wkesd 000000-123456"}, ["T2"]),
        ({"vin": "SN-4"}, []),
        ({"vin": "WKESD"}, []),
        ({"status": "ACTIVE"}, ["T1", "T4"]),
        ({"status": "INACTIVE"}, ["T2"]),
        ({"status": "RETIRED"}, ["T3"]),
        ({"siteCode": "SITE-42"}, ["T1"]),
        ({"siteCode": "site-42"}, []),
        ({"assetTypeName": "Vehicle"}, ["T2"]),
        ({"q": "Tr"}, ["T2", "T3", "T4"]),
        ({"q": "%"}, ["T1"]),
        ({"q": "r_3"}, ["T3"]),
        ({"q": "P-"}, ["T1"]),
        ({"q": "123456"}, ["T2"]),
        ({"q": "T4"}, ["T4"]),
        ({"status": "ACTIVE", "q": "Trailer"}, ["T4"]),
        ({"leaseAssetId": 999_999}, []),
        ({"datahubAssetId": A}, []),
    ],
    ids=str,
)
async def test_filters(registry: RegistryApi, filters: dict[str, str | float], found: list[str]) -> None:
    """Each filter finds what has just that value, a text wherever it stands; several at once what has them all."""
    await _fleet(registry)
    assert await _found(registry, **filters) == found
    assert await _found(registry, **filters, limit=1) == found


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"status": "GONE"}, "status"),
        ({"leaseAssetId": "x"}, "leaseAssetId"),
        ({"cursor": "x"}, "cursor"),
        ({"limit": "0"}, "limit"),
        ({"site": "SITE-42"}, "site"),
    ],
    ids=str,
)
async def test_a_bad_filter_is_named(registry: RegistryApi, query: dict[str, str], name: str) -> None:
    """A value that can't be, and a filter that there isn't, are 400 and name the parameter."""
    problem = await registry.refused(400, "assets", params=query)
    assert [fault["path"] for fault in problem["errors"]] == [name]


async def test_an_asset_by_every_reference(registry: RegistryApi) -> None:
    """Its own id, its externalAssetId, an alias, a linked Datahub UUID in any case, and the integer id mean one asset."""
    result = (await _fleet(registry))["T1"]
    await registry.put(f"assets/T1/datahub-assets/{A}", status=200)
    asset = await registry.get("assets/T1")
    assert (asset["aliases"][0], asset["datahubAssetIds"]) == ("T1 too", [A])
    for ref in (result["assetId"], "T1%20too", A, A.upper(), str(result["leaseAssetId"])):
        assert await registry.get(f"assets/{ref}") == asset
    assert await _found(registry, leaseAssetId=result["leaseAssetId"]) == await _found(registry, datahubAssetId=A) == ["T1"]
    for ref in ("P-1", "t1", "asset_0", "999999", "0"):
        assert (await registry.refused(404, f"assets/{ref}"))["error"] == f"there is no asset '{ref}'"


async def test_a_reference_that_means_two_assets(registry: RegistryApi) -> None:
    """Where the integer id of one is the externalAssetId of another, neither is taken for the other."""
    number = (await _fleet(registry))["T1"]["leaseAssetId"]
    await registry.put_asset(externalAssetId=str(number))
    assert (await registry.refused(409, f"assets/{number}"))["error"].startswith(f"'{number}' means several assets: asset_")


async def test_pages_stay_where_they_are(registry: RegistryApi) -> None:
    """An asset that changes between two pages is neither shown twice nor left out, and one that is new comes last."""
    await _fleet(registry)
    first = await registry.get("assets", limit=2)
    await registry.put_asset(externalAssetId="T1", name="Zulu")
    await registry.put_asset(externalAssetId="A new one")
    rest = await registry.get("assets", limit=10, cursor=first["nextCursor"])
    assert [asset["externalAssetId"] for asset in first["items"] + rest["items"]] == ["T1", "T2", "T3", "T4", "A new one"]
    assert rest["nextCursor"] is None


async def test_assets_are_those_of_an_organization(registry: RegistryApi, api: Api) -> None:
    """Another organization can use the same ids and codes, sees its own alone, and what isn't its own is 404."""
    result = (await _fleet(registry))["T1"]
    stranger = await registry_api(api, OTHER)
    assert await _found(stranger) == []
    for path in ("T1", result["assetId"], "T1/meters", "T1/history", "T1/meters/HOURS/readings", "T1/meters/HOURS/consumption"):
        await stranger.refused(404, f"assets/{path}")
    theirs = await stranger.put_asset(externalAssetId="T1", code="P-1")
    assert (theirs["status"], theirs["assetId"] != result["assetId"]) == ("CREATED", True)
    operator = await api.refused(400, "/api/v1/assets/T1")
    assert "organizationId" in operator["error"]


async def test_who_changed_what(registry: RegistryApi, api: Api) -> None:
    """Each sync that changed something is one entry, newest first: the client, the time, each field before and after."""
    meter = {"meterCode": "ODOMETER_KM", "expectedFromSync": True}
    await registry.put_asset(externalAssetId="T1", name="One", customFields={"a": 1}, meters=[meter])
    api.clock.move(60)
    await registry.put_asset(externalAssetId="T1", name="One")
    organization_id = (await registry.get("assets/T1"))["organizationId"]
    other = RegistryApi(api, await api.credentials(organization_id, "sync"))
    changed = {"name": "Two", "status": "RETIRED", "customFields": {"a": 1.5}, "meters": [{**meter, "isActive": None}]}
    await other.put_asset(externalAssetId="T1", **changed)
    newest, oldest = await registry.items("assets/T1/history", limit=1)
    assert newest["actor"]["kind"] == oldest["actor"]["kind"] == "client"
    assert newest["actor"]["name"] != oldest["actor"]["name"]
    assert oldest["changes"] == [
        {"field": "externalAssetId", "from": None, "to": "T1"},
        {"field": "code", "from": None, "to": "T1"},
        {"field": "name", "from": None, "to": "One"},
        {"field": "status", "from": None, "to": "ACTIVE"},
        {"field": "origin", "from": None, "to": "sync"},
        {"field": "customFields.a", "from": None, "to": 1},
        {"field": "assigned", "from": False, "to": True, "meterCode": "ODOMETER_KM"},
        {"field": "expectedFromSync", "from": False, "to": True, "meterCode": "ODOMETER_KM"},
    ]
    assert newest["changes"] == [
        {"field": "name", "from": "One", "to": "Two"},
        {"field": "status", "from": "ACTIVE", "to": "RETIRED"},
        {"field": "customFields.a", "from": 1, "to": 1.5},
        {"field": "isActive", "from": True, "to": False, "meterCode": "ODOMETER_KM"},
    ]
    asset = await registry.get("assets/T1")
    assert (oldest["at"], newest["at"]) == (asset["createdAt"], asset["updatedAt"])


async def test_what_is_said_of_a_meter_on_an_asset_that_is_off(registry: RegistryApi, api: Api) -> None:
    """It shows only once the asset is back, and another may bring it back: who said it is told when it was said."""
    meters = [{"meterCode": "ODOMETER_KM"}, {"meterCode": "HOURS", "isActive": False}]
    await registry.put_asset(externalAssetId="T1", status="INACTIVE", meters=meters)
    organization_id = (await registry.get("assets/T1"))["organizationId"]
    other = RegistryApi(api, await api.credentials(organization_id, "sync"))
    turned = [{"meterCode": "ODOMETER_KM", "isActive": False}, {"meterCode": "HOURS", "isActive": None}]
    for _ in range(2):
        await other.put_asset(externalAssetId="T1", meters=turned)
    await registry.put_asset(externalAssetId="T1", status="ACTIVE")
    back, said, first = await registry.items("assets/T1/history")
    assert first["actor"] == back["actor"] != said["actor"]
    assert first["changes"][-5:] == [
        {"field": "assigned", "from": False, "to": True, "meterCode": "HOURS"},
        {"field": "isActive", "from": True, "to": False, "meterCode": "HOURS"},
        {"field": "said.isActive", "from": True, "to": False, "meterCode": "HOURS"},
        {"field": "assigned", "from": False, "to": True, "meterCode": "ODOMETER_KM"},
        {"field": "isActive", "from": True, "to": False, "meterCode": "ODOMETER_KM"},
    ]
    assert said["changes"] == [
        {"field": "said.isActive", "from": False, "to": True, "meterCode": "HOURS"},
        {"field": "said.isActive", "from": True, "to": False, "meterCode": "ODOMETER_KM"},
    ]
    assert back["changes"] == [
        {"field": "status", "from": "INACTIVE", "to": "ACTIVE"},
        {"field": "isActive", "from": False, "to": True, "meterCode": "HOURS"},
    ]


async def test_an_event_is_who_changed_it(registry: RegistryApi) -> None:
    """What a pairing changed of an asset is told with the key of its event."""
    await registry.put_asset(externalAssetId="T1", serial=TOLD_VIN)
    await tell(registry, event("paired", 1))
    (pairing,) = await registry.items("pairings")
    linked, _ = await registry.items("assets/T1/history")
    assert linked["actor"] == {"kind": "event", "name": pairing["events"][0]}
    assert linked["changes"] == [{"field": "datahubAssetIds", "from": [], "to": [A]}]

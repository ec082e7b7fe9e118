"""Every JSON example of the Asset Sync documentation over HTTP, with the whole answer and what is stored afterwards."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from receiver.secret import Secret
from receiver.settings import Settings
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.registry import RegistryApi, fixture, registry_api
from tests.support.store import wipe
from tests.support.sync_bodies import MISSING_UNIT

PUMP, TRUCK, VEHICLE = "ASSET-100245", "ASSET-100246", "VEHICLE-001"
COMPLETE = [("regular-sync", (PUMP, TRUCK)), ("initial-setup", ()), ("all-succeeded", (PUMP,))]


@pytest_asyncio.fixture
async def assuming(
    registry_url: str,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[RegistryApi]:
    """A client where a reading without a unit is assumed to be in its meter's."""
    settings = Settings(operator_secret=Secret(OPERATOR_SECRET), missing_unit="assume")
    async with running_api(registry_url, settings) as running:
        await wipe(running.store)
        yield await registry_api(running)


def _documented(name: str, **warnings: list[str]) -> dict[str, Any]:
    """A documented answer with the status that our errors have, and other warnings where given, by externalAssetId."""
    answer: dict[str, Any] = json.loads(fixture(f"{name}.response"))
    for error in answer["errors"]:
        error["status"] = "FAILED"
    for result in answer["results"]:
        result["warnings"] = warnings.get(result["externalAssetId"], result["warnings"])
        del result["assetId"]
    return answer


async def _answer(registry: RegistryApi, name: str, known: tuple[str, ...] = ()) -> dict[str, Any]:
    """The answer to an example without the ids, which are ours to give: they are those of the assets that were meant."""
    for identity in known:
        await registry.put_asset(externalAssetId=identity, name="known before")
    answer = await registry.sync(fixture(f"{name}.request"))
    for result in answer["results"]:
        asset = await registry.get(f"assets/{result['externalAssetId']}")
        assert (result.pop("assetId"), result.pop("leaseAssetId")) == (asset["registryAssetId"], asset["leaseAssetId"])
    return answer


@pytest.mark.parametrize(("name", "known"), COMPLETE, ids=[name for name, _ in COMPLETE])
async def test_complete_examples_when_units_are_assumed(assuming: RegistryApi, name: str, known: tuple[str, ...]) -> None:
    """Under `assume` the complete examples are answered exactly as documented."""
    assert await _answer(assuming, name, known) == _documented(name)


@pytest.mark.parametrize(("name", "known"), COMPLETE, ids=[name for name, _ in COMPLETE])
async def test_complete_examples_when_units_are_required(registry: RegistryApi, name: str, known: tuple[str, ...]) -> None:
    """Under `reject` the same answers have one warning for each meter whose readings came without a unit."""
    warned = {} if name == "all-succeeded" else {PUMP: [MISSING_UNIT], TRUCK: [MISSING_UNIT]}
    assert await _answer(registry, name, known) == _documented(name, **warned)


async def test_partial_success(api: Api) -> None:
    """An unknown meter warns, a missing name and an unknown asset type fail, in the documented words; nothing else is made."""
    registry = await registry_api(api, reference=False)
    await registry.set_up(without="HOURS")
    assert await _answer(registry, "partial-success") == _documented("partial-success")
    assert [asset["externalAssetId"] for asset in await registry.items("assets")] == [PUMP]


async def test_minimal(registry: RegistryApi) -> None:
    """The minimal request creates an asset with every default."""
    answer = await registry.sync(fixture("minimal.request"))
    (result,) = answer["results"]
    assert answer == {"results": [result], "errors": []}
    assert (result["status"], result["warnings"], result["leaseAssetId"] > 0) == ("CREATED", [], True)
    asset = await registry.get("assets/ASSET-001")
    created_at = asset.pop("createdAt")
    assert asset == {
        "organizationId": asset["organizationId"],
        "registryAssetId": result["assetId"],
        "leaseAssetId": result["leaseAssetId"],
        "externalAssetId": "ASSET-001",
        "aliases": [],
        "code": "ASSET-001",
        "name": "Water Pump",
        "assetTypeName": None,
        "siteCode": None,
        "serial": None,
        "status": "ACTIVE",
        "description": None,
        "customFields": {},
        "metadata": None,
        "location": None,
        "locationOfInstallation": None,
        "orderNumber": None,
        "costCenter": None,
        "timeZone": None,
        "origin": "sync",
        "datahubAssetIds": [],
        "updatedAt": created_at,
    }


async def test_meter_assignment(registry: RegistryApi) -> None:
    """The assignment example creates the asset, assigns the meter and stores its reading."""
    created = {"externalAssetId": "ASSET-003", "status": "CREATED", "warnings": []}
    assert await _answer(registry, "meter-assignment") == {"syncBatchId": "batch-003", "results": [created], "errors": []}
    (meter,) = await registry.items("assets/ASSET-003/meters")
    latest = meter.pop("latestReading")
    assert meter == {
        "meterCode": "ODOMETER_KM",
        "unit": "KM",
        "isActive": True,
        "isApplicable": True,
        "equipmentStatus": "EQUIPPED",
        "initialReading": None,
        "installedAt": None,
        "expectedFromSync": True,
        "validationThresholds": None,
        "impliedBy": [],
        "lastSeenInSyncAt": latest["receivedAt"],
        "consecutiveMissingSyncs": 0,
    }
    assert latest.pop("readingId").startswith("reading_")
    assert latest.pop("receivedAt")
    assert latest == {
        "meterCode": "ODOMETER_KM",
        "value": 25000,
        "unit": "KM",
        "recordedAt": "2024-11-18T10:30:00Z",
        "source": "SYNC",
        "status": "NORMAL",
        "note": None,
        "unitId": None,
    }


async def test_current_reading_pattern(registry: RegistryApi) -> None:
    """The telematics example, which has no name, updates a known asset and counts as seen."""
    answer = await _answer(registry, "current-reading", (VEHICLE,))
    assert answer == {"results": [{"externalAssetId": VEHICLE, "status": "UPDATED", "warnings": []}], "errors": []}
    assert (await registry.get(f"assets/{VEHICLE}"))["name"] == "known before"
    (meter,) = await registry.items(f"assets/{VEHICLE}/meters")
    assert (meter["consecutiveMissingSyncs"], meter["lastSeenInSyncAt"] is not None) == (0, True)
    assert meter["latestReading"]["value"] == 25000


async def test_historical_pattern(registry: RegistryApi) -> None:
    """The backfill example stores both readings, creates the assignment, and counts nothing."""
    answer = await _answer(registry, "historical-readings", (VEHICLE,))
    assert answer == {"results": [{"externalAssetId": VEHICLE, "status": "UPDATED", "warnings": []}], "errors": []}
    readings = await registry.items(f"assets/{VEHICLE}/meters/ODOMETER_KM/readings")
    assert [(reading["value"], reading["recordedAt"], reading["status"]) for reading in readings] == [
        (24000, "2024-11-17T10:00:00Z", "NORMAL"),
        (24500, "2024-11-17T18:00:00Z", "NORMAL"),
    ]
    (meter,) = await registry.items(f"assets/{VEHICLE}/meters")
    assert (meter["isActive"], meter["lastSeenInSyncAt"], meter["consecutiveMissingSyncs"]) == (True, None, 0)


async def test_fragments(registry: RegistryApi) -> None:
    """The fragments stand as they are in any asset: history, and each single field of the tables by what it matches."""
    asset = {"externalAssetId": "A", "name": "Pump", **json.loads(fixture("meter-readings.fragment"))}
    answer = await registry.sync({"assets": [asset]})
    ids = {name: answer["results"][0][name] for name in ("assetId", "leaseAssetId")}
    created = {"externalAssetId": "A", "status": "CREATED", "warnings": [], **ids}
    assert answer == {"results": [created], "errors": []}
    assert [reading["value"] for reading in await registry.items("assets/A/meters/ODOMETER_KM/readings")] == [24000, 24500]
    fragments = json.loads(fixture("matching.fragments"))
    first = await registry.put_asset(externalAssetId="P", **fragments["asset"])
    meter = fragments["meter"] | {"validationThresholds": fragments["validationThresholds"]}
    result = await registry.put_asset(
        externalAssetId="Q", **fragments["asset"], **fragments["assetType"], **fragments["site"], meters=[meter]
    )
    assert result == first | {"externalAssetId": "Q", "status": "UPDATED"}
    asset = await registry.get("assets/Q")
    assert (asset["externalAssetId"], asset["aliases"], asset["assetTypeName"], asset["siteCode"]) == (
        "P",
        ["Q"],
        "Pump",
        "SITE-42",
    )
    assert (await registry.items("assets/P/meters"))[0]["validationThresholds"] == {"maxDeltaPerDay": 1000}


async def test_initial_setup_is_stored(assuming: RegistryApi) -> None:
    """After the complete initial setup every field that was sent is there, and the latest reading is the current one."""
    await assuming.sync(fixture("initial-setup.request"))
    asset = await assuming.get(f"assets/{PUMP}")
    sent = json.loads(fixture("initial-setup.request"))["assets"][0]
    meters, history = sent.pop("meters"), sent.pop("meterReadings")
    assert {name: asset[name] for name in sent} == sent
    hours, odometer = await assuming.items(f"assets/{PUMP}/meters")
    assert (hours["initialReading"], odometer["initialReading"]) == (0, 15000)
    assert (odometer["installedAt"], odometer["validationThresholds"]) == ("2020-01-15T00:00:00Z", {"maxDeltaPerDay": 1000})
    readings = await assuming.items(f"assets/{PUMP}/meters/ODOMETER_KM/readings", limit=1)
    assert [reading["value"] for reading in readings] == [*(reading["value"] for reading in history), 25000]
    latest, current = odometer["latestReading"], meters[0]["currentReading"]
    assert {name: latest[name] for name in current} == current
    assert latest == readings[-1]


@pytest.mark.parametrize(
    "name", ["regular-sync", "initial-setup", "all-succeeded", "partial-success", "meter-assignment", "current-reading"]
)
async def test_a_retry_of_an_example_changes_nothing(assuming: RegistryApi, name: str) -> None:
    """Any example sent a second time, an hour later, updates without a change: no history, no reading, no count."""
    await assuming.put_asset(externalAssetId=VEHICLE, name="known before")
    first = await assuming.sync(fixture(f"{name}.request"))
    before = await _state(assuming)
    assuming.api.clock.move(3600)
    second = await assuming.sync(fixture(f"{name}.request"))
    assert [result | {"status": "UPDATED"} for result in first["results"]] == second["results"]
    assert first["errors"] == second["errors"]
    assert await _state(assuming) == before or name == "current-reading"  # without a syncBatchId it is a sync of its own


async def _state(registry: RegistryApi) -> list[Any]:
    """All that can be asked of all assets."""
    state: list[Any] = []
    for asset in await registry.items("assets"):
        path = f"assets/{asset['registryAssetId']}"
        meters = await registry.items(f"{path}/meters")
        state += [asset, meters, await registry.items(f"{path}/history")]
        state += [await registry.items(f"{path}/meters/{meter['meterCode']}/readings") for meter in meters]
    return state

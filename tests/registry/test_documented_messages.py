"""Every message of the documentation's tables, letter for letter, as a request gets it."""

from typing import Any

import pytest

from tests.support.registry import RegistryApi

KM = {"meterCode": "ODOMETER_KM"}
UNKNOWN = {"meterCode": "X"}
SITE = "Site with code 'X' not found, asset will be created without site"
METER = "Meter with exact code 'X' not found. Please create the meter in Admin → Meters → Missing Meters before syncing."
UNIT = "Unit is required for meter 'ODOMETER_KM'. Please specify the unit in your sync payload."
MISMATCH = "Unit mismatch for meter 'ODOMETER_KM': expected 'KM', received '{}'. Reading rejected to prevent data corruption."


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "assets array is required"),
        ({"assets": None}, "assets array is required"),
        ({"assets": {}}, "assets array is required"),
        ({"assets": []}, "assets array cannot be empty"),
        (
            {"assets": [{"externalAssetId": "A", "name": "n"}] * 501},
            "assets array has 501 assets: at most 500 are taken in one request",
        ),
        ({"assets": [{"externalAssetId": "A", "name": "n"}, "A"]}, "each entry of assets must be an object - at $.assets[1]"),
    ],
    ids=["none", "null", "an object", "empty", "too many", "no object in it"],
)
async def test_a_request_that_is_refused(registry: RegistryApi, body: dict[str, Any], message: str) -> None:
    """What is wrong with the request itself is 400 with the documented message, and nothing of it is applied."""
    problem = await registry.refused(400, "assets/sync", method="POST", json=body)
    assert (problem["error"], problem["detail"]) == (message, message)
    assert await registry.items("assets") == []


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "n"}, "externalAssetId is required"),
        ({"externalAssetId": "", "name": "n"}, "externalAssetId is required"),
        ({"externalAssetId": "A"}, "name is required"),
        ({"externalAssetId": "A", "name": ""}, "name is required"),
        (
            {"externalAssetId": "A", "name": "n", "assetTypeName": "X"},
            "Asset type 'X' not found. Please create the asset type in-app before syncing assets.",
        ),
    ],
    ids=["no id", "an empty id", "no name", "an empty name", "an unknown type"],
)
async def test_an_asset_that_fails(registry: RegistryApi, entry: dict[str, Any], message: str) -> None:
    """What is wrong with one asset is its error, in the documented words; it stands in no result, and its sibling goes on."""
    answer = await registry.sync({"assets": [entry, {"externalAssetId": "B", "name": "n"}]})
    assert answer["errors"] == [{"externalAssetId": entry.get("externalAssetId") or None, "message": message, "status": "FAILED"}]
    assert [(result["externalAssetId"], result["status"]) for result in answer["results"]] == [("B", "CREATED")]


@pytest.mark.parametrize(
    ("fields", "warning"),
    [
        ({"siteCode": "X"}, SITE),
        ({"meters": [UNKNOWN]}, METER),
        ({"meterReadings": [{**UNKNOWN, "value": 1, "unit": "KM"}]}, METER),
        ({"meters": [{**KM, "currentReading": {"value": 1}}]}, UNIT),
        ({"meterReadings": [{**KM, "value": 1}]}, UNIT),
        ({"meters": [{**KM, "currentReading": {"value": 1, "unit": "MILES"}}]}, MISMATCH.format("MILES")),
        ({"meterReadings": [{**KM, "value": 1, "unit": "km"}]}, MISMATCH.format("km")),
    ],
    ids=["site", "meter", "meter of a reading", "no unit", "no unit in history", "another unit", "another case"],
)
async def test_an_asset_with_a_warning(registry: RegistryApi, fields: dict[str, Any], warning: str) -> None:
    """What is missing or refused beside the asset is a warning in the documented words: the asset is stored without it."""
    result = await registry.put_asset(**fields)
    assert (result["status"], result["warnings"]) == ("CREATED", [warning])
    asset = await registry.get("assets/A")
    assert asset["siteCode"] is None
    shown = [
        await registry.items(f"assets/A/meters/{meter['meterCode']}/readings")
        for meter in await registry.items("assets/A/meters")
    ]
    assert shown in ([], [[]])
    assert len(await registry.items("missing-meters")) == (warning == METER)


@pytest.mark.parametrize(
    ("known", "status", "result"),
    [
        (False, "ACTIVE", "CREATED"),
        (True, "ACTIVE", "UPDATED"),
        (False, "INACTIVE", "DISABLED"),
        (True, "INACTIVE", "DISABLED"),
        (False, "RETIRED", "DISABLED"),
        (True, "RETIRED", "DISABLED"),
    ],
)
async def test_the_status_of_a_result(registry: RegistryApi, known: bool, status: str, result: str) -> None:
    """CREATED, UPDATED, or DISABLED for whatever is inactivated or retired; the asset has the status that was sent."""
    if known:
        await registry.put_asset()
    assert (await registry.put_asset(status=status))["status"] == result
    assert (await registry.get("assets/A"))["status"] == status

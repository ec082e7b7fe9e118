"""Asking for meters and readings: by time and status, in pages; consumption; and meters that have gone quiet."""

from typing import Any

import pytest

from schemas.wire import parse_time
from tests.support.api import Api
from tests.support.registry import RegistryApi
from tests.support.sync_bodies import FULL_METER, KM, TIME, current, history

READINGS = f"assets/A/meters/{KM}/readings"
CONSUMPTION = f"assets/A/meters/{KM}/consumption"


def _at(day: int, value: object, **fields: object) -> dict[str, object]:
    """A reading at noon of a day of November 2024."""
    return {"meterCode": KM, "value": value, "unit": "KM", "recordedAt": f"2024-11-{day:02}T12:00:00Z", **fields}


async def _series(registry: RegistryApi) -> None:
    """One reading of each status on days of its own: accepted, corrected by another, suspect, not equipped, a duplicate."""
    await registry.put_asset(meters=[{"meterCode": KM, "validationThresholds": {"max": 1000}}], meterReadings=[_at(11, 90)])
    repeated = _at(14, 100.5, recordedAt="2024-11-14T12:00:01Z")
    sent = [_at(10, 50.25), _at(11, 99), _at(12, 5000), _at(13, None, status="NOT_EQUIPPED"), _at(14, 100.5), repeated]
    await registry.put_asset(meterReadings=sent)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [50.25, 99, 5000, None, 100.5]),
        ({"status": "NORMAL"}, [50.25, 99, 100.5]),
        ({"status": "SUSPECT"}, [5000]),
        ({"status": "CORRECTED"}, [90]),
        ({"status": "NOT_EQUIPPED"}, [None]),
        ({"from": "2024-11-11T12:00:00Z"}, [99, 5000, None, 100.5]),
        ({"from": "2024-11-11T12:00:00.000001Z"}, [5000, None, 100.5]),
        ({"to": "2024-11-11T12:00:00Z"}, [50.25]),
        ({"to": "2024-11-11T13:00:00.000001+01:00"}, [50.25, 99]),
        ({"from": "2024-11-11T00:00:00Z", "to": "2024-11-13T00:00:00Z", "status": "SUSPECT"}, [5000]),
        ({"from": "2024-11-13T00:00:00Z", "to": "2024-11-12T00:00:00Z"}, []),
    ],
    ids=str,
)
async def test_readings_by_time_and_status(registry: RegistryApi, asked: dict[str, str], found: list[object]) -> None:
    """Oldest first, duplicates left out, corrected ones only when asked for, between two times; and the same page by page."""
    await _series(registry)
    assert [one["value"] for one in await registry.items(READINGS, **asked)] == found
    assert [one["value"] for one in await registry.items(READINGS, **asked, limit=1)] == found


async def test_a_reading_is_shown_whole(registry: RegistryApi) -> None:
    """Every field of a reading as it was sent, its number to the digit, its time in UTC."""
    reading = (
        b'{"meterCode":"ODOMETER_KM","value":25000.1,"unit":"KM","recordedAt":"2024-11-18T11:30:00.25+01:00",'
        b'"source":"INSPECTION","status":"NORMAL","note":"by hand"}'
    )
    await registry.sync(b'{"assets":[{"externalAssetId":"A","name":"n","meterReadings":[' + reading + b"]}]}")
    (shown,) = await registry.items(READINGS)
    assert shown.pop("readingId").startswith("reading_")
    assert shown == {
        "meterCode": KM,
        "value": 25000.1,
        "unit": "KM",
        "recordedAt": "2024-11-18T10:30:00.250000Z",
        "source": "INSPECTION",
        "status": "NORMAL",
        "note": "by hand",
        "unitId": None,
        "receivedAt": (await registry.get("assets/A"))["createdAt"],
    }
    answer = await registry.api.ask(f"/api/v1/{READINGS}", registry.headers)
    assert b'"value":25000.1,' in answer.content


async def test_readings_of_what_isn_t_there(registry: RegistryApi) -> None:
    """An unknown asset and an unknown meter are 404; a meter of the organization that the asset doesn't have shows nothing."""
    await registry.put_asset()
    assert await registry.items("assets/A/meters/HOURS/readings") == []
    assert await registry.items("assets/A/meters/HOURS/consumption") == []
    assert (await registry.refused(404, "assets/A/meters/NONE/readings"))["error"] == "there is no meter 'NONE'"
    assert (await registry.refused(404, "assets/A/meters/odometer_km/readings"))["error"] == "there is no meter 'odometer_km'"
    assert (await registry.refused(404, f"assets/B/meters/{KM}/readings"))["error"] == "there is no asset 'B'"


async def test_the_meters_of_an_asset(registry: RegistryApi) -> None:
    """Each meter that is assigned, in the order of codes, with every field of its assignment and its latest reading; in pages."""
    await registry.put_asset(meters=[FULL_METER, {"meterCode": "HOURS"}], meterReadings=history(1, 2))
    hours, odometer = await registry.items("assets/A/meters", limit=1)
    (_, latest) = await registry.items(READINGS)
    assert hours == {
        "meterCode": "HOURS",
        "unit": "HOURS",
        "isActive": True,
        "isApplicable": True,
        "equipmentStatus": "UNKNOWN",
        "initialReading": None,
        "installedAt": None,
        "expectedFromSync": False,
        "validationThresholds": None,
        "impliedBy": [],
        "lastSeenInSyncAt": None,
        "consecutiveMissingSyncs": 0,
        "latestReading": None,
    }
    assert odometer == hours | FULL_METER | {"unit": "KM", "installedAt": "2020-01-15T00:00:00Z", "latestReading": latest}


@pytest.mark.parametrize(
    ("granularity", "asked", "found"),
    [
        ("day", {"from": "2024-11-10T00:00:00Z", "to": "2024-11-12T00:00:00Z"}, [("10", 24.375, 0.5, 0), ("11", 24.625, 1.0, 0)]),
        ("day", {"from": "2024-11-12T13:00:00Z", "to": "2024-11-12T14:00:00Z"}, [("12", 0.5, 1.0, 1)]),
        ("month", {"from": "2024-11-01T00:00:00Z", "to": "2024-12-01T00:00:00Z"}, [("01", 50.25, 0.133, 1)]),
    ],
)
async def test_consumption(
    registry: RegistryApi, granularity: str, asked: dict[str, str], found: list[tuple[str, float, float, int]]
) -> None:
    """The differences of accepted readings, shared out over days or months; how much of each is covered, and what is suspect."""
    await _series(registry)
    shown = await registry.items(CONSUMPTION, granularity=granularity, **asked)
    assert {(one["unit"], one["resets"], one["rollovers"]) for one in shown} == {("KM", 0, 0)}
    told = [(one["from"][8:10], one["value"], round(one["coverage"], 3), one["suspect"]) for one in shown]
    assert told == found
    assert [one["to"] for one in shown[:-1]] == [one["from"] for one in shown[1:]]
    assert await registry.items(CONSUMPTION, granularity=granularity, **asked, limit=1) == shown


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"granularity": "week"}, "granularity"),
        ({"from": "2024-11-18"}, "from"),
        ({"from": "2024-11-18T00:00:00Z", "to": "2024-11-17T00:00:00Z"}, "to"),
    ],
    ids=str,
)
async def test_consumption_that_can_t_be_meant(registry: RegistryApi, query: dict[str, str], path: str) -> None:
    """Another granularity, a time that is none, and an end before its start are 400 and name the parameter."""
    await _series(registry)
    problem = await registry.refused(400, CONSUMPTION, params=query)
    assert [fault["path"] for fault in problem["errors"]] == [path]


async def test_meters_that_have_gone_quiet(registry: RegistryApi, api: Api) -> None:
    """Expected meters in use that syncs were silent about, so often or since a time; once seen again they are quiet no more."""

    async def quiet(**asked: str | float) -> list[tuple[str, int]]:
        found = await registry.items("telematics-health", **asked, limit=1)
        return sorted((one["externalAssetId"], one["consecutiveMissingSyncs"]) for one in found)

    expected: list[dict[str, Any]] = [{**current()[0], "expectedFromSync": True}]
    names = ("A", "B", "C", "D")
    for name in names:
        await registry.put_asset(externalAssetId=name, meters=expected)
    seen_at = (await registry.get("assets/A"))["createdAt"]
    assert await quiet() == []
    api.clock.move(3600)
    for name in names:
        await registry.put_asset(externalAssetId=name)
    await registry.put_asset(externalAssetId="B")
    await registry.put_asset(externalAssetId="C", status="RETIRED")
    await registry.put_asset(externalAssetId="D", meters=[{"meterCode": KM, "isApplicable": False}])
    assert await quiet() == [("A", 1), ("B", 2)]
    assert await quiet(minMissing=2) == [("B", 2)]
    assert await quiet(minMissing=3) == []
    assert await quiet(staleSince=seen_at) == []
    api.clock.move(3600)
    await registry.put_asset(externalAssetId="B", meters=current(recordedAt=TIME))
    assert await quiet() == [("A", 1)]
    later = (await registry.items("assets/B/meters"))[0]["lastSeenInSyncAt"]
    assert await quiet(staleSince=later) == [("A", 1)]
    (item,) = await registry.items("telematics-health")
    asset = await registry.get("assets/A")
    assert item == {
        "organizationId": asset["organizationId"],
        "registryAssetId": asset["registryAssetId"],
        "externalAssetId": "A",
        "meterCode": KM,
        "lastSeenInSyncAt": seen_at,
        "consecutiveMissingSyncs": 1,
    }


async def test_readings_that_wait(registry: RegistryApi, api: Api) -> None:
    """A reading of a unit on no asset is shown whole, in its meter's unit, by unit and by meter, in the order of arrival."""
    sent = [
        {"unitId": "tp:2", "meterCode": KM, "value": 12.5, "unit": "KM", "recordedAt": TIME, "note": "by radio"},
        {"unitId": "tp:1", "meterCode": "HOURS", "value": 7, "unit": "HOURS", "recordedAt": TIME, "source": "INSPECTION"},
    ]
    await registry.post("readings/by-unit", {"readings": sent})
    first, second = await registry.items("readings/waiting", limit=1)
    assert await registry.items("readings/waiting", unitId="tp:1") == [second]
    assert await registry.items("readings/waiting", meterCode=KM) == [first]
    assert await registry.items("readings/waiting", unitId="tp:1", meterCode=KM) == []
    assert first.pop("readingId").startswith("reading_")
    assert first == {
        "organizationId": first["organizationId"],
        "unitId": "tp:2",
        "meterCode": KM,
        "value": 12.5,
        "unit": "KM",
        "recordedAt": TIME,
        "source": "SYNC",
        "note": "by radio",
        "receivedAt": first["receivedAt"],
    }
    assert (second["unit"], second["source"], second["note"]) == ("HOURS", "INSPECTION", None)
    assert parse_time(first["receivedAt"], "receivedAt") == api.clock()

"""Missing meters: logged with their context, resolved by hand or by creation, and replayed, so that nothing sent is lost."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from receiver.secret import Secret
from receiver.settings import Settings
from schemas.wire import time_text
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.facts import ORGANIZATION, UNIT, A, B
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import OTHER, pairing, unpairing, wipe
from tests.support.sync_bodies import FULL_METER, TIME, UNKNOWN_METER, mismatch

FUEL = "FUEL"
SENT = {
    **FULL_METER,
    "meterCode": FUEL,
    "currentReading": {"value": 5.5, "unit": "LITRE", "recordedAt": TIME, "note": "full"},
}
HISTORY = [{"meterCode": FUEL, "value": 4, "unit": "LITRE", "recordedAt": "2024-11-17T10:00:00Z", "source": "INSPECTION"}]


async def create(registry: RegistryApi, unit: str = "LITRE", status: int = 201) -> None:
    """The meter exists from now."""
    await registry.put(f"meters/{FUEL}", {"unit": unit}, status)


async def values(registry: RegistryApi, identity: str = "A") -> list[Any]:
    """The readings of the meter."""
    return [one["value"] for one in await registry.items(f"assets/{identity}/meters/{FUEL}/readings")]


async def test_an_attempt_is_logged_with_its_context(registry: RegistryApi) -> None:
    """Who sent what for which asset, in which sync, is listed as it was sent; the asset itself is processed with one warning."""
    result = await registry.sync(
        {
            "syncBatchId": "b1",
            "assets": [{"externalAssetId": "A", "name": "Pump", "meters": [SENT], "meterReadings": HISTORY}],
        }
    )
    assert result["results"][0]["warnings"] == [UNKNOWN_METER.format(FUEL)]
    (attempt,) = await registry.items("missing-meters")
    assert attempt.pop("missingMeterId").startswith("mis_")
    assert attempt.pop("clientId").startswith("cl_")
    assignment = {**FULL_METER, "installedAt": "2020-01-15T00:00:00Z"}
    del assignment["meterCode"]
    assert attempt == {
        "organizationId": ORGANIZATION,
        "meterCode": FUEL,
        "syncType": "ASSIGNMENT",
        "state": "open",
        "registryAssetId": result["results"][0]["assetId"],
        "externalAssetId": "A",
        "assetName": "Pump",
        "unitId": None,
        "syncBatchId": "b1",
        "receivedAt": time_text(registry.api.clock()),
        "resolvedAt": None,
        "resolvedBy": None,
        "replayedAt": None,
        "assignment": assignment,
        "readings": [
            {"value": 5.5, "unit": "LITRE", "recordedAt": TIME, "source": "SYNC", "status": "NORMAL", "note": "full"},
            {
                "value": 4,
                "unit": "LITRE",
                "recordedAt": "2024-11-17T10:00:00Z",
                "source": "INSPECTION",
                "status": "NORMAL",
                "note": None,
            },
        ],
    }


async def test_attempts_are_one_for_each_asset_and_meter_of_a_sync(registry: RegistryApi) -> None:
    """History alone is of type READINGS; a retry logs nothing again, another sync does; newest first, page by page."""
    body = {
        "syncBatchId": "b",
        "assets": [
            {"externalAssetId": "A", "name": "n", "meterReadings": HISTORY},
            {"externalAssetId": "B", "name": "n", "meters": [SENT, {"meterCode": "OTHER"}]},
        ],
    }
    await registry.sync(body)
    await registry.sync(body)
    told = [
        (one["externalAssetId"], one["meterCode"], one["syncType"]) for one in await registry.items("missing-meters", limit=1)
    ]
    assert told == [("B", "OTHER", "ASSIGNMENT"), ("B", FUEL, "ASSIGNMENT"), ("A", FUEL, "READINGS")]
    await registry.sync(body | {"syncBatchId": "c"})
    assert len(await registry.items("missing-meters", meterCode="OTHER")) == 2
    assert await registry.items("missing-meters", meterCode="other") == []


async def test_resolving_by_hand(registry: RegistryApi) -> None:
    """An attempt is resolved once, by whoever did it; it can be replayed later all the same."""
    await registry.put_asset(meterReadings=HISTORY)
    (attempt,) = await registry.items("missing-meters", state="open")
    resolved = await registry.post(f"missing-meters/{attempt['missingMeterId']}/resolve")
    assert (resolved["state"], resolved["resolvedBy"]) == ("resolved", attempt["clientId"])
    await registry.refused(409, f"missing-meters/{attempt['missingMeterId']}/resolve", method="POST")
    assert await registry.items("missing-meters", state="open") == []
    assert await registry.items("missing-meters", state="resolved") == [resolved]
    await create(registry)
    assert (await registry.post(f"missing-meters/{attempt['missingMeterId']}/replay"))["readings"] == 1
    assert await values(registry) == [4]


async def test_creating_the_meter_resolves_its_attempts(registry: RegistryApi) -> None:
    """All attempts on exactly that code are resolved at once, by whoever created the meter, and none is applied by itself."""
    await registry.put_asset(meters=[SENT, {**SENT, "meterCode": "fuel"}])
    await create(registry)
    assert [one["meterCode"] for one in await registry.items("missing-meters", state="open")] == ["fuel"]
    (resolved,) = await registry.items("missing-meters", state="resolved")
    assert (resolved["resolvedBy"], resolved["replayedAt"]) == (resolved["clientId"], None)
    assert await registry.items("assets/A/meters") == []


async def test_replay_applies_what_was_held_back(registry: RegistryApi) -> None:
    """Assignment and readings are there as if the meter had existed, but counted as seen by no sync; twice is once."""
    await registry.put_asset(meters=[SENT], meterReadings=HISTORY)
    (attempt,) = await registry.items("missing-meters")
    path = f"missing-meters/{attempt['missingMeterId']}/replay"
    await registry.refused(409, path, method="POST")
    received = attempt["receivedAt"]
    registry.api.clock.move(60)
    await create(registry)
    replayed = await registry.post(path)
    assert replayed == {
        "missingMeterId": attempt["missingMeterId"],
        "replayed": True,
        "registryAssetId": attempt["registryAssetId"],
        "readings": 2,
        "warnings": [],
    }
    (meter,) = await registry.items("assets/A/meters")
    for name, value in attempt["assignment"].items():
        assert meter[name] == value
    assert (meter["lastSeenInSyncAt"], meter["consecutiveMissingSyncs"]) == (None, 0)
    assert (meter["latestReading"]["value"], meter["latestReading"]["receivedAt"]) == (5.5, received)
    assert await values(registry) == [4, 5.5]
    assert (await registry.get("missing-meters"))["items"][0]["replayedAt"] == time_text(registry.api.clock())
    (change, _) = await registry.items("assets/A/history")
    assert {one["meterCode"] for one in change["changes"]} == {FUEL}
    registry.api.clock.move(60)
    await registry.put_asset(meters=[{"meterCode": FUEL, "isActive": None}])
    assert (await registry.post(path))["warnings"] == []
    assert await values(registry) == [4, 5.5]
    assert (await registry.items("assets/A/meters"))[0]["isActive"] is True


async def test_what_came_since_stands(registry: RegistryApi) -> None:
    """Fields and readings that a sync has brought since then are not overwritten by a replay."""
    await registry.put_asset(meters=[SENT])
    (attempt,) = await registry.items("missing-meters")
    await create(registry)
    await registry.put_asset(
        meters=[
            {
                "meterCode": FUEL,
                "isActive": True,
                "currentReading": {"value": 7, "unit": "LITRE", "recordedAt": TIME},
            }
        ]
    )
    await registry.post(f"missing-meters/{attempt['missingMeterId']}/replay")
    (meter,) = await registry.items("assets/A/meters")
    assert (meter["isActive"], meter["isApplicable"], meter["latestReading"]["value"]) == (True, False, 7)
    corrected = await registry.items(f"assets/A/meters/{FUEL}/readings", status="CORRECTED")
    assert [one["value"] for one in corrected] == [5.5]


async def test_readings_refused_for_their_unit_stay_held_back(registry: RegistryApi) -> None:
    """A meter created with another unit takes none of them; once its unit is right a second replay does."""
    await registry.put_asset(meters=[SENT])
    (attempt,) = await registry.items("missing-meters")
    path = f"missing-meters/{attempt['missingMeterId']}/replay"
    await create(registry, "GALLON")
    replayed = await registry.post(path)
    assert (replayed["replayed"], replayed["readings"]) == (False, 0)
    assert replayed["warnings"] == [mismatch("GALLON", "LITRE", FUEL)]
    await create(registry, status=200)
    assert (await registry.post(path))["replayed"] is True
    assert await values(registry) == [5.5]


@pytest.mark.parametrize("way", ["in one call", "page by page", "oldest first", "newest first"])
async def test_of_several_attempts_the_latest_word_counts(registry: RegistryApi, way: str) -> None:
    """However attempts on one asset are replayed, each field is as if the meter had existed all the time, cleared ones too."""
    for said in (
        {"isActive": False, "initialReading": 1, "equipmentStatus": "EQUIPPED", "isApplicable": False},
        {"isActive": True, "initialReading": 2, "expectedFromSync": True},
        {"initialReading": None, "equipmentStatus": "NOT_EQUIPPED"},
    ):
        await registry.put_asset(meters=[{"meterCode": FUEL, **said}])
        await registry.put_asset(externalAssetId="B", meters=[{"meterCode": FUEL, "isActive": False}])
    await create(registry)
    attempts = await registry.items("missing-meters")
    if way == "in one call":
        await registry.post("missing-meters/replay", {"meterCode": FUEL})
    elif way == "page by page":
        for _ in attempts:
            await registry.post("missing-meters/replay", {"meterCode": FUEL, "limit": 1})
    else:
        for attempt in reversed(attempts) if way == "oldest first" else attempts:
            await registry.post(f"missing-meters/{attempt['missingMeterId']}/replay")
    (meter,) = await registry.items("assets/A/meters")
    expected = {
        "isActive": True,
        "initialReading": None,
        "expectedFromSync": True,
        "equipmentStatus": "NOT_EQUIPPED",
        "isApplicable": False,
    }
    assert {name: meter[name] for name in expected} == expected
    (meter,) = await registry.items("assets/B/meters")
    assert meter["isActive"] is False


async def test_fields_are_applied_once_while_readings_wait(registry: RegistryApi) -> None:
    """A replay that refuses a reading has applied the assignment: what was taken back since then doesn't come again."""
    await registry.put_asset(meters=[SENT])
    await create(registry, "GALLON")
    for _ in range(2):
        (replayed,) = (await registry.post("missing-meters/replay", {"meterCode": FUEL}))["items"]
        assert replayed["replayed"] is False
        await registry.put_asset(meters=[{"meterCode": FUEL, "isActive": None}])
    await create(registry, status=200)
    await registry.post("missing-meters/replay", {"meterCode": FUEL})
    assert await values(registry) == [5.5]
    (meter,) = await registry.items("assets/A/meters")
    assert (meter["isActive"], meter["isApplicable"]) == (True, False)
    (attempt,) = await registry.items("missing-meters")
    assert attempt["assignment"]["isActive"] is False


async def test_all_attempts_on_a_meter_in_one_call(registry: RegistryApi) -> None:
    """What many syncs sent in vain is applied in the order in which it came, in pages, and only once."""
    await registry.refused(404, "missing-meters/replay", method="POST", json={"meterCode": FUEL})
    for number in range(3):
        for identity in "AB":
            reading = {"meterCode": FUEL, "value": number, "unit": "LITRE", "recordedAt": f"2024-11-1{number}T00:00:00Z"}
            await registry.put_asset(externalAssetId=identity, meterReadings=[reading])
    await create(registry)
    page = await registry.post("missing-meters/replay", {"meterCode": FUEL, "limit": 4})
    assert [one["readings"] for one in page["items"]] == [1] * 4
    rest = await registry.post("missing-meters/replay", {"meterCode": FUEL, "cursor": page["nextCursor"]})
    assert (len(rest["items"]), rest["nextCursor"]) == (2, None)
    assert await values(registry, "A") == await values(registry, "B") == [0, 1, 2]
    assert (await registry.post("missing-meters/replay", {"meterCode": FUEL}))["items"] == []


async def test_readings_of_units_are_held_back_too(registry: RegistryApi) -> None:
    """By unit there is no asset yet; a replay keeps the reading as the unit's, attributed or waiting."""
    reading = {"unitId": UNIT, "meterCode": FUEL, "value": 1, "unit": "LITRE", "recordedAt": "2025-06-01T00:00:00Z"}
    await registry.post("readings/by-unit", {"readings": [reading]})
    (attempt,) = await registry.items("missing-meters")
    assert (attempt["unitId"], attempt["registryAssetId"], attempt["syncType"]) == (UNIT, None, "READINGS")
    await create(registry)
    path = f"missing-meters/{attempt['missingMeterId']}/replay"
    assert (await registry.post(path))["registryAssetId"] is None
    await registry.post(path)
    (waiting,) = await registry.items("readings/waiting")
    assert (waiting["value"], waiting["receivedAt"]) == (1, attempt["receivedAt"])
    assert await registry.items("units") == []


async def test_an_inspection_by_unit_that_was_replayed_stays(registry: RegistryApi) -> None:
    """What a replay took to wait is told as taken by the next, though its asset has been retired since; a new one is refused."""
    late = time_text(registry.api.clock() + 60_000_000)
    reading = {"unitId": UNIT, "meterCode": FUEL, "value": 1, "unit": "LITRE", "recordedAt": late, "source": "INSPECTION"}
    for _ in range(2):
        await registry.post("readings/by-unit", {"readings": [reading]})
    newest, oldest = (one["missingMeterId"] for one in await registry.items("missing-meters"))
    await create(registry)
    await registry.post(f"missing-meters/{oldest}/replay")
    await registry.put_asset()
    await registry.api.events(pairing(1))
    await registry.put(f"assets/A/datahub-assets/{A}", status=200)
    await registry.put_asset(status="RETIRED")
    again = await registry.post(f"missing-meters/{oldest}/replay")
    assert (again["readings"], again["warnings"], again["replayed"]) == (1, [], True)
    refused = await registry.post(f"missing-meters/{newest}/replay")
    assert (refused["readings"], len(refused["warnings"])) == (0, 1)
    assert await values(registry) == [1]


@pytest_asyncio.fixture
async def implying(
    registry_url: str,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[RegistryApi]:
    """A client where units of type tp deliver two meters, of which one exists."""
    settings = Settings(operator_secret=Secret(OPERATOR_SECRET), unit_meters={"tp": ("ODOMETER_KM", FUEL), "krone": (FUEL,)})
    async with running_api(registry_url, settings) as running:
        await wipe(running.store)
        yield await registry_api(running)


async def test_what_pairings_imply_shows_for_as_long_as_it_is_so(implying: RegistryApi) -> None:
    """A meter that units on assets would deliver is missing with type PAIRING until it exists or no such unit is on an asset."""
    registry = implying
    assert await registry.items("missing-meters") == []
    await registry.api.events(pairing(1, A), pairing(1, B, "krone:1"), pairing(1, B, "other:1"), number=1)
    await registry.put_asset(meterReadings=HISTORY)
    (implied, attempt) = await registry.items("missing-meters", limit=1)
    assert (attempt["syncType"], attempt["externalAssetId"]) == ("READINGS", "A")
    assert {name: value for name, value in implied.items() if value not in (None, [])} == {
        "organizationId": ORGANIZATION,
        "meterCode": FUEL,
        "syncType": "PAIRING",
        "state": "open",
        "units": 2,
    }
    assert await registry.items("missing-meters", state="resolved") == []
    assert await registry.items("missing-meters", meterCode="OTHER") == []
    await registry.api.events(unpairing(2, A), unpairing(2, B, "krone:1"), number=2)
    assert [one["syncType"] for one in await registry.items("missing-meters")] == ["READINGS"]
    await registry.api.events(pairing(3, A), number=3)
    assert len(await registry.items("missing-meters")) == 2
    await create(registry)
    assert [one["syncType"] for one in await registry.items("missing-meters")] == ["READINGS"]


async def test_whose_missing_meters_they_are(api: Api) -> None:
    """Another organization sees none; resolving and replaying need `sync`; an id that is none is 404."""
    registry = await registry_api(api)
    await registry.put_asset(meterReadings=HISTORY)
    (attempt,) = await registry.items("missing-meters")
    stranger = await registry_api(api, OTHER)
    assert await stranger.items("missing-meters") == []
    path = f"missing-meters/{attempt['missingMeterId']}"
    for action in ("resolve", "replay"):
        await stranger.refused(404, f"{path}/{action}", method="POST")
        await registry.refused(404, f"missing-meters/mis_1/{action}", method="POST")
        await registry.refused(404, f"missing-meters/nonsense/{action}", method="POST")
        reader = await api.credentials(ORGANIZATION, "read")
        await api.refused(403, f"/api/v1/{path}/{action}", reader, method="POST")
    assert len(await api.items("/api/v1/missing-meters")) == 1


@pytest.mark.parametrize("body", [{}, {"meterCode": FUEL, "limit": 0}, {"meterCode": FUEL, "more": 1}])
async def test_a_replay_that_is_none_is_refused(registry: RegistryApi, body: object) -> None:
    """A replay names its meter, a limit from 1 to 1000, and nothing else."""
    await registry.refused(400, "missing-meters/replay", method="POST", json=body)

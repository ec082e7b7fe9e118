"""What pairings imply for the meters of assets: expectations that follow a unit, and meters that are missing for it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from receiver.secret import Secret
from receiver.settings import Settings
from tests.registry.test_links import SECOND, VIN, event, tell
from tests.support.api import OPERATOR_SECRET, running_api
from tests.support.facts import UNIT, A, B
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import wipe

KM, TEMPERATURE = "ODOMETER_KM", "TEMPERATURE"


@pytest_asyncio.fixture
async def registry(
    registry_url: str,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> AsyncIterator[RegistryApi]:
    """A registry in which units of type tp deliver a meter that exists, and one that doesn't."""
    settings = Settings(operator_secret=Secret(OPERATOR_SECRET), unit_meters={"tp": (KM, TEMPERATURE)})
    async with running_api(registry_url, settings) as api:
        await wipe(api.store)
        yield await registry_api(api)


async def meters(registry: RegistryApi, ref: str) -> dict[str, tuple[Any, ...]]:
    """What holds of each meter of an asset."""
    return {
        one["meterCode"]: (one["equipmentStatus"], one["expectedFromSync"], one["impliedBy"])
        for one in await registry.items(f"assets/{ref}/meters")
    }


async def quiet(registry: RegistryApi, **asked: str | float) -> list[tuple[str, int]]:
    """The meters that have gone quiet."""
    found = await registry.items("telematics-health", **asked)
    return [(one["externalAssetId"], one["consecutiveMissingSyncs"]) for one in found]


async def missing(registry: RegistryApi) -> list[tuple[str, str]]:
    """The meters that are missing, and why."""
    return [(one["meterCode"], one["syncType"]) for one in await registry.items("missing-meters")]


async def test_expectations_follow_the_unit(registry: RegistryApi) -> None:
    """A meter is implied while its unit is on the asset, and goes with it to another; silence of it counts only so long."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await registry.put_asset(externalAssetId="T2", serial=SECOND)
    await tell(registry, event("paired", 1))
    assert await meters(registry, "T1") == {KM: ("EQUIPPED", True, [UNIT])}
    assert await meters(registry, "T2") == {}
    await registry.put_asset(externalAssetId="T1")
    assert await quiet(registry) == [("T1", 1)]
    await tell(registry, event("paired", 2, B, SECOND))
    assert await meters(registry, "T1") == {}
    assert await meters(registry, "T2") == {KM: ("EQUIPPED", True, [UNIT])}
    assert await quiet(registry) == []
    await tell(registry, event("unpaired", 3, B, SECOND))
    assert await meters(registry, "T2") == {}


async def test_what_a_sync_said_outweighs_what_pairings_imply(registry: RegistryApi) -> None:
    """Explicit fields stay as they were said, whatever comes and goes; null gives way to what is implied."""
    said = {"meterCode": KM, "equipmentStatus": "NOT_EQUIPPED", "expectedFromSync": False}
    await registry.put_asset(externalAssetId="T1", serial=VIN, meters=[said])
    await tell(registry, event("paired", 1))
    assert await meters(registry, "T1") == {KM: ("NOT_EQUIPPED", False, [UNIT])}
    await registry.put_asset(externalAssetId="T1", meters=[{**said, "expectedFromSync": None}])
    assert await meters(registry, "T1") == {KM: ("NOT_EQUIPPED", True, [UNIT])}
    await tell(registry, event("unpaired", 2))
    assert await meters(registry, "T1") == {KM: ("NOT_EQUIPPED", False, [])}


async def test_a_meter_is_missing_as_long_as_a_pairing_implies_it(registry: RegistryApi) -> None:
    """It shows with sync type PAIRING until it exists, or no unit that delivers it is on an asset."""
    assert await missing(registry) == []
    await tell(registry, event("paired", 1))
    assert await missing(registry) == [(TEMPERATURE, "PAIRING")]
    await tell(registry, event("unpaired", 2))
    assert await missing(registry) == []
    await tell(registry, event("paired", 3))
    assert await missing(registry) == [(TEMPERATURE, "PAIRING")]
    await registry.put(f"meters/{TEMPERATURE}", {"unit": "C"})
    assert await missing(registry) == []
    assert set(await meters(registry, A)) == {KM, TEMPERATURE}


async def test_an_implied_meter_is_quiet_before_any_sync(registry: RegistryApi) -> None:
    """Asked since when a meter was silent, one is told that a pairing implies and that was never heard of, while it is so."""
    late = {"staleSince": "2030-01-01T00:00:00Z"}
    for identity, serial in (("T1", VIN), ("T2", SECOND)):
        await registry.put_asset(externalAssetId=identity, serial=serial)
    assert await quiet(registry, **late) == []
    await tell(registry, event("paired", 1), event("paired", 1, B, SECOND, unit_id="tp:2"))
    assert sorted(await quiet(registry, **late)) == [("T1", 0), ("T2", 0)]
    assert sorted(await quiet(registry, **late, limit=1)) == [("T1", 0), ("T2", 0)]
    assert await quiet(registry) == await quiet(registry, **late, minMissing=1) == []
    await registry.put_asset(externalAssetId="T1", meters=[{"meterCode": KM, "expectedFromSync": False}])
    assert await quiet(registry, **late) == [("T2", 0)]
    reading = {"meterCode": KM, "value": 1, "unit": "km", "recordedAt": "2025-05-13T00:00:00Z"}
    await registry.put_asset(externalAssetId="T2", meterReadings=[reading])
    assert await quiet(registry, **late) == [("T2", 0)]
    await registry.put_asset(externalAssetId="T2", status="INACTIVE")
    assert await quiet(registry, **late) == []
    await registry.put_asset(externalAssetId="T2", status="ACTIVE")
    await tell(registry, event("unpaired", 2, B, SECOND, unit_id="tp:2"))
    assert await quiet(registry, **late) == []


async def test_what_was_provisional_is_not_missed(registry: RegistryApi) -> None:
    """What a sync said of a provisional asset counts while it stands for its Datahub asset, and no more once another does."""
    await registry.put_asset(externalAssetId="T1")
    await tell(registry, event("paired", 1))
    said = {"meterCode": KM, "expectedFromSync": True}
    await registry.put_asset(externalAssetId=f"datahub:{A}", meters=[said])
    await registry.put_asset(externalAssetId=f"datahub:{A}")
    assert [name for name, _ in await quiet(registry)] == [f"datahub:{A}"]
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    assert await quiet(registry) == []
    await registry.put_asset(externalAssetId="T1")
    assert [name for name, _ in await quiet(registry)] == ["T1"]

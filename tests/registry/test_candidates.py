"""Candidates of cases: found in the registry on reading, and told when the best of them changes."""

from typing import Any

from handlers.rescoring import announce_candidates
from schemas.events import Payload
from schemas.facts import Meaning
from tests.registry.test_links import VIN, event, tell
from tests.support.facts import ORGANIZATION, UNIT, A, B, event_of, minute
from tests.support.registry import RegistryApi

SUFFIX = VIN[-9:]


def failed(at: float, sensor_vin: str | None = SUFFIX, *named: str, unit_id: str = UNIT) -> dict[str, Any]:
    """An entry of a batch: a pairing that failed, with what the sensor says and the assets that Datahub names."""
    meaning = Meaning("MultipleMatchFound" if named else "NotFound", sensor_vin=sensor_vin, candidate_asset_ids=named)
    return event_of(Payload(ORGANIZATION, unit_id, "failed", minute(at), None, meaning), 2)


async def case(registry: RegistryApi, unit_id: str = UNIT) -> dict[str, Any]:
    """The only case of a unit."""
    (only,) = await registry.items("cases", unitId=unit_id)
    assert isinstance(only, dict)
    return only


async def announced(registry: RegistryApi) -> list[tuple[str | None, str | None]]:
    """What the next look at open cases tells: the suggestion and the best candidate's advice of each case."""
    cursor = (await registry.get("changes"))["nextCursor"]
    await announce_candidates(registry.api.store, registry.api.clock())
    items = (await registry.get("changes", after=cursor))["items"]
    assert {item["type"] for item in items} <= {"case.updated"}
    return [
        (item["data"]["suggestion"], item["data"]["candidates"][0]["advice"] if item["data"]["candidates"] else None)
        for item in items
    ]


async def test_the_asset_with_the_vin_is_suggested(registry: RegistryApi) -> None:
    """A case lists assets that its sensor's VIN could mean, with the Datahub asset that each is; a clear one is suggested."""
    asset_id = (await registry.put_asset(externalAssetId="T1", serial=VIN))["assetId"]
    await tell(registry, event("paired", 0, A, unit_id="krone:1"))
    await tell(registry, failed(1))
    found = await case(registry)
    assert found["suggestion"] == asset_id
    (best,) = found["candidates"]
    assert (best["registryAssetId"], best["assetId"], best["vin"]) == (asset_id, A, VIN)
    assert (best["tier"], best["score"], best["advice"], best["named"]) == ("suffix", 0.92, "suggest", False)
    assert (await registry.get(f"units/{UNIT}"))["case"]["suggestion"] == asset_id


async def test_an_asset_that_has_such_a_unit_is_not_suggested(registry: RegistryApi) -> None:
    """Another unit of the same type on the asset stands against it; one of another type doesn't."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await tell(registry, event("paired", 0, A, unit_id="tp:2"), failed(1), failed(1, unit_id="krone:1"))
    found = await case(registry)
    assert (found["suggestion"], found["candidates"][0]["advice"]) == (None, "review")
    assert "another unit of the same type" in found["candidates"][0]["explanation"]
    assert (await case(registry, "krone:1"))["candidates"][0]["advice"] == "suggest"


async def test_named_assets_are_listed_with_what_the_registry_knows_of_them(registry: RegistryApi) -> None:
    """What Datahub named is marked, whether the registry holds it or not; provisional assets are never found by VIN."""
    await tell(registry, event("paired", 0, A, unit_id="krone:1"))
    await tell(registry, failed(1, SUFFIX), failed(2, SUFFIX, A, B, unit_id="tp:2"))
    assert (await case(registry))["candidates"] == []
    provisional = (await registry.get(f"assets/{A}"))["registryAssetId"]
    found = (await case(registry, "tp:2"))["candidates"]
    assert [(one["registryAssetId"], one["assetId"], one["tier"], one["named"]) for one in found] == [
        (provisional, A, "suffix", True),
        (None, B, "named", True),
    ]


async def test_a_case_is_told_when_its_best_candidate_changes(registry: RegistryApi) -> None:
    """An asset that arrives, is taken by another unit, is free again, and loses its VIN: each is told once, and nothing else."""
    await tell(registry, failed(1))
    assert await announced(registry) == []
    asset_id = (await registry.put_asset(externalAssetId="T1", serial=VIN))["assetId"]
    assert await announced(registry) == [(asset_id, "suggest")]
    assert await announced(registry) == []
    await registry.put_asset(externalAssetId="T1", description="nothing new")
    await registry.put_asset(externalAssetId="T9", serial="WDB96340310500042")
    assert await announced(registry) == []
    await tell(registry, event("paired", 2, unit_id="tp:2"))
    assert await announced(registry) == [(None, "review")]
    await tell(registry, event("unpaired", 3, unit_id="tp:2"))
    assert await announced(registry) == [(asset_id, "suggest")]
    await registry.put_asset(externalAssetId="T1", serial=None)
    assert await announced(registry) == [(None, None)]
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await tell(registry, event("paired", 4))
    assert await announced(registry) == []

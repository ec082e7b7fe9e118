"""Rebuild of the registry: what is derived comes back whatever was lost or changed, and the digest tells."""

from itertools import count

import pytest

from handlers import asset_sync
from handlers.links import link_explicitly
from handlers.ports import Transaction
from handlers.rebuild import Rebuilt, digest, rebuild
from handlers.registry import Actor, begin
from tests.support.api import running_api
from tests.support.facts import ORGANIZATION, UNIT, A, minute
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import dump, execute, pairing, wipe
from tests.support.sync_bodies import FULL_METER, current, history

KM = "ODOMETER_KM"
DERIVED = ("readings", "series", "unit_readings", "asset_meters", "assets", "asset_links", "datahub_assets")
NO_READINGS = """
INSERT INTO series (organization_id, asset_id, meter_code, last_at_us)
SELECT organization_id, asset_id, 'HOURS', 1 FROM assets
"""
STRAYS = """
INSERT INTO readings (organization_id, asset_id, meter_code, at_us, reading_no, value, source, unit_id, received_at_us, mark,
                      shown)
SELECT organization_id, asset_id, meter_code, at_us + 1, reading_no + 1, value, source, 'tp:stray', received_at_us, mark, shown
FROM readings
WHERE unit_id IS NOT NULL
"""
DAMAGES = {
    "marks changed": ["UPDATE readings SET mark = 'SUSPECT', shown = 0, reason = 'why not'"],
    "marks forgotten": ["UPDATE readings SET mark = 'NORMAL', shown = 1, reason = NULL"],
    "series lost": ["DELETE FROM series"],
    "series wrong": ["UPDATE series SET last_at_us = last_at_us + 1, latest_no = NULL, latest_at_us = NULL, newest_value = '7'"],
    "a series without readings": [NO_READINGS],
    "attributions forgotten": ["UPDATE unit_readings SET asset_id = NULL"],
    "attributions wrong": ["UPDATE unit_readings SET asset_id = 'asset_elsewhere'"],
    "attributed readings lost": ["DELETE FROM readings WHERE unit_id IS NOT NULL"],
    "attributed readings changed": ["UPDATE readings SET value = '1', note = 'mine' WHERE unit_id IS NOT NULL"],
    "stray readings of units": [STRAYS],
    "expectations turned round": ["UPDATE asset_meters SET expected = 1 - expected"],
    "links lost": ["DELETE FROM asset_links"],
    "links wrong": ["UPDATE asset_links SET asset_id = (SELECT min(asset_id) FROM assets WHERE external_asset_id <> 'C')"],
    "VINs of Datahub assets wrong": ["UPDATE datahub_assets SET vin = 'X', vin_key = 'X'"],
    "VINs lost": ["UPDATE assets SET vin = NULL"],
    "VINs wrong": ["UPDATE assets SET vin = 'WDB96340310500042'"],
}


async def lived_in(registry: RegistryApi) -> None:
    """A registry with a bit of everything: duplicates, corrections, suspects, readings of units that stand and that wait."""
    await registry.put_asset(
        serial="1HGCM82633A000001",
        meters=[{**FULL_METER, "isActive": True, "isApplicable": True, **current(25000)[0]}],
        meterReadings=history(10, 10, 2000, 5),
    )
    await registry.put_asset(externalAssetId="B", meters=current(None, status="NOT_EQUIPPED"))
    await registry.put_asset(externalAssetId="C", meters=[{"meterCode": KM, "validationThresholds": {"max": 3}}])
    corrected = history(4)[0]
    await registry.put_asset(meterReadings=[corrected, corrected | {"value": 11}])
    asset_id = (await registry.get("assets/C"))["registryAssetId"]

    async def link(tx: Transaction) -> None:
        await link_explicitly(tx, await begin(tx, ORGANIZATION, Actor("client", "a test"), minute(0)), A, asset_id)

    await registry.api.store.write(link)
    await registry.api.events(pairing(10))
    readings = [
        {"unitId": UNIT, "meterCode": KM, "value": number, "unit": "KM", "recordedAt": f"2025-05-12T22:{number:02}:00Z"}
        for number in range(28, 34)
    ] + [{"unitId": UNIT, "meterCode": KM, "value": 2, "unit": "KM", "recordedAt": "2025-05-12T22:40:00Z"}]
    await registry.post("readings/by-unit", {"readings": readings})


async def rebuilt(registry: RegistryApi) -> Rebuilt:
    """What a rebuild finds."""
    return await rebuild(registry.api.store, lambda: minute(1_000_000))


async def test_nothing_is_wrong_with_what_is_lived_in(registry: RegistryApi) -> None:
    """A rebuild of a registry changes nothing and finds the same digest."""
    await lived_in(registry)
    before = await dump(registry.api.store, *DERIVED)
    done = await rebuilt(registry)
    assert (done.registry_mended, done.series) == (0, 3)
    assert done.digest_before == done.digest_after
    assert await dump(registry.api.store, *DERIVED) == before


@pytest.mark.parametrize("damage", DAMAGES)
async def test_whatever_is_damaged_comes_back(registry: RegistryApi, damage: str) -> None:
    """Every derived table and column is set right, the digest with it, and a second rebuild finds nothing."""
    await lived_in(registry)
    right = await digest(registry.api.store)
    before = await dump(registry.api.store, *DERIVED)
    await execute(registry.api.store, *DAMAGES[damage])
    done = await rebuilt(registry)
    assert done.registry_mended > 0
    assert await dump(registry.api.store, *DERIVED) == before
    assert done.digest_after == right
    assert done.digest_before != right
    assert (await rebuilt(registry)).registry_mended == 0


async def test_pairings_come_back_before_what_hangs_on_them(registry: RegistryApi) -> None:
    """Where pairings were lost, the readings of units follow those that the rebuild brings back."""
    await lived_in(registry)
    right = await digest(registry.api.store)
    await execute(registry.api.store, "DELETE FROM pairings", "DELETE FROM units")
    done = await rebuilt(registry)
    assert (done.mended, done.digest_after) == (1, right)


async def test_the_digest_is_the_same_on_either_engine(
    registry_sqlite_url: str,
    registry_postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
    without_waiting: None,  # noqa: ARG001 - for its effect
) -> None:
    """The same syncs, events and readings give the same digest, once their ids are the same."""
    digests = set()
    for url, restart in (
        (registry_sqlite_url, "UPDATE counters SET value = 1000 WHERE name = 'commit'"),
        (registry_postgres_url, "SELECT setval('commit_ids', 1000)"),
    ):
        numbers = count(1)
        monkeypatch.setattr(asset_sync, "new_asset_id", lambda numbers=numbers: f"asset_{next(numbers):022x}")
        async with running_api(url) as api:
            await wipe(api.store)
            await execute(api.store, restart)
            await lived_in(await registry_api(api))
            digests.add(await digest(api.store))
    assert len(digests) == 1

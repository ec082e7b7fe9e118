"""Providers pulled into a real store, on both engines: their assets and meters, and runs as a whole."""

import asyncio
from typing import Any

import msgspec
import pytest

from receiver.pull import store_sink
from schemas.events import Payload
from schemas.facts import Meaning
from schemas.provider_views import RunView
from storage.store import DatabaseStore
from tests.pull.stored import METERS, STANDS, Api, assigned, pulling, series, stand, sync
from tests.pull.support import VEHICLES
from tests.pull.wiremock import WireMock, gives
from tests.support.facts import A, B, body_of, event_of, minute
from tests.support.pulling import Pulling, counts, of
from tests.support.store import deliver, rows


async def test_assets_and_meters_are_the_registrys(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """An asset is `provider:id` with its serial and zone, a meter is the organization's with type and unit, on its asset."""
    vehicles = VEHICLES | {"fields": VEHICLES["fields"] | {"serial": "vin", "address": "place"}, "metadata": {"depot": "depot"}}  # type: ignore[operator]
    pull = pulling(store, wiremock, vehicles=vehicles, meters=METERS)
    api.vehicles("V1", vin="WDB9634031L736216", place="Kai 4", depot="HH")
    api.meters(("M1", "V1"))
    view = await pull.run()
    assert (view.status, counts(view, "vehicles"), counts(view, "meters")) == ("succeeded", (1, 0, 0, 0), (1, 0, 0, 0))
    asset = await pull.asset("V1")
    assert (asset.name, asset.serial, asset.origin, asset.time_zone) == (
        "Truck V1",
        "WDB9634031L736216",
        "provider",
        "Europe/Berlin",
    )
    assert asset.metadata == {"address": "Kai 4", "depot": "HH"}
    meters = await rows(store, "SELECT organization_id, code, unit, type, subtype FROM meters")
    assert meters == [(pull.key.organization_id, "fleet:M1", "kWh", "Energy", None)]
    assert await assigned(pull, "V1") == {"fleet:M1": True}
    assert counts(await pull.run(), "vehicles") == (0, 0, 1, 0)
    api.vehicles("V1", place="Kai 5")
    view = await pull.run()
    changed = await pull.asset("V1")
    assert counts(view, "vehicles") == (0, 1, 0, 0)
    assert (changed.serial, changed.metadata, changed.registry_asset_id) == (None, {"address": "Kai 5"}, asset.registry_asset_id)
    actors = await rows(store, "SELECT actor_kind, actor FROM asset_history ORDER BY change_no")
    assert actors[0] == ("provider", f"fleet run_{(await _run_ids(store))[0]}")


async def _run_ids(store: DatabaseStore) -> list[int]:
    return [row[0] for row in await rows(store, "SELECT run_id FROM provider_runs ORDER BY run_id")]


async def test_a_vehicle_is_found_when_datahub_pairs_a_unit_with_it(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """By its VIN, whether the pairing or the pull came first; the provisional asset gives its id to the provider's."""
    vehicles = VEHICLES | {"fields": VEHICLES["fields"] | {"serial": "vin"}}  # type: ignore[operator]
    pull = pulling(store, wiremock, vehicles=vehicles)
    await deliver(store, [body_of([_paired("tp:1", A, "WDB9634031L736216", pull)])])
    [(provisional,)] = await rows(store, "SELECT asset_id FROM assets")
    api.lists(
        "/vehicles",
        [{"id": "V1", "name": "Truck", "vin": "WDB9634031L736216"}, {"id": "V2", "name": "T2", "vin": "YV2RT40A5LB345671"}],
    )
    await pull.run()
    asset = await pull.asset("V1")
    assert (asset.registry_asset_id, asset.datahub_asset_ids, asset.origin) == (provisional, (A,), "provider")
    await deliver(
        store, [body_of([_paired("tp:2", B, "YV2RT40A5LB345671", pull)], event_batch_id=f"31fccdce-725e-4c87-a91b-{7:012x}")]
    )
    assert (await pull.asset("V2")).datahub_asset_ids == (B,)


def _paired(unit_id: str, asset_id: str, vin: str, pull: Pulling) -> Any:  # noqa: ANN401 - JSON
    payload = Payload(pull.key.organization_id, unit_id, "paired", minute(0), asset_id, Meaning("ManualPair", asset_vin=vin))
    return event_of(payload, 2)


async def test_what_a_sync_said_stays_until_the_provider_says_something_new(
    store: DatabaseStore, wiremock: WireMock, api: Api
) -> None:
    """A record that says what it said before writes nothing, whatever others have made of the asset since."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    api.vehicles("V1")
    await pull.run()
    await sync(pull, externalAssetId="fleet:V1", name="Renamed")
    await pull.run()
    assert (await pull.asset("V1")).name == "Renamed"
    api.lists("/vehicles", [{"id": "V1", "name": "New"}])
    await pull.run()
    assert (await pull.asset("V1")).name == "New"


async def test_a_large_page_is_stored_in_parts(
    store: DatabaseStore, wiremock: WireMock, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that nobody waits long for it; the account is that of the page, and the watermark comes with its last part."""
    monkeypatch.setattr(store_sink, "RECORDS_AT_ONCE", 3)
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    api.vehicles("V1")
    api.meters(("M1", "V1"))
    api.lists("/stands", [*(stand(day, day, day) for day in range(10, 18)), stand(99, 18, "n/a"), stand(98, 18, 1, "M9")])
    view = await pull.run()
    assert (counts(view, "stands"), of(view, "stands").pages) == ((8, 0, 0, 2), 1)
    assert len(await series(pull)) == 8
    assert len(await rows(store, "SELECT watermark_us FROM provider_watermarks")) == 1
    assert counts(await pull.run(), "stands") == (0, 0, 8, 2)


async def test_a_failed_run_is_told_to_the_outside(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """Its record and the notice for alerts are one transaction; a run that succeeds makes none."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    await pull.run()
    api.answers("/vehicles", {"status": 404})
    view = await pull.run()
    [(kind, data)] = await rows(store, "SELECT type, data FROM alert_notices")
    assert kind == "provider.failed"
    assert msgspec.json.decode(data) == {"provider": "fleet", "runId": view.run_id, "status": "failed", "error": view.error}
    assert view.error is not None
    assert "404" in view.error


async def test_a_meter_keeps_its_unit_while_it_has_values(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """Nothing is converted: another unit is quarantined once there are readings, and taken before that."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    api.vehicles("V1")
    api.meters(("M1", "V1"), unit="MWh")
    await pull.run()
    api.meters(("M1", "V1"), unit="kWh")
    api.lists("/stands", [stand(1, 18, 100)])
    assert counts(await pull.run(), "meters") == (0, 1, 0, 0)
    api.meters(("M1", "V1"), unit="MWh")
    assert counts(await pull.run(), "meters") == (0, 0, 0, 1)
    [one] = await pull.waiting()
    assert one.reason == "is 'MWh', but what is stored of this meter is in 'kWh': nothing is converted"
    assert await rows(store, "SELECT unit FROM meters") == [("kWh",)]


async def test_a_meter_that_moves_is_turned_off_where_it_was(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """And on where it is now; when it moves back it is on again there."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS)
    api.vehicles("V1", "V2")
    api.meters(("M1", "V1"))
    await pull.run()
    api.meters(("M1", "V2"))
    assert counts(await pull.run(), "meters") == (0, 1, 0, 0)
    assert (await assigned(pull, "V1"), await assigned(pull, "V2")) == ({"fleet:M1": False}, {"fleet:M1": True})
    api.meters(("M1", "V1"))
    await pull.run()
    assert (await assigned(pull, "V1"), await assigned(pull, "V2")) == ({"fleet:M1": True}, {"fleet:M1": False})


async def test_a_run_whose_provider_was_taken_over_changes_nothing_more(
    store: DatabaseStore, wiremock: WireMock, api: Api
) -> None:
    """A process that slept through its lease finds another's: not a page of it is stored, nor its end recorded."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    api.answers("/vehicles", gives([{"id": "V1", "name": "late"}], fixedDelayMilliseconds=400))
    running = asyncio.create_task(pull.run())
    async with asyncio.timeout(10):
        while not await _run_ids(store):  # noqa: ASYNC110 - the other side is being tested
            await asyncio.sleep(0.01)
    await pull.write(lambda tx: tx.leases.claim(pull.key.lease, "another", 2**62, pull.now_us + 10**9))
    view: RunView = await running
    assert (view.status, view.results) == ("running", ())
    assert await rows(store, "SELECT asset_id FROM assets") == []
    with pytest.raises(AssertionError):
        await pull.run()

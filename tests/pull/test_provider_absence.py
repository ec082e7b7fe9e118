"""What a provider no longer lists: when it is deactivated, when not, and how it comes back; on both engines."""

from msgspec.structs import replace

from schemas.providers import Deactivation, UpdatedSince
from storage.store import DatabaseStore
from tests.pull.stored import METERS, Api, assigned, pulling, sync
from tests.pull.support import VEHICLES
from tests.pull.wiremock import WireMock
from tests.support.pulling import counts, of


async def test_what_is_no_longer_listed_is_deactivated_and_comes_back(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """After a complete fetch what isn't listed is INACTIVE with its history; listed again it is ACTIVE again."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS)
    api.vehicles("V1", "V2", "V3")
    api.meters(("M1", "V1"), ("M2", "V2"), ("M3", "V2"))
    await pull.run()
    api.vehicles("V1", "V3")
    api.meters(("M1", "V1"), ("M3", "V2"))
    view = await pull.run()
    assert (of(view, "vehicles").deactivated, of(view, "meters").deactivated) == (1, 1)
    assert of(view, "vehicles").absence == "1 of 3 assets are no longer listed and were deactivated"
    assert await pull.statuses("V1", "V2", "V3") == ["ACTIVE", "INACTIVE", "ACTIVE"]
    assert (await assigned(pull, "V2"))["fleet:M2"] is False
    assert of(await pull.run(), "vehicles").deactivated == 0
    api.vehicles("V1", "V2", "V3")
    api.meters(("M1", "V1"), ("M2", "V2"), ("M3", "V2"))
    view = await pull.run()
    assert (counts(view, "vehicles"), counts(view, "meters")) == ((0, 1, 2, 0), (0, 1, 2, 0))
    assert await pull.statuses("V1", "V2", "V3") == ["ACTIVE", "ACTIVE", "ACTIVE"]
    assert await assigned(pull, "V2") == {"fleet:M2": True, "fleet:M3": True}


async def test_coming_back_undoes_only_what_the_absence_did(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """What a sync retired, or turned off, before or after the absence, stays so when the provider lists it again."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS)
    every = ("V1", "V2", "V3", "V4", "V5", "V6", "V7")
    api.vehicles(*every)
    api.meters(("M1", "V7"), ("M2", "V7"))
    await pull.run()
    await sync(pull, externalAssetId="fleet:V1", status="INACTIVE")
    await sync(pull, externalAssetId="fleet:V7", meters=[{"meterCode": "fleet:M1", "isActive": False}])
    api.vehicles("V4", "V5", "V6", "V7")
    api.lists("/meters", [])
    assert of(await pull.run(), "vehicles").deactivated == 3
    await sync(pull, externalAssetId="fleet:V2", status="RETIRED")
    api.vehicles(*every)
    api.meters(("M1", "V7"), ("M2", "V7"))
    await pull.run()
    assert await pull.statuses("V1", "V2", "V3") == ["INACTIVE", "RETIRED", "ACTIVE"]
    assert await assigned(pull, "V7") == {"fleet:M1": False, "fleet:M2": True}


async def test_too_much_at_once_is_not_believed(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """More than five and more than half gone is likelier a fault: nothing is deactivated, and the run says so."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    every = [f"V{number}" for number in range(11)]
    api.vehicles(*every)
    await pull.run()
    api.vehicles(*every[:5])
    one = of(await pull.run(), "vehicles")
    assert (one.deactivated, one.absence) == (0, "6 of 11 assets were not listed, more than 5 and 50%: nothing was deactivated")
    assert set(await pull.statuses(*every)) == {"ACTIVE"}
    api.vehicles(*every[:6])
    assert of(await pull.run(), "vehicles").deactivated == 5
    pull.mend(deactivation=Deactivation(count_max=0, share_max=0.9))
    api.vehicles(every[0])
    assert of(await pull.run(), "vehicles").deactivated == 5


async def test_only_a_whole_fetch_shows_absence(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """A fetch that failed, one of changes only, and a kind of which not all streams were fetched deactivate nothing."""
    more = VEHICLES | {"path": "/trailers"}
    pull = pulling(store, wiremock, vehicles=VEHICLES, trailers=more)
    api.vehicles("V1", "V2")
    api.lists("/trailers", [{"id": "T1", "name": "Trailer"}])
    await pull.run()
    api.vehicles("V1")
    api.answers("/trailers", {"status": 404})
    view = await pull.run()
    assert view.status == "failed"
    assert of(view, "vehicles").absence == "absence wasn't judged: trailers has not been fetched yet"
    assert of(view, "trailers").absence == "absence wasn't judged: trailers failed"
    assert (await pull.run("vehicles")).status == "succeeded"
    api.lists("/trailers", [{"id": "T1", "name": "Trailer"}])
    streams = pull.loaded.definition.streams
    since = replace(streams["vehicles"], updated_since=UpdatedSince(parameter="since"))
    pull.mend(streams=streams | {"vehicles": since})
    view = await pull.run()
    assert of(view, "trailers").absence == "absence wasn't judged: vehicles fetches only what has changed"
    assert await pull.statuses("V1", "V2", "T1") == ["ACTIVE"] * 3
    pull.mend(streams=streams)
    assert of(await pull.run(), "trailers").deactivated == 1
    assert await pull.statuses("V1", "V2", "T1") == ["ACTIVE", "INACTIVE", "ACTIVE"]


async def test_a_parent_that_cannot_be_used_shows_no_absence_of_its_children(
    store: DatabaseStore, wiremock: WireMock, api: Api
) -> None:
    """Meters that are asked for by vehicle aren't gone because their vehicle's record can't be used any more: nobody asked."""
    meters = METERS | {"path": "/vehicles/{id}/meters", "parent": {"stream": "vehicles", "parameters": {"id": "id"}}}
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=meters)
    api.vehicles("V1", "V2")
    for name in ("1", "2"):
        api.lists(f"/vehicles/V{name}/meters", [{"id": f"M{name}", "vehicle": f"V{name}", "kind": "power", "unit": "kWh"}])
    await pull.run()
    api.lists("/vehicles", [{"id": "V1", "name": "Truck V1"}, {"id": "V2", "name": None}])
    view = await pull.run()
    assert (counts(view, "vehicles"), counts(view, "meters")) == ((0, 0, 1, 1), (0, 0, 1, 0))
    assert of(view, "meters").absence == "absence wasn't judged: meters was left out for 1 parents that can't be used"
    assert await assigned(pull, "V2") == {"fleet:M2": True}
    api.vehicles("V1")
    view = await pull.run()
    assert (of(view, "vehicles").deactivated, of(view, "meters").deactivated) == (1, 1)


async def test_a_quarantined_record_counts_as_listed(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """A record that can't be used any more, but says whose it is, deactivates nothing; one that doesn't makes absence unsure."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    api.vehicles("V1", "V2")
    await pull.run()
    api.lists("/vehicles", [{"id": "V1", "name": "Truck V1"}, {"id": "V2", "name": None}])
    assert counts(await pull.run(), "vehicles") == (0, 0, 1, 1)
    assert await pull.statuses("V1", "V2") == ["ACTIVE", "ACTIVE"]
    api.lists("/vehicles", [{"id": "V1", "name": "Truck V1"}, {"name": "nameless"}])
    view = await pull.run()
    assert of(view, "vehicles").absence == "absence wasn't judged: 1 records of vehicles have no id that can be read"
    assert await pull.statuses("V1", "V2") == ["ACTIVE", "ACTIVE"]
    api.vehicles("V1")
    assert of(await pull.run(), "vehicles").deactivated == 1
    assert await pull.waiting() == []

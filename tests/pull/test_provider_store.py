"""Providers pulled into a real store, on both engines: assets, meters, usage and its revisions, absence, and the quarantine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from msgspec.structs import replace

from handlers import provider_assets
from handlers.asset_sync import sync_assets
from handlers.provider_runs import ProviderKey
from handlers.queries.asset_meters import list_asset_meters
from handlers.queries.consumption import ConsumptionFilter, list_consumption
from handlers.queries.lists import PageAsked
from handlers.queries.readings import ReadingFilter, list_readings
from handlers.queries.usage import UsageFilter, list_usage
from handlers.registry import Actor
from handlers.rules.provider_registry import asset_entry
from receiver.pull import store_sink
from receiver.pull.limits import StoreCounter
from schemas.asset_sync_decoding import decode_sync
from schemas.events import Payload
from schemas.facts import Meaning
from schemas.provider_access import Environments, Rates
from schemas.provider_views import RunView
from schemas.providers import Deactivation, Field, UpdatedSince
from schemas.wire import parse_time, to_json
from storage import open_engine
from storage.store import DatabaseStore
from tests.pull.support import VEHICLES, definition
from tests.pull.wiremock import WireMock, gives
from tests.support.facts import A, B, body_of, event_of, minute
from tests.support.pulling import EVERYTHING, Pulling, counts, of
from tests.support.store import OTHER, deliver, rows, wipe

NONE = {"type": "none"}
METERS = {
    "entity": "meters",
    "path": "/meters",
    "pagination": NONE,
    "fields": {
        "external_id": "id",
        "asset_id": "vehicle",
        "type": {"path": "kind", "lookup": {"power": "Energy", "water": "Water"}},
        "unit": "unit",
        "description": "note",
    },
}
RANGE = {"start_parameter": "from", "end_parameter": "to", "first": "2024-01-01", "look_back_days": 5}
STANDS = {
    "entity": "readings",
    "path": "/stands",
    "key": "id",
    "pagination": NONE,
    "date_range": RANGE,
    "fields": {"meter_id": "meter", "at": "at", "value": "value", "estimated": "estimated"},
    "aggregation": {"granularity": "month", "rollover": 1000, "gap_hours_max": 48},
}
MONTHS = {
    "entity": "consumption",
    "path": "/months",
    "pagination": NONE,
    "date_range": RANGE,
    "fields": {"meter_id": "meter", "start": "from", "end": "to", "value": "used", "cost": "cost", "currency": "currency"},
}


@pytest_asyncio.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[DatabaseStore]:
    """An empty store on each engine."""
    engine = open_engine(request.getfixturevalue(f"{request.param}_url"))
    opened = DatabaseStore(engine)
    await wipe(opened)
    yield opened
    await engine.close()


class Api:
    """What the provider answers, changed by a test as it likes."""

    def __init__(self, wiremock: WireMock) -> None:
        self._wiremock = wiremock

    def vehicles(self, *ids: str, **more: object) -> None:
        """It lists these vehicles."""
        self.lists("/vehicles", [{"id": name, "name": f"Truck {name}", **more} for name in ids])

    def meters(self, *pairs: tuple[str, str], kind: str = "power", unit: str = "kWh") -> None:
        """It lists these meters, each with its vehicle."""
        self.lists("/meters", [{"id": name, "vehicle": vehicle, "kind": kind, "unit": unit} for name, vehicle in pairs])

    def lists(self, path: str, records: Sequence[Any]) -> None:
        """It answers with these records."""
        self.answers(path, gives(list(records)))

    def answers(self, path: str, answer: dict[str, object]) -> None:
        """It answers with whatever this is; the answer that was stubbed last counts."""
        self._wiremock.controls.post(
            "/__admin/mappings", json={"request": {"method": "GET", "urlPath": path}, "response": answer}
        ).raise_for_status()


@pytest.fixture
def api(wiremock: WireMock) -> Api:
    """A provider without anything."""
    found = Api(wiremock)
    for path in ("/vehicles", "/meters", "/stands", "/months"):
        found.lists(path, [])
    return found


def pulling(store: DatabaseStore, wiremock: WireMock, **streams: Any) -> Pulling:  # noqa: ANN401 - TOML's values
    """The provider, with these streams or all four."""
    wanted = streams or {"vehicles": VEHICLES, "meters": METERS, "stands": STANDS, "months": MONTHS}
    return Pulling(store, definition(wiremock.url, wanted))


def stand(number: int, day: int, value: object, meter: str = "M1") -> dict[str, Any]:
    """A reading at a day's midnight."""
    return {"id": number, "meter": meter, "at": f"2024-01-{day:02}", "value": value}


async def series(pull: Pulling, vehicle: str = "V1", meter: str = "M1", status: Any = None) -> list[tuple[str, str]]:  # noqa: ANN401 - a status
    """Readings in the registry, as (time, value)."""
    asked = ReadingFilter(status=status)
    page = await pull.store.read(
        lambda tx: list_readings(tx, EVERYTHING, f"fleet:{vehicle}", f"fleet:{meter}", asked, PageAsked(1000, None))
    )
    return [(one.recorded_at[:10], str(one.value)) for one in page.items]


async def assigned(pull: Pulling, vehicle: str) -> dict[str, bool]:
    """The meters of an asset, and whether they are active on it."""
    page = await pull.store.read(lambda tx: list_asset_meters(tx, EVERYTHING, f"fleet:{vehicle}", {}, PageAsked(100, None)))
    return {one.meter_code: one.is_active for one in page.items}


async def sync(pull: Pulling, **entry: object) -> None:
    """What a client of Asset Sync says of an asset."""
    decoded = decode_sync(msgspec.json.encode({"assets": [entry]}))
    await pull.write(
        lambda tx: sync_assets(tx, pull.key.organization_id, decoded, Actor("client", "se_1"), pull.rules, pull.now_us)
    )


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


async def test_values_are_revised_with_their_history(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """What the look-back reads again as another value replaces it; what it was stays in the history, in the series corrected."""
    pull = pulling(store, wiremock)
    api.vehicles("V1")
    api.meters(("M1", "V1"), ("M2", "V1"))
    api.lists("/stands", [stand(1, 18, 100), stand(2, 19, 110.5)])
    month = {"meter": "M2", "from": "2023-12-01", "to": "2024-01-01", "used": 42, "cost": 12.5, "currency": "EUR"}
    api.lists("/months", [month])
    view = await pull.run()
    assert (counts(view, "stands"), counts(view, "months")) == ((2, 0, 0, 0), (1, 0, 0, 0))
    api.lists("/stands", [stand(1, 18, 100), stand(2, 19, 111), stand(3, 20, 120)])
    api.lists("/months", [month | {"used": 43}])
    view = await pull.run(ahead_s=86_400)
    assert (counts(view, "stands"), counts(view, "months")) == ((1, 1, 1, 0), (0, 1, 0, 0))
    assert await series(pull) == [("2024-01-17", "100"), ("2024-01-18", "111"), ("2024-01-19", "120")]
    assert await series(pull, status="CORRECTED") == [("2024-01-18", "110.5")]
    page = await store.read(lambda tx: list_usage(tx, EVERYTHING, "fleet:V1", "fleet:M2", UsageFilter(), PageAsked(100, None)))
    [usage] = page.items
    assert (str(usage.value), usage.start, usage.end, usage.currency, usage.revision) == (
        "43",
        "2023-11-30T23:00:00Z",
        "2023-12-31T23:00:00Z",
        "EUR",
        2,
    )
    history = await store.read(
        lambda tx: tx.providers.usage.history_of(
            pull.key.organization_id, "fleet:M2", "consumption", *_span("2023-11-30T23:00:00Z", "2023-12-31T23:00:00Z")
        )
    )
    assert [(str(row.value), row.revision) for row in history] == [("42", 1)]
    assert (await pull.run()).results[2].unchanged == 3


async def test_metadata_is_kept_as_it_comes(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """Numbers stay numbers, with every digit, in what is known of an asset and of its usage."""
    vehicles = VEHICLES | {"metadata": {"area": "area"}}
    months = MONTHS | {"metadata": {"tariff": "tariff"}}
    pull = pulling(store, wiremock, vehicles=vehicles, meters=METERS, months=months)
    api.answers("/vehicles", {"status": 200, "body": '[{"id": "V1", "name": "Truck", "area": [1.50, 3]}]'})
    api.meters(("M1", "V1"))
    span = '"meter": "M1", "from": "2024-01-01", "to": "2024-02-01", "used": 1'
    api.answers("/months", {"status": 200, "body": f'[{{{span}, "tariff": {{"rate": 0.12345678901234567890}}}}]'})
    await pull.run(ahead_s=20 * 86_400)
    page = await store.read(lambda tx: list_usage(tx, EVERYTHING, "fleet:V1", "fleet:M1", UsageFilter(), PageAsked(100, None)))
    assert to_json(page.items[0].metadata) == b'{"tariff":{"rate":0.12345678901234567890}}'
    assert to_json((await pull.asset("V1")).metadata) == b'{"area":[1.50,3]}'
    assert [one.unchanged for one in (await pull.run()).results] == [1, 1, 1]


def _span(start: str, end: str) -> tuple[int, int]:
    return parse_time(start, "from"), parse_time(end, "to")


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


async def test_production_is_pulled_from_its_beginning_after_staging(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """How far a stream is in one environment leaves nothing out of another."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    production = pull.loaded.definition.environments.production
    pull.mend(environments=Environments(production=production, staging=production))
    api.vehicles("V1")
    api.meters(("M1", "V1"))
    asked = []
    for environment in ("staging", "production", "staging"):
        pull.key = replace(pull.key, environment=environment)
        await pull.run()
        asked.append(wiremock.requests("/stands")[-1]["queryParams"]["from"]["values"])
    assert asked == [["2024-01-01"], ["2024-01-01"], ["2024-01-16"]]


@pytest.mark.usefixtures("api")
async def test_a_cap_holds_over_runs(store: DatabaseStore, wiremock: WireMock) -> None:
    """What one run sent counts for the next, for the provider's caps and a stream's own: what is beyond them goes on later."""
    meters = METERS | {"requests": {"per_day": 2}}
    pull = Pulling(store, definition(wiremock.url, {"vehicles": VEHICLES, "meters": meters}, limits={"requests": {"per_day": 8}}))
    statuses = [(await pull.run()).status for _ in range(2)]
    view = await pull.run()
    assert [*statuses, view.status] == ["succeeded", "succeeded", "rescheduled"]
    assert [(one.stream, one.status) for one in view.results] == [("vehicles", "succeeded"), ("meters", "rescheduled")]
    assert of(view, "meters").errors == ("the provider's cap on requests is used up",)
    await pull.run("vehicles")
    pull.mend(
        streams=pull.loaded.definition.streams | {"meters": replace(pull.loaded.definition.streams["meters"], requests=Rates())}
    )
    assert [one.status for one in (await pull.run()).results] == ["succeeded", "succeeded"]
    view = await pull.run("vehicles")
    assert (view.status, len(wiremock.requests("/vehicles")), len(wiremock.requests("/meters"))) == ("rescheduled", 5, 3)


async def test_processes_together_keep_to_a_cap(database_url: str) -> None:
    """Of requests that several processes wish for at once, as many are sent as the cap allows; each environment has its own."""
    rates = {"": Rates(per_hour=9), "vehicles": Rates(per_day=20)}
    engines = [open_engine(database_url) for _ in range(3)]
    try:
        counters = [StoreCounter(DatabaseStore(engine), ProviderKey(OTHER, "fleet")) for engine in engines]
        waits = await asyncio.gather(*(counter.count(rates, 0) for counter in counters for _ in range(6)))
        assert waits.count(0) == 9
        assert set(waits) == {0, 3_660_000_000}
        staging = StoreCounter(DatabaseStore(engines[0]), ProviderKey(OTHER, "fleet", "staging"))
        assert await staging.count(rates, 0) == 0
        assert await counters[0].count(rates, 3_660_000_000) == 0
        kept = await rows(DatabaseStore(engines[0]), "SELECT slot FROM provider_requests WHERE environment = 'production'")
        assert sorted(kept) == [(0,), (2,), (61,)]
    finally:
        for engine in engines:
            await engine.close()


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


async def test_usage_is_served_by_day_and_month_with_what_is_known_of_the_counter(
    store: DatabaseStore, wiremock: WireMock, api: Api
) -> None:
    """The declared rollover is told from a reset, in the asset's own zone; records of consumption are shared out over days."""
    pull = pulling(store, wiremock)
    api.vehicles("V1")
    api.meters(("M1", "V1"), ("M2", "V1"))
    api.lists("/stands", [stand(1, 17, 990), stand(2, 18, 10), stand(3, 19, 30)])
    api.lists("/months", [{"meter": "M2", "from": "2024-01-01", "to": "2024-01-11", "used": 100}])
    await pull.run()

    async def served(code: str, granularity: Any) -> list[tuple[str, str, float, int]]:  # noqa: ANN401 - a granularity
        asked = ConsumptionFilter(granularity=granularity, to_us=parse_time("2024-01-19T23:00:00Z", "to"))
        page = await store.read(
            lambda tx: list_consumption(tx, EVERYTHING, "fleet:V1", code, asked, PageAsked(100, None), pull.now_us)
        )
        return [(one.start[:10], str(one.value), round(one.coverage, 3), one.rollovers) for one in page.items]

    assert (await served("fleet:M1", "day"))[:3] == [
        ("2024-01-16", "20", 1.0, 1),
        ("2024-01-17", "20", 1.0, 0),
        ("2024-01-18", "0", 0.0, 0),
    ]
    assert await served("fleet:M1", None) == await served("fleet:M1", "month") != await served("fleet:M1", "day")
    days = await served("fleet:M2", "day")
    assert await served("fleet:M2", None) == days
    assert days[0] == ("2023-12-31", "10", 1.0, 0)
    assert [day[1] for day in days[:11]] == ["10"] * 10 + ["0"]
    assert await served("fleet:M2", "month") == [("2023-12-31", "100", round(10 / 31, 3), 0)]


async def test_what_names_something_unknown_waits_for_it(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """A meter of an unknown asset, and usage of an unknown meter, are stored by the run that brings what they name."""
    pull = pulling(store, wiremock)
    api.vehicles("V1")
    api.meters(("M1", "V1"), ("M2", "V2"))
    api.lists("/stands", [stand(1, 18, 100), stand(2, 18, 7, "M2"), stand(3, 18, 9, "M3")])
    view = await pull.run()
    assert (counts(view, "meters"), counts(view, "stands")) == ((1, 0, 0, 1), (1, 0, 0, 2))
    waiting = await pull.waiting()
    assert [(one.stream, one.key, one.field, one.waits_for) for one in waiting] == [
        ("meters", "M2", "asset_id", "V2"),
        ("stands", "2", "meter_id", "M2"),
        ("stands", "3", "meter_id", "M3"),
    ]
    assert waiting[1].reason == "the provider has delivered no meter 'M2'"
    api.vehicles("V1", "V2")
    api.lists("/stands", [])
    view = await pull.run(ahead_s=3600)
    assert view.replayed == 1
    assert [one.key for one in await pull.waiting()] == ["3"]
    assert await series(pull, "V2", "M2") == [("2024-01-17", "7")]


async def test_a_mended_definition_brings_in_what_waited(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """The next run tries all that waits under the new definition; first and last sight and how often are told until then."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    api.vehicles("V1")
    api.meters(("M1", "V1"))
    bad = stand(7, 18, "12,5") | {"note": "comma"}
    api.lists("/stands", [bad, stand(8, 18, "n/a", "M1")])
    await pull.run()
    first = pull.now_us
    await pull.run(ahead_s=86_400)
    [one, other] = await pull.waiting()
    assert (one.field, one.reason, one.times_seen, one.page) == ("value", "expected a number, got '12,5'", 2, 1)
    assert msgspec.json.decode(one.raw) == bad
    assert (one.first_seen_at < one.last_seen_at, one.state, other.key) == (True, "waiting", "8")
    assert first < pull.now_us
    api.lists("/stands", [])
    stream = pull.loaded.definition.streams["stands"]
    mended = replace(stream, fields={**stream.fields, "value": Field(path="value", lookup={"12,5": 12.5})})
    streams = pull.loaded.definition.streams
    pull.mend(streams=streams | {"stands": mended})
    view = await pull.run()
    assert (view.replayed, await series(pull)) == (1, [("2024-01-17", "12.5")])
    [left] = await pull.waiting()
    assert (left.key, left.reason, left.definition_hash) == ("8", "'n/a' is not in the lookup", pull.loaded.digest)
    assert (await pull.run()).replayed == 0


async def test_what_waited_never_replaces_what_came_later(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """An old record that can be understood at last doesn't turn back a value that the provider has sent since then."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS, stands=STANDS)
    api.vehicles("V1")
    api.meters()
    api.lists("/stands", [stand(1, 18, 100)])
    await pull.run()
    api.meters(("M1", "V1"))
    api.lists("/stands", [stand(2, 18, 101)])
    view = await pull.run(ahead_s=3600)
    assert (counts(view, "stands"), view.replayed) == ((1, 0, 0, 0), 1)
    assert await series(pull) == [("2024-01-17", "101")]
    assert await pull.waiting() == []


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


async def test_a_meter_that_moves_takes_no_usage_along(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """What came before stays with the asset that it came for, also when the look-back brings it again, revised or not."""
    pull = pulling(store, wiremock)
    api.vehicles("V1", "V2")
    api.meters(("M1", "V1"))
    api.lists("/stands", [stand(1, 17, 100), stand(2, 18, 110)])
    january = {"meter": "M1", "from": "2024-01-01", "to": "2024-01-11"}
    api.lists("/months", [january | {"used": 40}])
    await pull.run()
    api.meters(("M1", "V2"))
    api.lists("/stands", [stand(1, 17, 100), stand(2, 18, 111), stand(3, 19, 120)])
    api.lists("/months", [january | {"used": 41}, {"meter": "M1", "from": "2024-01-11", "to": "2024-01-21", "used": 7}])
    view = await pull.run()
    assert (counts(view, "stands"), counts(view, "months")) == ((1, 1, 1, 0), (1, 1, 0, 0))
    assert await series(pull, "V1") == [("2024-01-16", "100"), ("2024-01-17", "111")]
    assert await series(pull, "V2") == [("2024-01-18", "120")]

    async def used(vehicle: str) -> list[str]:
        page = await store.read(
            lambda tx: list_usage(tx, EVERYTHING, f"fleet:{vehicle}", "fleet:M1", UsageFilter(), PageAsked(100, None))
        )
        return [str(one.value) for one in page.items]

    assert (await used("V1"), await used("V2")) == (["41"], ["7"])


async def test_a_record_that_cannot_be_stored_keeps_no_other_from_it(
    store: DatabaseStore, wiremock: WireMock, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever goes wrong with one is its quarantine entry; ids that the registry can't hold are told before."""
    pull = pulling(store, wiremock, vehicles=VEHICLES)
    api.lists("/vehicles", [{"id": "V1", "name": "a"}, {"id": "x" * 300, "name": "b"}, {"id": "V3", "name": "boom"}])
    plain = asset_entry

    def broken(provider: str, record: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - as there
        if record.name == "boom":
            raise ValueError("no")
        return plain(provider, record, *rest, **more)

    monkeypatch.setattr(provider_assets, "asset_entry", broken)
    assert counts(await pull.run(), "vehicles") == (1, 0, 0, 2)
    assert [(one.field, one.reason) for one in await pull.waiting()] == [
        ("external_id", "is longer than the registry can hold, 256 characters with the provider's name"),
        ("record", "could not be stored: ValueError: no"),
    ]


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

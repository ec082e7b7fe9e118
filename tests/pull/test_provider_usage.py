"""Usage pulled into a real store, on both engines: revisions with their history, where it stands, and how it is served."""

from typing import Any

from msgspec.structs import replace

from handlers.queries.consumption import ConsumptionFilter, list_consumption
from handlers.queries.lists import PageAsked
from handlers.queries.usage import UsageFilter, list_usage
from schemas.provider_access import Environments
from schemas.wire import parse_time, to_json
from storage.store import DatabaseStore
from tests.pull.stored import METERS, MONTHS, STANDS, Api, pulling, series, stand
from tests.pull.support import VEHICLES
from tests.pull.wiremock import WireMock
from tests.support.pulling import EVERYTHING, counts


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

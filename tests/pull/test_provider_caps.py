"""A provider's caps on requests, over runs and processes, on both engines."""

import asyncio

import pytest
from msgspec.structs import replace

from handlers.provider_runs import ProviderKey
from receiver.pull.limits import StoreCounter
from schemas.provider_access import Rates
from storage import open_engine
from storage.store import DatabaseStore
from tests.pull.stored import METERS
from tests.pull.support import VEHICLES, definition
from tests.pull.wiremock import WireMock
from tests.support.pulling import Pulling, of
from tests.support.store import OTHER, rows


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

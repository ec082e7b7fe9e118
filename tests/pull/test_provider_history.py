"""Who changed an asset and its meters: a provider's run."""

from handlers.queries.lists import PageAsked
from handlers.queries.references import list_meter_history
from handlers.queries.registry import list_asset_history
from schemas.history import ActorView, HistoryEntry
from storage.store import DatabaseStore
from tests.pull.stored import METERS, Api, pulling
from tests.pull.support import VEHICLES
from tests.pull.wiremock import WireMock
from tests.support.pulling import EVERYTHING, Pulling


async def _history(pull: Pulling, external_id: str) -> list[HistoryEntry]:
    page = await pull.store.read(
        lambda tx: list_asset_history(tx, EVERYTHING, f"{pull.key.provider}:{external_id}", PageAsked(100, None))
    )
    return list(page.items)


def _said(entry: HistoryEntry) -> list[tuple[str, object, object, str | None]]:
    return [(change.name, change.before, change.after, change.meter_code) for change in entry.changes]


async def test_a_run_stands_under_what_it_changed(store: DatabaseStore, wiremock: WireMock, api: Api) -> None:
    """Of an asset, of an assignment and of a meter itself: the provider and its run, with each value before and after."""
    pull = pulling(store, wiremock, vehicles=VEHICLES, meters=METERS)
    api.vehicles("V1")
    api.meters(("M1", "V1"))
    first = await pull.run()
    api.lists("/vehicles", [{"id": "V1", "name": "Renamed"}])
    api.meters()
    second = await pull.run()
    made, assigned, renamed, off = reversed(await _history(pull, "V1"))
    runs = [ActorView("provider", f"{pull.key.provider} {run.run_id}") for run in (first, first, second, second)]
    assert [entry.actor for entry in (made, assigned, renamed, off)] == runs
    code = f"{pull.key.provider}:M1"
    assert ("name", None, "Truck V1", None) in _said(made)
    assert ("assigned", False, True, code) in _said(assigned)
    assert _said(renamed) == [("name", "Truck V1", "Renamed", None)]
    assert _said(off) == [("isActive", True, False, code)]
    told = await store.read(lambda tx: list_meter_history(tx, pull.key.organization_id, code, PageAsked(100, None)))
    assert [entry.actor for entry in told.items] == runs[:1]
    assert ("unit", None, "kWh", None) in _said(told.items[0])

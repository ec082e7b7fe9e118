"""What holds of any syncs: twice is once, entries stand alone, and readings end the same however they arrive."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.registry_model import RegistryModel
from tests.support.sync_draws import BATCHES, ENTRIES, READING

FEW = settings(max_examples=100, deadline=None)


def _registry(batches: list[list[dict[str, Any]]]) -> RegistryModel:
    registry = RegistryModel()
    for number, assets in enumerate(batches):
        registry.sync({"syncBatchId": f"b{number}", "assets": assets})
    return registry


@FEW
@given(BATCHES, st.booleans())
def test_any_batch_twice_is_once(batches: list[list[dict[str, Any]]], named: bool) -> None:
    """A batch sent twice in a row ends where it ended, with no change told and no reading shown twice."""
    registry = _registry(batches[:-1])
    body = {"syncBatchId": "last" if named else None, "assets": batches[-1]}
    first, once = registry.sync(body), registry.state()
    second, twice = registry.sync(body), registry.state()
    assert [plan.changes for plan in registry.plans] == [()] * len(registry.plans)
    assert first["errors"] == second["errors"]
    assert [_again(result) for result in first["results"]] == [_again(result) for result in second["results"]]
    assert [result["status"] for result in second["results"]].count("CREATED") == 0
    for identity, (asset, meters, health, shown) in once.items():
        assert twice[identity][0] == asset
        assert twice[identity][3] == shown
        if named:
            assert twice[identity][1:3] == (meters, health)


def _again(result: dict[str, Any]) -> dict[str, Any]:
    return result | {"status": result["status"].replace("CREATED", "UPDATED")}


@FEW
@given(BATCHES, ENTRIES)
def test_entries_stand_alone(batches: list[list[dict[str, Any]]], last: list[dict[str, Any]]) -> None:
    """A batch of different assets does to each what a batch of its own would do."""
    together, apart = _registry(batches), _registry(batches)
    answer = together.sync({"assets": last})
    alone = [apart.sync({"assets": [entry]}) for entry in last]
    assert answer["results"] == [result for one in alone for result in one["results"]]
    places = [error["message"].partition(" - at ")[0] for error in answer["errors"]]
    assert places == [error["message"].partition(" - at ")[0] for one in alone for error in one["errors"]]
    for identity, (asset, meters, health, shown) in together.state().items():
        one = apart.state()[identity]
        assert (asset, meters, shown) == (one[0], one[1], one[3])
        assert [replace(count, counted_seq=0) for count in health.values()] == [
            replace(count, counted_seq=0) for count in one[2].values()
        ]


@FEW
@given(
    st.lists(READING.map(lambda reading: {**reading, "meterCode": "ODOMETER_KM", "unit": "KM", "source": "SYNC"}), max_size=8),
    st.data(),
)
def test_any_grouping_and_order_of_readings(readings: list[dict[str, Any]], data: st.DataObject) -> None:
    """Readings that don't contradict each other show the same series and latest value in any order and grouping into syncs."""
    first: dict[str, object] = {}
    agreed = []
    for reading in readings:
        said = (reading["value"], reading.get("status")) if reading.get("status") != "NOT_EQUIPPED" else None
        if first.setdefault(str(reading.get("recordedAt")), said) == said:
            agreed.append(reading)
    thresholds = {"meterCode": "ODOMETER_KM", "validationThresholds": {"maxDeltaPerDay": 1, "max": 50}}
    registries = []
    for order in (agreed, data.draw(st.permutations(agreed))):
        registry = RegistryModel()
        registry.put(meters=[thresholds])
        while order:
            size = data.draw(st.integers(1, len(order)))
            registry.put(meterReadings=order[:size])
            order = order[size:]  # noqa: PLW2901 - what remains to be sent
        registries.append(registry)
    one, two = registries
    assert one.shown() == two.shown()
    assert _told(one) == _told(two)
    assert one.meter() == two.meter()


def _told(registry: RegistryModel) -> list[object]:
    return [None if reading is None else (reading.at_us, reading.value) for reading in registry.series()[1]]

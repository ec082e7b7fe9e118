"""Which syncs count for a meter that is expected from sync: lastSeenInSyncAt and consecutiveMissingSyncs."""

from typing import Any

import pytest

from handlers.rules.telematics import is_seen_by_unit, missed, seen
from schemas.assets import Assignment, EffectiveAssignment, Explicit, Telematics
from schemas.wire import parse_time
from tests.support.registry_model import NOON, RegistryModel

KM = "ODOMETER_KM"
EXPECTED: dict[str, Any] = {"meterCode": KM, "expectedFromSync": True}
READING = {"value": 1, "unit": "KM", "recordedAt": "2024-11-18T10:30:00Z"}
NOON_US = parse_time(NOON, "NOON")


def _expecting(**more: object) -> RegistryModel:
    """A registry in which asset `A` has a meter that was seen once, in the first sync."""
    registry = RegistryModel()
    registry.put(meters=[{**EXPECTED, **more, "currentReading": READING}])
    registry.clock = "2024-11-18T13:00:00Z"
    return registry


def _counts(registry: RegistryModel) -> tuple[int, int]:
    """Hours between noon and the last sight, and the number of syncs missed since."""
    health = registry.health()
    assert health.last_seen_us is not None
    return (health.last_seen_us - NOON_US) // 3_600_000_000, health.missing


@pytest.mark.parametrize(
    ("entry", "counts"),
    [
        pytest.param({"meters": [{"meterCode": KM, "currentReading": READING}]}, (1, 0), id="a current reading"),
        pytest.param({"meters": [{"meterCode": KM, "currentReading": {**READING, "value": 99}}]}, (1, 0), id="a suspect one"),
        pytest.param(
            {"meters": [{"meterCode": KM, "currentReading": {"value": None, "status": "NOT_EQUIPPED"}}]},
            (1, 0),
            id="not equipped",
        ),
        pytest.param({"meters": [{"meterCode": KM, "currentReading": {**READING, "unit": "MI"}}]}, (0, 1), id="a refused one"),
        pytest.param({"meters": [{"meterCode": KM}]}, (0, 1), id="an assignment without a reading"),
        pytest.param({"meters": [{"meterCode": "HOURS"}]}, (0, 1), id="another meter"),
        pytest.param({}, (0, 1), id="the asset alone"),
        pytest.param({"meters": [], "meterReadings": None}, (0, 1), id="empty lists"),
        pytest.param(
            {
                "meters": [{"meterCode": KM, "currentReading": READING}],
                "meterReadings": [{"meterCode": KM, **READING, "value": 0}],
            },
            (1, 0),
            id="a catch-up",
        ),
        pytest.param({"meterReadings": [{"meterCode": KM, **READING}]}, (0, 0), id="a backfill"),
        pytest.param({"meters": [], "meterReadings": [{"meterCode": KM, **READING}]}, (0, 0), id="a backfill with empty meters"),
        pytest.param(
            {"meters": [{"meterCode": "HOURS"}], "meterReadings": [{"meterCode": KM, **READING}]},
            (0, 1),
            id="history beside meters",
        ),
        pytest.param({"meters": [{"meterCode": KM, "expectedFromSync": False}]}, (0, 0), id="expected no more"),
        pytest.param({"meters": [{"meterCode": KM, "isActive": False}]}, (0, 0), id="inactive"),
        pytest.param({"meters": [{"meterCode": KM, "isApplicable": False}]}, (0, 0), id="not applicable"),
        pytest.param({"status": "RETIRED"}, (0, 0), id="a retired asset"),
        pytest.param({"name": ""}, (0, 0), id="an asset that fails"),
    ],
)
def test_what_counts(entry: dict[str, object], counts: tuple[int, int]) -> None:
    """An accepted current reading is a sight; a sync that brings the asset without one is a miss, but for backfills."""
    registry = _expecting(validationThresholds={"max": 50})
    registry.put(**entry)
    assert _counts(registry) == counts


def test_misses_add_up_and_a_sight_ends_them() -> None:
    """Each sync without a reading adds one, and a reading sets the count to 0."""
    registry = _expecting()
    for number in (1, 2, 3):
        registry.put()
        assert _counts(registry) == (0, number)
    registry.put(meters=[{"meterCode": KM, "currentReading": READING}])
    assert _counts(registry) == (1, 0)


def test_a_sync_without_the_asset_counts_nothing() -> None:
    """Only syncs that bring the asset count."""
    registry = _expecting()
    registry.put(externalAssetId="B")
    assert _counts(registry) == (0, 0)


def test_a_meter_that_is_not_expected_has_no_counts() -> None:
    """Readings of a meter that isn't expected from sync are no sight."""
    registry = RegistryModel()
    registry.put(meters=[{"meterCode": KM, "currentReading": READING}])
    registry.put()
    assert registry.health() == Telematics()


@pytest.mark.parametrize(("entries", "counts"), [("--", (0, 1)), ("-r", (1, 0)), ("r-", (1, 0)), ("rr", (1, 0))])
def test_an_asset_twice_in_one_sync(entries: str, counts: tuple[int, int]) -> None:
    """A sync counts once for a meter: as a sight if any entry brings a reading, else as one miss."""
    registry = _expecting()
    silent, heard = {"meters": None}, {"meters": [{"meterCode": KM, "currentReading": READING}]}
    registry.sync({"assets": [{"externalAssetId": "A", **(heard if letter == "r" else silent)} for letter in entries]})
    assert _counts(registry) == counts


def test_a_retry_counts_once() -> None:
    """A sync that comes again under its syncBatchId doesn't count again, nor after a later sync; another body does."""
    registry = _expecting()
    silent = {"syncBatchId": "b", "assets": [{"externalAssetId": "A"}]}
    registry.sync(silent)
    registry.clock = "2024-11-18T15:00:00Z"
    registry.sync(silent)
    assert _counts(registry) == (0, 1)
    heard = {"syncBatchId": "c", "assets": [{"externalAssetId": "A", "meters": [{"meterCode": KM, "currentReading": READING}]}]}
    registry.sync(heard)
    registry.clock = "2024-11-18T16:00:00Z"
    registry.sync(silent)
    registry.sync(heard)
    assert _counts(registry) == (3, 0)
    registry.sync(silent | {"syncBatchId": "d"})
    registry.sync(heard)
    assert _counts(registry) == (3, 1)
    registry.sync({"assets": silent["assets"]})
    registry.sync({"assets": silent["assets"]})
    assert _counts(registry) == (3, 3)


def test_a_retry_has_the_time_of_the_first_receipt() -> None:
    """Readings without a time have that of the first receipt, however often the sync comes."""
    registry = RegistryModel()
    body = {
        "syncBatchId": "b",
        "assets": [
            {"externalAssetId": "A", "name": "n", "meters": [{"meterCode": KM, "currentReading": {"value": 1, "unit": "KM"}}]}
        ],
    }
    registry.sync(body)
    registry.clock = "2024-11-18T15:00:00Z"
    registry.sync(body)
    assert [(reading.at_us, mark.shown) for reading, mark in registry.series()[0]] == [(NOON_US, True)]


def test_a_retry_counts_if_the_asset_failed_at_first() -> None:
    """What failed the first time counts when a retry makes it work."""
    registry = RegistryModel(asset_types=[])
    asset = {"externalAssetId": "A", "name": "n", "assetTypeName": "Pump", "meters": [{**EXPECTED, "currentReading": READING}]}
    body = {"syncBatchId": "b", "assets": [asset]}
    assert registry.sync(body)["errors"]
    registry.index.asset_types = {"Pump"}
    assert registry.sync(body)["results"][0]["status"] == "CREATED"
    assert _counts(registry) == (0, 0)


def test_an_implied_meter_is_expected() -> None:
    """A meter that only a pairing implies is expected, and missed by a sync that brings the asset without a reading."""
    registry = RegistryModel()
    registry.put()
    registry = RegistryModel(assets=[registry.asset()], implied={registry.asset().asset_id: {KM: ("tp:1",)}})
    registry.put()
    assert registry.health().missing == 1
    registry.put(meters=[{"meterCode": KM, "currentReading": READING}])
    assert registry.health() == Telematics(NOON_US, 0, 2)


def test_sequence_decides() -> None:
    """The counters go by journal sequence: what is earlier than the last that counted changes nothing."""
    state = missed(seen(Telematics(), 5, 50), 7)
    assert state == Telematics(50, 1, 7)
    assert seen(state, 6, 60) == missed(state, 7) == missed(state, 6) == state
    assert seen(state, 7, 70) == Telematics(70, 0, 7)


@pytest.mark.parametrize(
    ("said", "expected", "is_seen"), [(None, True, True), (True, True, False), (False, False, False), (None, False, False)]
)
def test_by_unit_readings(said: bool | None, expected: bool, is_seen: bool) -> None:
    """A by-unit reading is a sight of a meter that only a pairing makes expected."""
    explicit = None if said is None else Explicit(Assignment(expected_from_sync=said))
    assert is_seen_by_unit(EffectiveAssignment(expected_from_sync=expected), explicit) is is_seen

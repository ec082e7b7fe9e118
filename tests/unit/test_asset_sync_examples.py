"""Every example of the Asset Sync documentation, with the whole answer."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from handlers.rules.meter_units import MissingUnit
from schemas.assets import Meter
from tests.support.registry_model import METERS, NOON, RegistryModel

FIXTURES = Path(__file__).parents[2] / "fixtures" / "asset_sync"
MISSING_KM = "Unit is required for meter 'ODOMETER_KM'. Please specify the unit in your sync payload."
PUMP, TRUCK = "ASSET-100245", "ASSET-100246"


def _load(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_bytes())
    return loaded


def _registry(missing_unit: MissingUnit = "reject", known: tuple[str, ...] = (), **reference: Any) -> RegistryModel:  # noqa: ANN401 - arguments of RegistryModel
    registry = RegistryModel(missing_unit=missing_unit, **reference)
    for identity in known:
        registry.put(externalAssetId=identity, name="known before")
    return registry


def _documented(name: str, **warnings: list[str]) -> dict[str, Any]:
    """A documented answer with what every answer of ours has besides, and with other warnings where given, by externalAssetId."""
    answer = _load(f"{name}.response")
    for error in answer["errors"]:
        error["status"] = "FAILED"
    for result in answer["results"]:
        result["warnings"] = warnings.get(result["externalAssetId"], result["warnings"])
    return answer


def _comparable(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without the ids, which are ours to give; that they are there is checked here."""
    for result in answer["results"]:
        assert result.pop("assetId").startswith("asset_")
        result.pop("leaseAssetId", None)
    return answer


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("regular-sync", (PUMP, TRUCK)),
        ("initial-setup", ()),
        ("all-succeeded", (PUMP,)),
    ],
)
def test_complete_examples_when_units_are_assumed(name: str, known: tuple[str, ...]) -> None:
    """Under `assume` the complete examples are answered exactly as documented."""
    answer = _registry("assume", known).sync((FIXTURES / f"{name}.request.json").read_bytes())
    assert _comparable(answer) == _comparable(_documented(name))


@pytest.mark.parametrize(("name", "known"), [("regular-sync", (PUMP, TRUCK)), ("initial-setup", ())])
def test_complete_examples_when_units_are_required(name: str, known: tuple[str, ...]) -> None:
    """Under `reject` the same answers have one warning for each meter whose readings came without a unit."""
    answer = _registry("reject", known).sync((FIXTURES / f"{name}.request.json").read_bytes())
    assert _comparable(answer) == _comparable(_documented(name, **{PUMP: [MISSING_KM], TRUCK: [MISSING_KM]}))


def test_partial_success() -> None:
    """An unknown meter warns, a missing name and an unknown asset type fail, each in the documented words."""
    registry = _registry(meters=[Meter("ODOMETER_KM", "KM")])
    answer = registry.sync((FIXTURES / "partial-success.request.json").read_bytes())
    assert _comparable(answer) == _comparable(_documented("partial-success"))
    assert registry.index.with_identity("ASSET-777") is registry.index.with_identity("ASSET-888") is None


def test_answers_carry_the_integer_id() -> None:
    """Each result also has the integer id that bulk patches know the asset by."""
    answer = _registry().sync(_load("all-succeeded.request"))
    assert [result["leaseAssetId"] for result in answer["results"]] == [1, 2, 3]


def test_minimal() -> None:
    """The minimal request creates an asset with every default."""
    registry = _registry()
    answer = registry.sync(_load("minimal.request"))
    assert _comparable(answer) == {
        "results": [{"externalAssetId": "ASSET-001", "status": "CREATED", "warnings": []}],
        "errors": [],
    }
    asset = registry.asset("ASSET-001")
    assert (asset.name, asset.code, asset.status, asset.custom_fields) == ("Water Pump", "ASSET-001", "ACTIVE", {})


def test_meter_assignment() -> None:
    """The assignment example creates the asset, assigns the meter and stores its reading."""
    registry = _registry()
    answer = registry.sync(_load("meter-assignment.request"))
    assert answer["syncBatchId"] == "batch-003"
    assert [(result["status"], result["warnings"]) for result in answer["results"]] == [("CREATED", [])]
    meter = registry.meter(identity="ASSET-003")
    assert (meter.is_active, meter.expected_from_sync, meter.equipment_status) == (True, True, "EQUIPPED")
    assert registry.shown(identity="ASSET-003") == [("25000", "NORMAL")]


def test_current_reading_pattern() -> None:
    """The telematics example, which has no name, updates a known asset and counts as seen."""
    registry = _registry(known=("VEHICLE-001",))
    answer = registry.sync(_load("current-reading.request"))
    assert _comparable(answer) == {
        "results": [{"externalAssetId": "VEHICLE-001", "status": "UPDATED", "warnings": []}],
        "errors": [],
    }
    assert registry.asset("VEHICLE-001").name == "known before"
    health = registry.health(identity="VEHICLE-001")
    assert (health.missing, health.last_seen_us is not None) == (0, True)


def test_historical_pattern() -> None:
    """The backfill example stores both readings, creates the assignment, and counts nothing."""
    registry = _registry(known=("VEHICLE-001",))
    answer = registry.sync(_load("historical-readings.request"))
    assert _comparable(answer) == {
        "results": [{"externalAssetId": "VEHICLE-001", "status": "UPDATED", "warnings": []}],
        "errors": [],
    }
    assert registry.shown(identity="VEHICLE-001") == [("24000", "NORMAL"), ("24500", "NORMAL")]
    assert registry.meter(identity="VEHICLE-001").is_active
    assert registry.health(identity="VEHICLE-001").last_seen_us is None


def test_historical_fragment() -> None:
    """The fragment with `meterReadings` stands as it is in any asset."""
    registry = _registry()
    assert registry.put(**_load("meter-readings.fragment"))["warnings"] == []
    assert registry.shown() == [("24000", "NORMAL"), ("24500", "NORMAL")]


def test_matching_fragments() -> None:
    """Each single-field example matches what the table says: asset by code, type by name, site and meter by code."""
    fragments = _load("matching.fragments")
    registry = _registry()
    registry.put(externalAssetId="P", **fragments["asset"])
    thresholds = {"validationThresholds": fragments["validationThresholds"]}
    result = registry.put(
        externalAssetId="Q",
        **fragments["asset"],
        **fragments["assetType"],
        **fragments["site"],
        meters=[fragments["meter"] | thresholds],
    )
    asset = registry.asset("P")
    assert (result["status"], result["assetId"], result["warnings"]) == ("UPDATED", asset.asset_id, [])
    assert (asset.asset_type_name, asset.site_code) == ("Pump", "SITE-42")
    assert registry.meter(identity="P").validation_thresholds == {"maxDeltaPerDay": 1000}


def test_initial_setup_state() -> None:
    """After the complete initial setup every field that was sent is there, and the latest reading is the current one."""
    registry = _registry("assume")
    registry.sync(_load("initial-setup.request"))
    asset, odometer, hours = registry.asset(PUMP), registry.meter(identity=PUMP), registry.meter("HOURS", PUMP)
    assert (asset.code, asset.name, asset.asset_type_name, asset.site_code) == ("PUMP-001", "Main Water Pump", "Pump", "SITE-42")
    assert (asset.serial, asset.status, asset.description) == ("SN-12345", "ACTIVE", "Primary water pump for building A")
    assert asset.custom_fields == {"manufacturer": "ABC Pumps", "model": "XP-5000", "installationDate": "2020-01-15"}
    assert asset.metadata == {"externalSystem": "FleetManager", "lastSync": "2024-11-18T10:30:00Z"}
    assert (odometer.initial_reading, hours.initial_reading) == (Decimal(15000), Decimal(0))
    assert odometer.installed_at_us == 1_579_046_400_000_000
    assert odometer.validation_thresholds == {"maxDeltaPerDay": 1000}
    assert [value for value, _ in registry.shown(identity=PUMP)] == ["24000", "24500", "24800", "25000"]
    latest = registry.series(identity=PUMP)[1].latest
    assert latest is not None
    assert (latest.value, latest.note, latest.unit) == (Decimal(25000), "Latest reading from telematics", "KM")


@pytest.mark.parametrize(
    "name", ["regular-sync", "initial-setup", "all-succeeded", "partial-success", "meter-assignment", "current-reading"]
)
def test_a_retry_of_an_example_changes_nothing(name: str) -> None:
    """Any example sent a second time, an hour later, updates without a change and stores no reading twice."""
    registry = _registry("assume", ("VEHICLE-001",))
    body = (FIXTURES / f"{name}.request.json").read_bytes()
    first = registry.sync(body)
    state = registry.state()
    registry.clock = NOON.replace("12:", "13:")
    second = registry.sync(body)
    assert [result | {"status": "UPDATED"} for result in first["results"]] == second["results"]
    assert first["errors"] == second["errors"]
    assert [plan.changes for plan in registry.plans] == [()] * len(registry.plans)
    assert [shown[3] for shown in registry.state().values()] == [shown[3] for shown in state.values()]


def test_reference_data_covers_the_examples() -> None:
    """The reference file beside the examples sets up what they name."""
    reference = tomllib.loads((FIXTURES / "reference.toml").read_text())
    assert set(reference["asset_types"]) == {"Pump", "Vehicle"}
    assert set(reference["sites"]) == {"SITE-42", "WAREHOUSE-A"}
    assert {(code, meter["unit"]) for code, meter in reference["meters"].items()} == {
        (meter.code, meter.unit) for meter in METERS
    }

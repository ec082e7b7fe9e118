"""The asset's own fields, row by row of the table: given, absent, null, default."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.assets import Asset
from tests.support.registry_model import NOON, RegistryModel

FULL: dict[str, Any] = {
    "name": "Main Water Pump",
    "code": "PUMP-001",
    "assetTypeName": "Pump",
    "siteCode": "SITE-42",
    "serial": "SN-12345",
    "status": "INACTIVE",
    "description": "Building A",
    "customFields": {"model": "XP-5000", "power": 2.50},
    "metadata": {"externalSystem": "FleetManager"},
}
STORED: dict[str, Any] = {
    "name": "Main Water Pump",
    "code": "PUMP-001",
    "asset_type_name": "Pump",
    "site_code": "SITE-42",
    "serial": "SN-12345",
    "status": "INACTIVE",
    "description": "Building A",
    "custom_fields": {"model": "XP-5000", "power": Decimal("2.5")},
    "metadata": {"externalSystem": "FleetManager"},
}


def _fields(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in STORED}


def test_every_field_is_stored() -> None:
    """A new asset has every field as sent."""
    registry = RegistryModel()
    registry.put(**FULL)
    assert _fields(registry.asset()) == STORED


def test_defaults_on_creation() -> None:
    """What isn't sent, or is sent as null, has its default on creation: ACTIVE, the id as code, nothing else."""
    expected = {"name": "n", "code": "A", "status": "ACTIVE", "custom_fields": {}}
    for sent in ({}, {field: None for field in FULL if field not in {"name", "status"}}):
        registry = RegistryModel()
        assert registry.put(**sent | {"name": "n"})["status"] == "CREATED"
        assert _fields(registry.asset()) == dict.fromkeys(STORED) | expected


def test_absent_leaves() -> None:
    """An update that sends nothing but the id changes nothing, and doesn't count as a change."""
    registry = RegistryModel()
    registry.put(**FULL)
    registry.clock = NOON.replace("12:", "13:")
    assert registry.sync({"assets": [{"externalAssetId": "A"}]})["results"][0]["status"] == "UPDATED"
    asset = registry.asset()
    assert _fields(asset) == STORED
    assert asset.updated_at_us == asset.created_at_us
    assert registry.plans[0].changes == ()


@pytest.mark.parametrize(
    ("field", "stored", "value"),
    [
        ("code", "code", "A"),
        ("assetTypeName", "asset_type_name", None),
        ("siteCode", "site_code", None),
        ("serial", "serial", None),
        ("description", "description", None),
        ("customFields", "custom_fields", {}),
        ("metadata", "metadata", None),
    ],
)
def test_null_clears(field: str, stored: str, value: object) -> None:
    """Null clears one field, the code back to the externalAssetId, and leaves the others."""
    registry = RegistryModel()
    registry.put(**FULL)
    registry.clock = NOON.replace("12:", "13:")
    assert registry.put(**{"name": FULL["name"], field: None})["warnings"] == []
    assert _fields(registry.asset()) == STORED | {stored: value}
    assert registry.asset().updated_at_us > registry.asset().created_at_us


@pytest.mark.parametrize("field", ["code", "assetTypeName", "siteCode"])
def test_an_empty_name_of_something_is_null(field: str) -> None:
    """An empty code, type name or site code names nothing: it is cleared without a warning."""
    one, two = RegistryModel(), RegistryModel()
    for registry, nothing in ((one, None), (two, "")):
        registry.put(**FULL)
        assert registry.put(**{field: nothing})["warnings"] == []
    assert _fields(one.asset()) == _fields(two.asset())


@pytest.mark.parametrize(
    ("stored", "sent", "result"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": {"x": 1}}, {"a": {"y": None}}, {"a": {"y": None}}),
        ({"a": 1}, {"a": True}, {"a": True}),
    ],
    ids=["added", "replaced", "removed by null", "an empty object", "values are replaced whole", "true is not 1"],
)
def test_custom_fields_merge_by_key(stored: dict[str, object], sent: dict[str, object], result: dict[str, object]) -> None:
    """Custom fields merge key by key, and null removes one."""
    registry = RegistryModel()
    registry.put(customFields=stored)
    registry.put(customFields=sent)
    fields = registry.asset().custom_fields
    assert (fields, str(fields)) == (result, str(result))
    assert {change.name for change in registry.plans[0].changes} == {
        f"customFields.{key}" for key in stored.keys() | result.keys() if str(stored.get(key)) != str(result.get(key))
    }


def test_metadata_is_replaced() -> None:
    """The metadata is replaced as a whole."""
    registry = RegistryModel()
    registry.put(metadata={"a": 1})
    registry.put(metadata={"b": 2.50})
    assert registry.asset().metadata == {"b": Decimal("2.5")}


@pytest.mark.parametrize("name", [{"name": None}, {"name": ""}, {"name": "  "}], ids=["null", "empty", "blank"])
def test_an_empty_name_is_always_an_error(name: dict[str, object]) -> None:
    """`name is required` for an empty or null name, whether or not the asset exists, and nothing changes."""
    registry = RegistryModel()
    failure = {"externalAssetId": "A", "message": "name is required", "status": "FAILED"}
    assert registry.put(**name) == failure
    registry.put(**FULL)
    assert registry.put(**name, serial="other") == failure
    assert _fields(registry.asset()) == STORED


def test_an_absent_name_needs_an_asset() -> None:
    """Without a name a new asset fails, in the documented words, and a known one keeps its name."""
    registry = RegistryModel()
    body = {"assets": [{"externalAssetId": "A"}]}
    assert registry.sync(body)["errors"] == [{"externalAssetId": "A", "message": "name is required", "status": "FAILED"}]
    registry.put(name="stored")
    assert registry.sync(body)["errors"] == []
    assert registry.asset().name == "stored"


def test_an_unknown_asset_type_is_an_error() -> None:
    """An asset whose type isn't found is neither created nor changed, in the documented words; the match is exact."""
    registry = RegistryModel()
    for name in ("Crane", "pump"):
        message = f"Asset type '{name}' not found. Please create the asset type in-app before syncing assets."
        assert registry.put(assetTypeName=name) == {"externalAssetId": "A", "message": message, "status": "FAILED"}
    assert registry.index.with_identity("A") is None
    registry.put(**FULL)
    assert registry.put(assetTypeName="Crane", serial="other")["status"] == "FAILED"
    assert _fields(registry.asset()) == STORED


def test_an_unknown_site_is_a_warning() -> None:
    """An unknown site leaves a new asset without one and a known asset with its own, in the documented words."""
    registry = RegistryModel()
    warning = "Site with code 'site-42' not found, asset will be created without site"
    assert registry.put(siteCode="site-42")["warnings"] == [warning]
    assert registry.asset().site_code is None
    registry.put(siteCode="SITE-42")
    assert registry.put(siteCode="site-42")["warnings"] == [warning]
    assert registry.asset().site_code == "SITE-42"


@pytest.mark.parametrize(
    ("status", "new", "known"),
    [
        ({}, "CREATED", "UPDATED"),
        ({"status": "ACTIVE"}, "CREATED", "UPDATED"),
        ({"status": "INACTIVE"}, "DISABLED", "DISABLED"),
        ({"status": "RETIRED"}, "DISABLED", "DISABLED"),
    ],
)
def test_result_status(status: dict[str, str], new: str, known: str) -> None:
    """DISABLED whenever the request sets INACTIVE or RETIRED, else CREATED for a new asset and UPDATED for a known one."""
    registry = RegistryModel()
    assert registry.put(**status)["status"] == new
    assert registry.put(**status)["status"] == known
    assert registry.put()["status"] == "UPDATED"


def test_retirement_begins_once() -> None:
    """The retirement's time is that of the sync that began it; leaving it and coming back begins another."""
    registry = RegistryModel()
    times = []
    for hour, status in enumerate(["RETIRED", "RETIRED", "ACTIVE", "INACTIVE", "RETIRED"], 10):
        registry.clock = f"2024-11-18T{hour}:00:00Z"
        registry.put(status=status)
        times.append(registry.asset().retired_at_us)
    assert times[0] == times[1] is not None
    assert times[2] is times[3] is None
    assert (times[4] or 0) - (times[0] or 0) == 4 * 3600 * 1_000_000


def test_changes_are_told_field_by_field() -> None:
    """The audit names each field with its value before and after, and nothing that stayed."""
    registry = RegistryModel()
    registry.put(serial="1", customFields={"a": 1})
    assert {(change.name, change.before, change.after) for change in registry.plans[0].changes} == {
        ("externalAssetId", None, "A"),
        ("code", None, "A"),
        ("name", None, "Pump"),
        ("serial", None, "1"),
        ("status", None, "ACTIVE"),
        ("origin", None, "sync"),
        ("customFields.a", None, 1),
    }
    registry.put(serial="2", status="RETIRED", customFields={"a": None})
    assert {(change.name, change.before, change.after) for change in registry.plans[0].changes} == {
        ("serial", "1", "2"),
        ("status", "ACTIVE", "RETIRED"),
        ("customFields.a", 1, None),
    }

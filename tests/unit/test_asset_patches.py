"""What a patch makes of an asset."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import asdict, replace

from handlers.rules.asset_patches import not_found, plan_patch
from schemas.assets import Asset, Change
from schemas.patches import AssetPatch

ASSET = Asset(
    asset_id="asset_1",
    lease_asset_id=222,
    external_asset_id="TRUCK-1",
    code="TRUCK-1",
    name="Truck",
    serial="1HGCM82633A000001",
    cost_center="1",
    custom_fields={"Employee name": "Hans", "Year": Decimal(2019)},
    updated_at_us=5,
)
NOW = 7
FIELDS = {
    "serial_number": "serial",
    "location": "location",
    "location_of_installation": "location_of_installation",
    "order_number": "order_number",
    "cost_center": "cost_center",
}


def patched(**properties: Any) -> Asset:  # noqa: ANN401 - properties of a patch
    """The asset after a patch."""
    return plan_patch(0, ASSET, AssetPatch(222, **properties), NOW).asset


@pytest.mark.parametrize(("name", "field"), FIELDS.items())
def test_each_property(name: str, field: str) -> None:
    """A value replaces what is stored, null clears it, and nothing else changes but the time of the update."""
    assert patched(**{name: "x"}) == replace(ASSET, **{field: "x", "updated_at_us": NOW})
    cleared = replace(ASSET, **{field: None})
    assert replace(patched(**{name: None}), updated_at_us=5) == cleared


def test_custom_fields_merge_by_name() -> None:
    """A field that is sent is set, null removes one, the others stay; null in place of all removes all."""
    fields = {"Employee name": "Hans Peter", "Year": None, "Colour": "red"}
    assert patched(customer_specific_fields=fields).custom_fields == {"Employee name": "Hans Peter", "Colour": "red"}
    assert patched(customer_specific_fields={}).custom_fields == ASSET.custom_fields
    assert patched(customer_specific_fields=None).custom_fields == {}


@pytest.mark.parametrize("properties", [{}, {"cost_center": "1"}, {"customer_specific_fields": {"Year": 2019, "none": None}}])
def test_what_changes_nothing(properties: dict[str, Any]) -> None:
    """A patch that says what is so already writes nothing, and leaves no trace."""
    plan = plan_patch(3, ASSET, AssetPatch(222, **properties), NOW)
    assert (plan.number, plan.asset, plan.asset_changed, plan.changes) == (3, ASSET, False, ())


def test_changes_are_told_field_by_field() -> None:
    """The audit names each property as the API does, from what to what."""
    patch = AssetPatch(222, serial_number="abc", cost_center=None, customer_specific_fields={"Year": 2020})
    assert plan_patch(0, ASSET, patch, NOW).changes == (
        Change("serial", "1HGCM82633A000001", "abc"),
        Change("costCenter", "1", None),
        Change("customFields.Year", Decimal(2019), 2020),
    )


_texts = st.one_of(st.just(UNSET), st.none(), st.sampled_from(["", "a", "1", "1HGCM82633A000001"]))
_fields = st.one_of(
    st.just(UNSET), st.none(), st.dictionaries(st.sampled_from(["Year", "b"]), st.one_of(st.none(), st.integers(2018, 2020)))
)


@settings(max_examples=100, deadline=None)
@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, _texts)), _fields)
def test_a_patch_twice_is_a_patch_once(properties: dict[str, Any], fields: Any) -> None:  # noqa: ANN401 - what was sent
    """Applying a patch again changes nothing, and what it doesn't name is as before."""
    patch = AssetPatch(222, **properties, customer_specific_fields=fields)
    once = plan_patch(0, ASSET, patch, NOW)
    again = plan_patch(0, once.asset, patch, NOW + 1)
    assert not again.asset_changed
    assert again.asset == once.asset
    named = {FIELDS[name] for name, value in properties.items() if value is not UNSET}
    before, after = asdict(ASSET), asdict(once.asset)
    assert {name for name in before if before[name] != after[name]} <= named | {"custom_fields", "updated_at_us"}


def test_the_documented_error() -> None:
    """An asset that the organization doesn't have is answered with the documented text."""
    assert not_found(333) == "Either an asset with the id '333' does not exist or it is not accessible to you."

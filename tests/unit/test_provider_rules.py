"""What a provider's things are called in the registry, and when their absence is believed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.provider_absence import judge_absence
from handlers.rules.provider_registry import asset_entry, is_own, is_too_long, meter_changes, meter_of, registry_name
from schemas.assets import Meter
from schemas.provider_records import ProviderAsset, ProviderMeter
from schemas.providers import Deactivation


@pytest.mark.parametrize(
    ("active", "missing", "deactivates"),
    [
        (10, 0, False),
        (10, 1, True),
        (5, 5, True),
        (10, 5, True),
        (11, 6, False),
        (12, 6, True),
        (100, 50, True),
        (100, 51, False),
    ],
)
def test_the_guard_needs_both_bounds(active: int, missing: int, deactivates: bool) -> None:
    """More than 5 and more than half of what was active is not believed; either alone is."""
    assert judge_absence("assets", active, missing, Deactivation()).deactivate is deactivates


@settings(deadline=None, max_examples=200)
@given(active=st.integers(0, 200), missing=st.integers(0, 200), most=st.integers(0, 50), share=st.floats(0, 1))
def test_never_beyond_the_guard(active: int, missing: int, most: int, share: float) -> None:
    """Whatever the bounds are, what is deactivated keeps to one of them, and what isn't is told, unless nothing is missing."""
    missing = min(missing, active)
    verdict = judge_absence("meters", active, missing, Deactivation(count_max=most, share_max=share))
    if verdict.deactivate:
        assert missing > 0
        assert missing <= most or missing <= share * active
    else:
        assert missing == 0 or (missing > most and missing > share * active)
    assert bool(verdict.said) == bool(missing)


def test_names_are_the_providers_and_the_things() -> None:
    """An id may hold anything, a colon too; what the registry's indexes can't hold is told before it is tried."""
    assert registry_name("fleet", "a:b") == "fleet:a:b"
    assert not is_too_long("fleet", "x" * 250)
    assert is_too_long("fleet", "x" * 251)


def test_a_serial_is_cleared_only_by_who_gave_it() -> None:
    """A provider that never gave a serial leaves it to others; one that gave it and doesn't any more takes it back."""
    with_serial = ProviderAsset(external_id="V1", name="Truck", serial="WDB1")
    without = ProviderAsset(external_id="V1", name="Truck")
    assert asset_entry("fleet", with_serial, None).serial == "WDB1"
    assert asset_entry("fleet", without, with_serial).serial is None
    assert asset_entry("fleet", without, without).serial is not None
    assert asset_entry("fleet", without, None).serial is not None


def test_what_is_new_of_a_meter_is_told() -> None:
    """Each field that differs, and nothing for the same meter."""
    record = ProviderMeter(external_id="M1", asset_id="V1", type="Water", unit="m3", subtype="Potable")
    meter = meter_of("fleet", record)
    assert meter == Meter(code="fleet:M1", unit="m3", type="Water", subtype="Potable")
    assert [(change.name, change.before, change.after) for change in meter_changes(None, meter)] == [
        ("unit", None, "m3"),
        ("type", None, "Water"),
        ("subtype", None, "Potable"),
    ]
    assert meter_changes(meter, meter) == []


def test_an_actor_is_known_by_its_first_word() -> None:
    """The run stands behind the provider's name, which has no spaces."""
    assert is_own("fleet run_17", "fleet")
    assert not is_own("fleet-2 run_17", "fleet")

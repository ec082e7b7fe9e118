"""Blocking keys: an indexed lookup finds what a scan of the whole fleet finds."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.vin import read
from handlers.rules.vin_keys import probe_keys, stored_keys
from handlers.rules.vin_match import match
from handlers.rules.vin_tiers import fit
from schemas.vin import AssetVin
from tests.support.vin_measure import KeyIndex
from tests.support.vins import SAMPLE, changed, families, swapped


def _assets(vins: Iterable[str]) -> list[AssetVin]:
    return [AssetVin(f"asset_{n}", None, vin) for n, vin in enumerate(vins)]


@pytest.mark.parametrize(
    ("vin", "keys"),
    [
        (SAMPLE, ("end:000001", "vin:1HGCM8263A000001")),
        (SAMPLE.lower(), ("end:000001", "vin:1HGCM8263A000001")),
        ("IHGCM82633AOOOOOI", ("end:000001", "vin:1HGCM8263A000001")),
        ("F3A000001", ("end:000001",)),
        ("F3A00000?", ()),
        ("UNKNOWN", ()),
        ("ABC12", ()),
        ("", ()),
        (None, ()),
    ],
)
def test_stored_keys(vin: str | None, keys: tuple[str, ...]) -> None:
    """An asset is stored under its last 6 and, if it has all 17, under them without position 9; an invalid one under nothing."""
    assert stored_keys(vin) == keys


def test_probe_keys_are_few() -> None:
    """A partial VIN is looked up once, a whole one under at most 67 keys, whatever is in it."""
    assert probe_keys("F3A000001") == ("end:000001",)
    assert probe_keys("NONE") == probe_keys(None) == probe_keys("F3A00000?") == ()
    assert len(probe_keys("2A4GM684X6R682052")) <= 67
    assert len(probe_keys(SAMPLE)) == len(set(probe_keys(SAMPLE)))


@settings(max_examples=300, deadline=None)
@given(families(min_size=2, max_size=2))
def test_whatever_fits_shares_a_key_from_either_side(pair: list[str]) -> None:
    """Whoever is stored and whoever asks: where a tier fits, a stored key is among those looked up."""
    one, other = pair
    if fit(read(one), read(other)):
        assert set(probe_keys(one)) & set(stored_keys(other))
        assert set(probe_keys(other)) & set(stored_keys(one))


@pytest.mark.parametrize(
    "sensor",
    [
        *(SAMPLE, "1hgcm82633a000001", "3A000001", "F3A000001", "000001", "F3D000001", "I" + SAMPLE, "IHGCM82633AOOOOOI"),
        *(changed(SAMPLE, 17, digit) for digit in "0123456789SGBZD"),
        *(swapped(SAMPLE, at) for at in range(1, 17)),
        *(changed(changed(SAMPLE, 12, "7"), 9, check) for check in "0X"),
    ],
)
def test_every_tier_is_reached(sensor: str) -> None:
    """A lookup by keys finds the sample under each kind of fault exactly where a comparison with it fits."""
    assets = _assets([SAMPLE, "WDB9634033A000001", "3A000001", "000001"])
    assert match(sensor, KeyIndex(assets).lookup(sensor)) == match(sensor, assets)


@settings(max_examples=100, deadline=None)
@given(st.lists(families(min_size=2, max_size=6), min_size=1, max_size=3))
def test_an_indexed_lookup_equals_a_full_scan(fleet: list[list[str]]) -> None:
    """Over any fleet the candidates by keys are those of a full scan, explanations and counts included, for each of its texts."""
    vins = [vin for family in fleet for vin in family]
    index, assets = KeyIndex(_assets(vins)), _assets(vins)
    for sensor in vins:
        assert match(sensor, index.lookup(sensor)) == match(sensor, assets)

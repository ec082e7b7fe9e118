"""Which asset a Datahub asset is: the rule by itself."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.links import (
    can_change,
    linked_asset,
    provisional_asset,
    provisional_id,
    provisional_of,
    refreshed,
    told,
    vin_of,
)
from schemas.facts import Copy, Fact, Meaning
from schemas.links import DatahubAsset
from tests.support.facts import ORGANIZATION, UNIT, A, B, minute

VIN = "1HGCM82633A000001"
OTHER = "WDB96340310500042"
KEYS = st.sampled_from(["k1", "k2", "k3"])
VINS = st.sampled_from([None, VIN, OTHER])


def fact(at: float, key: str, vin: str | None) -> Fact:
    """A pairing with A at a minute."""
    return Fact(key, ORGANIZATION, UNIT, "paired", minute(at), A, Meaning("ManualPair", asset_vin=vin))


def datahub_asset(vin: str | None, datahub_asset_id: str = A) -> DatahubAsset:
    """A Datahub asset with a VIN."""
    return DatahubAsset(ORGANIZATION, datahub_asset_id, minute(0), "k", vin, vin_of(vin))


@pytest.mark.parametrize(
    ("explicit", "holders", "linked"),
    [
        ({}, {}, None),
        ({}, {VIN: ["asset_1"]}, "asset_1"),
        ({}, {VIN: ["asset_1", "asset_2"]}, None),
        ({}, {OTHER: ["asset_1"]}, None),
        ({A: "asset_3"}, {VIN: ["asset_1"]}, "asset_3"),
        ({A: "asset_3"}, {VIN: ["asset_1", "asset_2"]}, "asset_3"),
        ({B: "asset_3"}, {VIN: ["asset_1"]}, "asset_1"),
    ],
)
def test_an_operator_then_the_only_asset_with_the_vin_then_a_provisional_one(
    explicit: dict[str, str], holders: dict[str, list[str]], linked: str | None
) -> None:
    """An explicit link wins; else exactly one asset must have the VIN; else the asset is a provisional one of its own."""
    assert linked_asset(datahub_asset(VIN), explicit, holders) == linked


@pytest.mark.parametrize("vin", [None, "UNKNOWN", "AB"])
def test_what_is_no_vin_finds_nothing(vin: str | None) -> None:
    """Without a VIN, or with one whose verdict is invalid, no asset is found by it."""
    asset = datahub_asset(vin)
    assert asset.vin_key is None
    assert linked_asset(asset, {}, {"": ["asset_1"], str(vin): ["asset_1"]}) is None


def test_the_vin_is_that_of_the_latest_fact_that_has_one() -> None:
    """By time, then by key; a fact without a VIN says nothing of it, and without any fact nothing is known."""
    facts = [fact(1, "k1", VIN), fact(2, "k1", OTHER), fact(2, "k2", VIN), fact(3, "k3", None)]
    found = told(ORGANIZATION, A, facts)
    assert found == DatahubAsset(ORGANIZATION, A, minute(2), "k2", VIN, VIN)
    nameless = told(ORGANIZATION, A, facts[3:])
    assert nameless is not None
    assert (nameless.vin, nameless.vin_key) == (None, None)
    assert told(ORGANIZATION, A, []) is None


def test_provisional_assets_are_named_after_what_is_known() -> None:
    """The name is the VIN, or the first 8 of the UUID, and follows the VIN unless somebody gave another."""
    asset = provisional_asset(datahub_asset(None), "asset_1", 1, f"datahub:{A}", minute(0))
    assert (asset.external_asset_id, asset.name, asset.serial, asset.origin) == (
        f"datahub:{A}",
        "Asset 1aaaaaaa",
        None,
        "datahub",
    )
    assert provisional_of(asset) == A
    assert provisional_of(replace(asset, origin="sync")) is None
    known = refreshed(asset, datahub_asset(VIN), minute(1))
    assert (known.name, known.serial, known.updated_at_us) == (VIN, VIN, minute(1))
    assert refreshed(known, datahub_asset(VIN), minute(2)) is known
    named = refreshed(replace(known, name="Trailer 7"), datahub_asset(OTHER), minute(2))
    assert (named.name, named.serial) == ("Trailer 7", OTHER)


def test_provisional_ids_are_the_same_in_every_store() -> None:
    """They depend on nothing but the organization, the UUID and the number."""
    ids = [provisional_id(ORGANIZATION, one, number) for one in (A, B) for number in range(3)]
    assert len(set(ids)) == 6
    assert ids[0] == provisional_id(ORGANIZATION, A, 0)
    assert all(len(each) == len("asset_") + 22 and each.startswith("asset_") for each in ids)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), KEYS, VINS), max_size=6), st.tuples(st.integers(0, 5), KEYS, VINS))
def test_looking_again_only_where_a_copy_can_change_something_is_enough(
    before: list[tuple[int, str, str | None]], new: tuple[int, str, str | None]
) -> None:
    """What `can_change` passes over leaves the VIN as it was, also when an earlier fact of that VIN is what is known."""
    facts = {(at, key): fact(at, key, vin) for at, key, vin in before if (at, key) != new[:2]}
    known = told(ORGANIZATION, A, facts.values())
    copy = Copy(new[1], ORGANIZATION, UNIT, "paired", minute(new[0]), A, 2, Meaning("ManualPair", asset_vin=new[2]))
    after = told(ORGANIZATION, A, [*facts.values(), fact(*new)])
    assert after is not None
    for each in facts.values():
        later = [one for one in facts.values() if (one.at_us, one.event_key) > (each.at_us, each.event_key)]
        if (
            known
            and known.vin
            and known.vin == each.meaning.asset_vin
            and all(one.meaning.asset_vin in (None, known.vin) for one in later)
        ):
            bound = known._replace(at_us=each.at_us, event_key=each.event_key)
            assert can_change(bound, [copy]) or after.vin == known.vin
    assert can_change(known, [copy]) or (known is not None and after.vin == known.vin)

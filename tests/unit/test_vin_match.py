"""Candidates for a sensor's VIN: order, advice, explanations, and when a success is doubtful."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.vin import read
from handlers.rules.vin_match import answer, match, mismatch, suggestion
from handlers.rules.vin_tiers import fit
from schemas.vin import AssetVin, Candidate
from tests.support.vins import SAMPLE, changed, families, with_check_digit

SOUND = "1M8GDM9AXKP042788"
OTHER = "YS2R4X20005399401"


def asset(number: int, vin: str | None, *, named: bool = False, occupied: bool = False) -> AssetVin:
    """An asset of the registry."""
    return AssetVin(f"asset_{number}", f"uuid-{number}" if named else None, vin, named=named, occupied=occupied)


def test_the_documented_success_scores_077_and_asks_for_review() -> None:
    """F3A000001 on ZF's sample is told position by position, with the number of assets that share its end."""
    [found] = match("F3A000001", [asset(1, SAMPLE)])
    assert found == Candidate(
        registry_asset_id="asset_1",
        asset_id=None,
        vin=SAMPLE,
        score=0.77,
        tier="vis",
        advice="review",
        explanation="last 8 characters equal; position 9 is F on the sensor, 3 on the asset; "
        "1 asset shares these 8, 1 the last 6; check digit fails on the asset",
        named=False,
    )


def test_a_candidate_looks_on_the_wire_as_documented() -> None:
    """A candidate's fields have the names and the order of the interface."""
    [found] = msgspec.to_builtins(match("F3D000001", [asset(1, SAMPLE, named=True)]))
    assert list(found) == ["registryAssetId", "assetId", "vin", "score", "tier", "advice", "explanation", "named"]
    assert (found["score"], found["tier"], found["advice"], found["named"]) == (0.45, "serial", "review", True)


def test_the_answer_of_a_match_is_the_report_with_candidates() -> None:
    """The answer has the documented fields: the report, the suggestion by registry id, and the candidates."""
    sent = msgspec.to_builtins(answer("3a-000001", match("3a-000001", [asset(1, SAMPLE)])))
    assert [candidate["tier"] for candidate in sent.pop("candidates")] == ["suffix"]
    assert sent == {
        "normalized": "3A000001",
        "repaired": "3A000001",
        "verdict": "partial",
        "valid": False,
        "problems": ("8 of 17 characters",),
        "wmi": None,
        "vds": None,
        "vis": None,
        "checkDigit": "not-applicable",
        "suggestion": "asset_1",
    }


@pytest.mark.parametrize(
    ("sensor", "fleet", "advice"),
    [
        (SAMPLE, [asset(1, SAMPLE)], "suggest"),
        ("3A000001", [asset(1, SAMPLE)], "suggest"),
        # 1.00 is ahead of 0.85 by 0.15 and no less; of 0.97, 0.92 and 0.85 none is far enough ahead of what comes next.
        (SOUND, [asset(1, SOUND), asset(2, changed(SOUND, 17, "B"))], "suggest"),
        (SOUND.lower(), [asset(1, SOUND), asset(2, changed(SOUND, 17, "B"))], "review"),
        (SAMPLE, [asset(1, SAMPLE), asset(2, SAMPLE.lower())], "review"),
        (SAMPLE, [asset(1, SAMPLE), asset(2, SAMPLE)], "review"),
        (SAMPLE, [asset(1, SAMPLE), asset(2, "3A000001")], "review"),
        ("3A000001", [asset(1, SAMPLE), asset(2, "X3A000001")], "review"),
        # 0.92 ahead of 0.77 by exactly 0.15; ahead of 0.65, 0.45, 0.30 and of named ones by more.
        ("33A000001", [asset(1, SAMPLE), asset(2, "WDB96340F3A000001")], "suggest"),
        ("3A000001", [asset(1, SAMPLE), asset(2, "000001")], "suggest"),
        (SAMPLE, [asset(1, SAMPLE), asset(2, changed(SAMPLE, 17, "2"))], "suggest"),
        (SAMPLE, [asset(1, SAMPLE), asset(2, None, named=True)], "suggest"),
        # Below 0.90 nothing is suggested, below 0.40 nothing advised.
        (changed(SOUND, 17, "B"), [asset(1, SOUND)], "review"),
        ("F3A000001", [asset(1, SAMPLE)], "review"),
        ("000001", [asset(1, SAMPLE)], "review"),
        ("F3D000001", [asset(1, SAMPLE)], "review"),
        (changed(SAMPLE, 17, "2"), [asset(1, SAMPLE)], "none"),
        ("UNKNOWN", [asset(1, SAMPLE, named=True)], "none"),
        # Another unit of the same type on the asset stands against it; on another asset it doesn't.
        (SAMPLE, [asset(1, SAMPLE, occupied=True)], "review"),
        (SAMPLE, [asset(1, SAMPLE), asset(2, "000001", occupied=True)], "suggest"),
    ],
)
def test_advice(sensor: str, fleet: list[AssetVin], advice: str) -> None:
    """Suggest from 0.90 with a lead of 0.15 on a free asset, review from 0.40, else none; at most one is suggested."""
    found = match(sensor, fleet)
    assert (found[0].registry_asset_id, found[0].advice) == ("asset_1", advice)
    assert all(candidate.advice != "suggest" for candidate in found[1:])
    assert suggestion(found) == ("asset_1" if advice == "suggest" else None)


def test_one_asset_under_two_datahub_ids_is_no_rival_of_itself() -> None:
    """An asset that Datahub names under two UUIDs is suggested all the same."""
    twice = [AssetVin("asset_1", uuid, SAMPLE, named=True) for uuid in ("u1", "u2")]
    assert suggestion(match(SAMPLE, twice)) == "asset_1"
    assert suggestion(match(SAMPLE, [*twice, asset(2, SAMPLE)])) is None


@pytest.mark.parametrize(
    ("sensor", "named", "reason"),
    [
        ("F3D000001", AssetVin(None, "u1", None, named=True), "the registry holds no such asset"),
        ("F3D000001", AssetVin("asset_1", "u1", None, named=True), "its VIN isn't known"),
        ("F3D000001", AssetVin("asset_1", "u1", "UNKNOWN", named=True), "its VIN is invalid: UNKNOWN is a placeholder"),
        ("F3D000001", AssetVin("asset_1", "u1", OTHER, named=True), "no rule finds its VIN in the sensor's"),
        ("NONE", AssetVin("asset_1", "u1", OTHER, named=True), "the sensor's VIN is invalid: NONE is a placeholder"),
        (None, AssetVin("asset_1", "u1", OTHER, named=True), "the sensor has no VIN"),
        ("", AssetVin("asset_1", "u1", OTHER, named=True), "the sensor has no VIN"),
    ],
)
def test_named_assets_always_appear(sensor: str | None, named: AssetVin, reason: str) -> None:
    """An asset that Datahub named appears with score 0 and tier `named` where no rule fits, and says why."""
    [found] = match(sensor, [named, asset(2, None)])
    assert (found.registry_asset_id, found.asset_id, found.score, found.tier, found.named) == (
        named.registry_asset_id,
        "u1",
        0,
        "named",
        True,
    )
    assert (found.advice, found.explanation) == ("none", f"named by Datahub; {reason}")


def test_a_named_asset_that_fits_keeps_its_tier() -> None:
    """Being named doesn't change a score; of equals the named one comes first."""
    found = match("3A000001", [asset(1, SAMPLE), asset(2, "WDB9634033A000001", named=True)])
    assert [(candidate.registry_asset_id, candidate.tier) for candidate in found] == [
        ("asset_2", "suffix"),
        ("asset_1", "suffix"),
    ]
    assert found[0].explanation.endswith("; named by Datahub; not clearly ahead of the next, which scores 0.92")


@pytest.mark.parametrize(
    ("sensor", "asset_vin", "doubtful"),
    [
        ("F3A000001", SAMPLE, False),
        ("000001", SAMPLE, False),
        ("F3D000001", SAMPLE, True),
        (changed(SAMPLE, 17, "2"), SAMPLE, True),
        (OTHER, SAMPLE, True),
        # 0.62 with six contradictions, 0.59 with seven.
        ("WDB96G" + SAMPLE[6:], SAMPLE, False),
        ("WDB96GX" + SAMPLE[7:], SAMPLE, True),
        (None, SAMPLE, False),
        (SAMPLE, None, False),
        ("UNKNOWN", SAMPLE, False),
        (OTHER, "NONE", False),
        ("", "", False),
    ],
)
def test_a_success_is_doubtful_below_060(sensor: str | None, asset_vin: str | None, doubtful: bool) -> None:
    """A success is doubtful where both VINs are present, neither is invalid, and they match at less than 0.60."""
    assert mismatch(sensor, asset_vin) is doubtful


@settings(max_examples=150, deadline=None)
@given(families(min_size=1, max_size=7), st.lists(st.tuples(st.booleans(), st.booleans()), min_size=7, max_size=7))
def test_matching_holds_its_promises_over_any_fleet(texts: list[str], flags: list[tuple[bool, bool]]) -> None:
    """Best first whatever the order, an exact match first of all; a suggestion is sure, clear and free, and never a sibling."""
    sensor, *vins = texts
    fleet = [asset(n, vin, named=named, occupied=busy) for n, (vin, (named, busy)) in enumerate(zip(vins, flags, strict=False))]
    found = match(sensor, fleet)
    assert match(sensor, reversed(fleet)) == found
    assert all(better.score >= worse.score for better, worse in pairwise(found))
    fits = {entry.registry_asset_id: fit(read(sensor), read(entry.vin or "")) for entry in fleet}
    assert {candidate.registry_asset_id for candidate in found} == {
        entry.registry_asset_id for entry in fleet if fits[entry.registry_asset_id] or entry.named
    }
    if any(entry.vin == sensor for entry in fleet) and read(sensor).verdict == "valid":
        assert found[0].tier == "exact"
    for place, candidate in enumerate(found):
        if candidate.advice == "suggest":
            assert place == 0
            assert candidate.tier in {"exact", "normalized", "suffix"}
            assert all(round(100 * (candidate.score - other.score)) >= 15 for other in found[1:])
            assert not next(entry.occupied for entry in fleet if entry.registry_asset_id == candidate.registry_asset_id)
        if candidate.tier == "sibling":
            assert (candidate.score, candidate.advice) == (0.30, "none")


def test_a_run_of_sister_vehicles_is_no_rival() -> None:
    """A whole run of sister vehicles against one of them gives that one exactly and its neighbours as siblings."""
    run = [with_check_digit(f"1M8GDM9AXKP{serial:06d}") for serial in range(42760, 42810)]
    found = match(run[7], [asset(n, vin) for n, vin in enumerate(run)])
    assert (found[0].registry_asset_id, found[0].advice) == ("asset_7", "suggest")
    assert {candidate.tier for candidate in found[1:]} == {"sibling"}

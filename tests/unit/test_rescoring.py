"""Which open cases are looked at again, and what of their candidates is told."""

import pytest
from hypothesis import given, settings

from handlers.rules.links import vin_of
from handlers.rules.rescoring import NOBODY, best_candidate, case_keys, keys_hit
from handlers.rules.vin_match import match
from schemas.pairing import Episode
from schemas.vin import AssetVin
from tests.support.facts import A, B
from tests.support.vins import SAMPLE, families


def episode(sensor_vin: str | None, *named: str) -> Episode:
    """A case with one failure."""
    return Episode("NotFound", ("k",), (("NotFound", sensor_vin),), 1, 0, 0, 0, sensor_vin, candidate_asset_ids=named)


@settings(max_examples=200, deadline=None)
@given(families(min_size=2, max_size=2))
def test_whatever_could_be_a_candidate_hits_the_case(pair: list[str]) -> None:
    """An asset that a case would list, by any tier, has it looked at again as soon as the asset gets or loses its VIN."""
    sensor, asset = pair
    vin = vin_of(asset)
    if vin is not None and match(sensor, [AssetVin("asset_1", None, asset)]):
        assert not case_keys(episode(sensor)).isdisjoint(keys_hit([vin], ()))


@pytest.mark.parametrize(
    ("case", "vins", "named", "hit"),
    [
        (episode("WDB96340310500042"), [SAMPLE], [A], False),
        (episode(None), [SAMPLE], [A], False),
        (episode("F3A000001"), [SAMPLE], [], True),
        (episode(None, B, A), [], [A], True),
        (episode("F3A000001"), [], [], False),
    ],
)
def test_a_case_is_found_by_its_vin_or_by_an_asset_that_it_names(
    case: Episode, vins: list[str], named: list[str], hit: bool
) -> None:
    """A case of another VIN, or of none, isn't found; one that names a Datahub asset is found by it."""
    assert case_keys(case).isdisjoint(keys_hit(vins, named)) is not hit


@pytest.mark.parametrize(
    ("assets", "best"),
    [
        ([], NOBODY),
        ([AssetVin(None, A, None, named=True)], NOBODY),
        ([AssetVin("asset_1", A, SAMPLE)], f'["asset_1","{A}","suggest"]'),
        ([AssetVin("asset_1", None, SAMPLE, occupied=True)], '["asset_1",null,"review"]'),
        ([AssetVin("asset_1", None, "1HGCM82633A000002")], NOBODY),
    ],
)
def test_the_best_candidate_is_told_with_the_advice_on_it(assets: list[AssetVin], best: str) -> None:
    """Where nothing speaks for any candidate, there is no best one."""
    assert best_candidate(match(SAMPLE, assets)) == best

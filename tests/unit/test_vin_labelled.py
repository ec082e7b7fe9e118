"""Suggestions over labelled draws: never a wrong one, and nearly all that can be decided."""

from itertools import islice

from handlers.rules.vin_match import match
from tests.support.vin_draws import FAULTS, draws, make_fleet
from tests.support.vin_measure import KeyIndex, as_assets, measure

DRAWS = 4_000


def test_no_wrong_suggestion_and_nearly_all_that_can_be_decided() -> None:
    """Over 4,000 labelled pairs with every kind of fault no suggestion is wrong, and 0.95 of the decidable ones are suggested."""
    fleet = make_fleet(3_000, seed=11)
    found = measure(as_assets(fleet, seed=12), draws(fleet, seed=13), DRAWS)
    assert found.total.draws == DRAWS
    assert found.by_fault.keys() == {name for name, *_ in FAULTS}
    assert found.total.wrong == 0
    assert found.total.precision == 1
    assert found.total.decidable > DRAWS / 2
    assert found.total.recall_of_decidable >= 0.95
    # Few texts spell another vehicle; those that do aren't hidden.
    assert 0 < found.spelling_another.draws < DRAWS / 50


def test_an_unoccupied_decidable_draw_is_always_suggested() -> None:
    """Where no vehicle is occupied, a draw that can be decided is suggested, each one: recall falls short for no other reason."""
    fleet = make_fleet(1_000, seed=21)
    free = [asset for asset in as_assets(fleet, seed=22) if not asset.occupied]
    vins = [asset.vin or "" for asset in free]
    found = measure(free, draws(vins, seed=23), 1_500)
    assert found.total.recall_of_decidable == 1


def test_the_draws_are_the_same_each_time() -> None:
    """A seed determines the fleet and the draws."""
    fleet = make_fleet(500, seed=31)
    assert make_fleet(500, seed=31) == fleet
    assert list(islice(draws(fleet, seed=32), 200)) == list(islice(draws(fleet, seed=32), 200))
    assert list(islice(draws(fleet, seed=32), 200)) != list(islice(draws(fleet, seed=33), 200))


def test_a_lookup_over_a_generated_fleet_equals_a_full_scan() -> None:
    """For sensors with every kind of fault the candidates by keys are those of a scan of the whole fleet."""
    fleet = make_fleet(400, seed=41)
    assets = as_assets(fleet, seed=42)
    index = KeyIndex(assets)
    for draw in islice(draws(fleet, seed=43), 150):
        assert match(draw.sensor, index.lookup(draw.sensor)) == match(draw.sensor, assets)


def test_a_lookup_is_selective() -> None:
    """In a fleet of 20,000 with long runs of sister vehicles a lookup reads few rows."""
    fleet = make_fleet(20_000, seed=51)
    index = KeyIndex(as_assets(fleet, seed=52))
    read = [sum(1 for _ in index.touched(vin)) for vin in fleet[::40]]
    assert sum(read) / len(read) < 30
    assert max(read) < 100

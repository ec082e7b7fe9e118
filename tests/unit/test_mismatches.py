"""VinMismatch cases of one unit: which successes are doubtful together, and what ends the doubt."""

from typing import NamedTuple

import pytest
from hypothesis import given, settings

from handlers.rules.mismatches import VIN_MISMATCH
from handlers.rules.units import fold_unit
from schemas.facts import Fact
from schemas.pairing import Episode, UnitState
from tests.support.facts import MINUTE_US, START_US, A, B, asserted, failed, paired, unit_facts, unpaired
from tests.support.oracle import mismatches_of

VIN, SAME, OTHER, THIRD = "1HGCM82633A000001", "F3A000001", "WDB96340310500042", "WDB96340310500043"


def auto(asset_id: str, at: float, sensor_vin: str | None, asset_vin: str | None = VIN) -> Fact:
    """An automatic pairing."""
    return paired(asset_id, at, "AutoPair", sensor_vin=sensor_vin, asset_vin=asset_vin)


def doubtful(asset_id: str, at: float, sensor_vin: str = OTHER) -> Fact:
    """An automatic pairing whose VINs don't go together."""
    return auto(asset_id, at, sensor_vin)


class Story(NamedTuple):
    """Facts, and for each episode the minutes of its facts and the minute and way in which it ended, None while it is open."""

    name: str
    facts: list[Fact]
    episodes: list[tuple[list[float], float | None, str | None]]


STORIES = [
    Story("the VINs match", [auto(A, 0, SAME)], []),
    Story("they don't", [doubtful(A, 0)], [([0], None, None)]),
    Story("by hand", [paired(A, 0, sensor_vin=OTHER, asset_vin=VIN)], []),
    Story("no sensor VIN", [auto(A, 0, None)], []),
    Story("no asset VIN", [auto(A, 0, OTHER, None)], []),
    Story("an invalid sensor VIN", [auto(A, 0, "UNKNOWN")], []),
    Story("an invalid asset VIN", [auto(A, 0, OTHER, "TEST")], []),
    Story("doubtful as it confirms", [paired(A, 0), doubtful(A, 5)], [([5], None, None)]),
    Story("doubtful again", [doubtful(A, 0), doubtful(A, 5, THIRD)], [([0, 5], None, None)]),
    Story("a match resolves it", [doubtful(A, 0), auto(A, 5, SAME)], [([0], 5, "paired")]),
    Story("so does one by hand", [doubtful(A, 0), paired(A, 5, sensor_vin=SAME, asset_vin=VIN)], [([0], 5, "paired")]),
    Story("a pairing by hand without VINs doesn't", [doubtful(A, 0), paired(A, 5)], [([0], None, None)]),
    Story("an assertion has no sensor VIN", [doubtful(A, 0), asserted(paired(A, 5))], [([0], None, None)]),
    Story("one without a sensor VIN doesn't", [doubtful(A, 0), auto(A, 5, None)], [([0], None, None)]),
    Story("doubtful after a match", [doubtful(A, 0), auto(A, 5, SAME), doubtful(A, 7)], [([0], 5, "paired"), ([7], None, None)]),
    Story("unpaired", [doubtful(A, 0), unpaired(A, 5)], [([0], 5, "unpaired")]),
    Story("superseded", [doubtful(A, 0), paired(B, 5)], [([0], 5, "paired")]),
    Story("superseded doubtfully", [doubtful(A, 0), doubtful(B, 5)], [([0], 5, "paired"), ([5], None, None)]),
    Story("an empty interval", [doubtful(A, 0), unpaired(A, 0)], [([0], 0, "unpaired")]),
    Story("moved at one instant", [doubtful(A, 0), unpaired(A, 5), doubtful(B, 5)], [([0], 5, "unpaired"), ([5], None, None)]),
    Story("confirmed doubtfully as it ends", [doubtful(A, 0), doubtful(A, 5), unpaired(A, 5)], [([0, 5], 5, "unpaired")]),
    Story("confirmed with a match as it ends", [doubtful(A, 0), auto(A, 5, SAME), unpaired(A, 5)], [([0], 5, "paired")]),
    Story("a stale unpairing ends nothing", [doubtful(A, 0), unpaired(B, 5)], [([0], None, None)]),
    Story("one that lost a tie isn't a success", [paired(A, 0), doubtful(B, 0)], []),
    Story("one that was replaced isn't either", [doubtful(A, 0), asserted(paired(A, 0))], []),
    Story("a failure ends nothing", [doubtful(A, 0), failed(5)], [([0], None, None)]),
    Story("a late end", [doubtful(A, 0), paired(B, 9), unpaired(A, 5)], [([0], 5, "unpaired")]),
    Story("a late doubt joins", [paired(A, 0), doubtful(A, 9), doubtful(A, 5)], [([5, 9], None, None)]),
]


def mismatches(facts: list[Fact]) -> list[Episode]:
    """The VinMismatch cases, by their first fact."""
    episodes = [episode for episode in fold_unit(UnitState(), facts).episodes if episode.reason == VIN_MISMATCH]
    return sorted(episodes, key=lambda episode: episode.first_at_us)


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_stories(story: Story) -> None:
    """Doubtful automatic successes on one interval are one case until its end or a match, and the second opinion agrees."""
    minutes = {fact.event_key: (fact.at_us - START_US) / MINUTE_US for fact in story.facts}
    for facts in (story.facts, story.facts[::-1]):
        found = mismatches(facts)
        told = [
            (
                [minutes[key] for key in episode.failures],
                None if episode.resolved_at_us is None else (episode.resolved_at_us - START_US) / MINUTE_US,
                episode.resolved_by,
            )
            for episode in found
        ]
        assert told == story.episodes
        assert found == sorted(mismatches_of(facts), key=lambda episode: episode.first_at_us)


def test_a_case_shows_its_latest_doubt() -> None:
    """Sensor VIN, asset and asset VIN are the latest fact's; the 48 h clock starts anew with another sensor VIN."""
    (episode,) = mismatches([doubtful(A, 0), doubtful(A, 5, THIRD), doubtful(A, 7, THIRD)])
    assert (episode.sensor_vin, episode.asset_id, episode.asset_vin) == (THIRD, A, VIN)
    assert episode.kinds == ((VIN_MISMATCH, OTHER), (VIN_MISMATCH, THIRD))
    assert (episode.attempts, episode.run_from_us) == (3, START_US + 5 * MINUTE_US)
    assert episode.candidate_asset_ids == ()


def test_it_never_makes_a_unit_unmatched() -> None:
    """A unit with a VinMismatch case is paired; where there is room for one case, a failure case is shown first."""
    state = fold_unit(UnitState(), [doubtful(A, 0)]).state
    assert (state.status, state.case) == ("paired", state.mismatch)
    state = fold_unit(state, [failed(5)]).state
    assert (state.status, state.case) == ("paired", state.episode)
    state = fold_unit(state, [unpaired(A, 7)]).state
    assert (state.status, state.case, state.mismatch) == ("unmatched", state.episode, None)


@settings(deadline=None, max_examples=150)
@given(unit_facts())
def test_episodes_agree_with_the_second_opinion(facts: list[Fact]) -> None:
    """For any facts the VinMismatch cases are those of a slow implementation of the rule's text, one open at most."""
    found = mismatches(facts)
    key = lambda episode: (episode.first_at_us, episode.failures)  # noqa: E731 - one order for both sides
    assert sorted(found, key=key) == sorted(mismatches_of(facts), key=key)
    assert sum(episode.resolved_at_us is None for episode in found) <= 1

"""Failure cases of one unit: which failures are one episode, what ends it, and its 48 hours."""

import hashlib
import json
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from handlers.rules.cases import DEADLINE_US, case_id, deadline_us, is_escalated
from handlers.rules.mismatches import VIN_MISMATCH
from handlers.rules.units import fold_unit
from schemas.facts import Fact, Location
from schemas.pairing import Episode, UnitState
from tests.support.facts import (
    MINUTE_US,
    ORGANIZATION,
    START_US,
    UNIT,
    A,
    B,
    asserted,
    failed,
    minute,
    paired,
    unit_facts,
    unpaired,
)
from tests.support.oracle import episodes_of


class Story(NamedTuple):
    """Facts, and the minutes of the failures in each episode with the minute in which it was resolved, None while it is open."""

    name: str
    facts: list[Fact]
    episodes: list[tuple[list[float], float | None]]


STORIES = [
    Story("no failure, no case", [paired(A, 0)], []),
    Story("one failure", [failed(0)], [([0], None)]),
    Story("one case for all reasons", [failed(0), failed(1, "Unknown"), failed(2, "InvalidData", None)], [([0, 1, 2], None)]),
    Story("a success ends it", [failed(0), failed(60), paired(A, 61)], [([0, 60], 61)]),
    Story("a failure after it is a new episode", [failed(0), paired(A, 5), failed(7)], [([0], 5), ([7], None)]),
    Story("failures before successes at one instant", [failed(5), paired(A, 5)], [([5], 5)]),
    Story("a success without failures before", [paired(A, 0), failed(5), paired(A, 7)], [([5], 7)]),
    Story("confirming is a success too", [paired(A, 0), failed(3), paired(A, 5, "AutoPair")], [([3], 5)]),
    Story("an unpairing ends nothing", [failed(0), unpaired(A, 5)], [([0], None)]),
    Story("a stale unpairing ends nothing", [paired(A, 0), failed(3), unpaired(B, 5)], [([3], None)]),
    Story("an end ends no failure case", [paired(A, 0), failed(3), unpaired(A, 5)], [([3], None)]),
    Story("an empty interval was a success", [failed(0), paired(A, 5), unpaired(A, 5)], [([0], 5)]),
    Story("asserted is a success", [failed(0), asserted(paired(A, 5))], [([0], 5)]),
    Story("an assertion replaces no failure of its instant", [failed(5), asserted(paired(A, 5))], [([5], 5)]),
    Story("asserted unpaired, it still could not be matched", [failed(5), asserted(unpaired(A, 5))], [([5], None)]),
    Story(
        "a success that was replaced at its instant is none",
        [failed(0), paired(A, 5), asserted(unpaired(B, 5))],
        [([0], None)],
    ),
    Story("a late success splits a case", [failed(0), failed(9), paired(A, 5)], [([0], 5), ([9], None)]),
    Story("a late failure joins an earlier end", [paired(A, 5), failed(3)], [([3], 5)]),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_stories(story: Story) -> None:
    """Failures are one episode until an effective success, and the second opinion agrees."""
    for facts in (story.facts, story.facts[::-1]):
        episodes = fold_unit(UnitState(), facts).episodes
        expected = [([failed_key(facts, at) for at in minutes], end) for minutes, end in story.episodes]
        assert [(list(episode.failures), minute_of(episode.resolved_at_us)) for episode in episodes] == expected
        assert list(episodes) == episodes_of(facts)
        assert all((episode.resolved_by == "paired") == (episode.resolved_at_us is not None) for episode in episodes)


def failed_key(facts: list[Fact], at: float) -> str:
    """The key of the failure at a minute."""
    return next(fact.event_key for fact in facts if fact.kind == "failed" and fact.at_us == minute(at))


def minute_of(us: int | None) -> float | None:
    """The minute after the start of a time."""
    return None if us is None else (us - START_US) / MINUTE_US


def only(facts: list[Fact]) -> Episode:
    """The one episode of some facts."""
    (episode,) = fold_unit(UnitState(), facts).episodes
    return episode


def test_a_case_shows_its_latest_failure() -> None:
    """Reason, sensorVIN, location and candidates are the latest failure's, absent ones included."""
    place = Location(50.869, 2.8942)
    first = failed(0, "MultipleMatchFound", "F3D000001", candidate_asset_ids=(A, B), location=place)
    shown = only([first, failed(60, "InvalidData", None)])
    assert (shown.reason, shown.sensor_vin, shown.location, shown.candidate_asset_ids) == ("InvalidData", None, None, ())
    assert (shown.first_at_us, shown.last_at_us) == (minute(0), minute(60))
    shown = only(
        [failed(0, "InvalidData", None), failed(60, "MultipleMatchFound", "V", candidate_asset_ids=(A,), location=place)]
    )
    assert (shown.reason, shown.sensor_vin) == ("MultipleMatchFound", "V")
    assert (shown.location, shown.candidate_asset_ids) == (place, (A,))


def test_the_latest_of_one_instant_is_the_one_with_the_greater_key() -> None:
    """At one instant failures are ordered by key, in whichever order they are given."""
    facts = [failed(0, reason) for reason in ("Unknown", "NotFound", "InvalidData")]
    last = max(facts, key=lambda fact: fact.event_key)
    assert only(facts) == only(facts[::-1])
    assert only(facts).reason == last.meaning.reason


def test_kinds_are_the_sorted_set_of_what_failed() -> None:
    """A case holds each (reason, sensorVIN) that it had, once, without one before any."""
    facts = [failed(0), failed(1, "NotFound", None), failed(2, "InvalidData", "Z"), failed(3), failed(4, "InvalidData", "B")]
    assert only(facts).kinds == (
        ("InvalidData", "B"),
        ("InvalidData", "Z"),
        ("NotFound", None),
        ("NotFound", "F3A000001"),
    )


RUNS = [
    ("one failure", [failed(0)], 0),
    ("an unbroken run", [failed(0), failed(60), failed(120)], 0),
    ("another reason", [failed(0), failed(60, "Unknown")], 60),
    ("another sensorVIN", [failed(0), failed(60, sensor_vin="W")], 60),
    ("a sensorVIN that went away", [failed(0), failed(60, sensor_vin=None)], 60),
    ("back to the first", [failed(0), failed(60, "Unknown"), failed(120), failed(180)], 120),
    ("a late one breaks the run", [failed(0), failed(120), failed(60, "Unknown")], 120),
]


@pytest.mark.parametrize(("facts", "start"), [row[1:] for row in RUNS], ids=[row[0] for row in RUNS])
def test_the_deadline_is_48_hours_after_the_last_unbroken_run_began(facts: list[Fact], start: int) -> None:
    """The clock starts at the first failure of the last unbroken run of one reason and sensorVIN."""
    assert deadline_us(only(facts)) == minute(start) + 48 * 60 * MINUTE_US
    assert deadline_us(only(facts)) - minute(start) == DEADLINE_US


def test_escalated_is_open_and_past_the_deadline() -> None:
    """At the deadline a case is still open; a microsecond later it is escalated, unless it was resolved, however late."""
    episode = only([failed(0)])
    assert not is_escalated(episode, deadline_us(episode))
    assert is_escalated(episode, deadline_us(episode) + 1)
    done = only([failed(0), paired(A, 49 * 60)])
    assert not is_escalated(done, deadline_us(done) + 1)


def test_attempts_are_summed_over_the_failures() -> None:
    """Each failure counts its own attempts; successes count nothing."""
    facts = [failed(0), failed(60), failed(120, "Unknown")]
    many = [replace(fact, attempts=n) for n, fact in enumerate(facts, 2)]
    assert only([*many, paired(A, 200)]).attempts == 2 + 3 + 4


def test_case_id_is_the_hash_of_its_three_parts() -> None:
    """`case_` and 24 hex digits of SHA-256 over organization, unit and the key of a failure."""
    key = failed(0).event_key
    parts = json.dumps([ORGANIZATION, UNIT, key], separators=(",", ":"))
    assert case_id(ORGANIZATION, UNIT, key) == "case_" + hashlib.sha256(parts.encode()).hexdigest()[:24]


STATES = [
    ([], "unpaired"),
    ([paired(A, 0)], "paired"),
    ([paired(A, 0), unpaired(A, 5)], "unpaired"),
    ([failed(0)], "unmatched"),
    ([paired(A, 0), failed(5)], "paired"),
    ([paired(A, 0), failed(5), unpaired(A, 7)], "unmatched"),
    ([failed(0), paired(A, 5), unpaired(A, 7)], "unpaired"),
    ([unpaired(A, 5)], "unpaired"),
]


@pytest.mark.parametrize(("facts", "status"), STATES)
def test_unit_state(facts: list[Fact], status: str) -> None:
    """Paired while an interval is open, else unmatched while a failure case is, else unpaired."""
    assert fold_unit(UnitState(), facts).state.status == status


@settings(deadline=None, max_examples=100)
@given(unit_facts())
def test_cases_agree_with_the_second_opinion(facts: list[Fact]) -> None:
    """For any facts the episodes are the maximal runs of failures between effective successes."""
    episodes = [episode for episode in fold_unit(UnitState(), facts).episodes if episode.reason != VIN_MISMATCH]
    assert episodes == episodes_of(facts)
    failures = [key for episode in episodes for key in episode.failures]
    assert failures == [fact.event_key for fact in facts if fact.kind == "failed"]
    assert all(episode.resolved_at_us is not None for episode in episodes[:-1])

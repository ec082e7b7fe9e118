"""What a refold tells the change feed, and what it writes."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.cases import case_id
from handlers.rules.changes import Difference, EpisodeDifference, diff_episodes, diff_intervals
from handlers.rules.facts import merge_all
from handlers.rules.history import pairing_id
from handlers.rules.units import can_go_on, fold_unit
from schemas.facts import Copy, Fact, Location
from schemas.pairing import Dismissal, Episode, Interval, Remark, UnitState
from tests.support.facts import ORGANIZATION, UNIT, A, B, copy_lists, failed, minute, paired, unit_facts, unpaired


def interval_id(interval: Interval) -> str:
    """The pairingId."""
    return pairing_id(ORGANIZATION, UNIT, interval.asset_id, interval.opening_key)


def episode_id(episode: Episode) -> str:
    """The caseId."""
    return case_id(ORGANIZATION, UNIT, episode.failures[0])


def pairing_of(fact: Fact) -> str:
    """The pairingId that a fact gives the interval it opens."""
    return pairing_id(ORGANIZATION, UNIT, fact.asset_id or "", fact.event_key)


def case_of(fact: Fact) -> str:
    """The caseId that a failure gives."""
    return case_id(ORGANIZATION, UNIT, fact.event_key)


def diff(old: Sequence[Fact], new: Sequence[Fact]) -> Difference:
    """The difference of the intervals of two sets of facts."""
    return diff_intervals(fold_unit(UnitState(), old).intervals, fold_unit(UnitState(), new).intervals, interval_id)


def diff_cases(old: Sequence[Fact], new: Sequence[Fact]) -> EpisodeDifference:
    """The difference of the episodes of two sets of facts."""
    return diff_episodes(fold_unit(UnitState(), old).episodes, fold_unit(UnitState(), new).episodes, episode_id)


_Row = TypeVar("_Row")


class Story(NamedTuple):
    """Facts known before and after; what the feed tells: type, the fact that gives the id, the fact that gave the id before."""

    name: str
    old: list[Fact]
    new: list[Fact]
    told: list[tuple[str, Fact, Fact | None]]


PA, PB = paired(A, 0), paired(B, 5)
STORIES = [
    Story("opened", [], [PA], [("opened", PA, None)]),
    Story("closed", [PA], [PA, unpaired(A, 5)], [("closed", PA, None)]),
    Story("opened and closed at once", [], [PA, unpaired(A, 5)], [("opened", PA, None), ("closed", PA, None)]),
    Story("a move", [PA], [PA, PB], [("closed", PA, None), ("opened", PB, None)]),
    Story("confirmed: nothing", [PA], [PA, paired(A, 5)], []),
    Story("the same: nothing", [PA, PB], [PA, PB], []),
    Story("an unknown start is only closed", [], [unpaired(A, 5)], [("closed", unpaired(A, 5), None)]),
    Story("an empty interval opens and closes", [], [PA, unpaired(A, 0)], [("opened", PA, None), ("closed", PA, None)]),
    Story("a late end", [PA, unpaired(A, 9)], [PA, unpaired(A, 5), unpaired(A, 9)], [("revised", PA, None)]),
    Story("an end that was void opens again", [PA, unpaired(A, 9)], [PA], [("revised", PA, None)]),
    Story("another end", [PA, unpaired(A, 9)], [PA, unpaired(A, 9), PB], [("revised", PA, None), ("opened", PB, None)]),
    Story("an earlier start", [paired(A, 5)], [PA, paired(A, 5)], [("revised", PA, paired(A, 5))]),
    Story("a known start", [unpaired(A, 5)], [PA, unpaired(A, 5)], [("revised", PA, unpaired(A, 5))]),
    Story("a start that was void", [PA, unpaired(A, 5)], [unpaired(A, 5)], [("revised", unpaired(A, 5), PA)]),
    Story("an earlier start and an end", [paired(A, 5)], [PA, paired(A, 5), unpaired(A, 7)], [("revised", PA, paired(A, 5))]),
    Story("a void pairing", [PA], [], [("removed", PA, None)]),
    Story("another asset is another pairing", [PA], [paired(B, 0)], [("removed", PA, None), ("opened", paired(B, 0), None)]),
    Story(
        "two that become one: the first is revised, the second removed",
        [PA, unpaired(A, 3), paired(A, 5)],
        [PA, paired(A, 5)],
        [("removed", paired(A, 5), None), ("revised", PA, None)],
    ),
    Story(
        "one that becomes two",
        [PA, paired(A, 5)],
        [PA, unpaired(A, 3), paired(A, 5)],
        [("closed", PA, None), ("opened", paired(A, 5), None)],
    ),
    Story(
        "two that become one under a new id: the earlier one is the one revised",
        [paired(A, 2), unpaired(A, 3), paired(A, 5)],
        [PA, paired(A, 2), paired(A, 5)],
        [("removed", paired(A, 5), None), ("revised", PA, paired(A, 2))],
    ),
    Story(
        "another copy of the opening",
        [PA],
        [paired(A, 0, location=Location(50.869, 2.8942))],
        [("revised", PA, None)],
    ),
    Story(
        "another copy of the opening and an end: closed",
        [PA],
        [paired(A, 0, location=Location(50.869, 2.8942)), unpaired(A, 5)],
        [("closed", PA, None)],
    ),
    Story(
        "the interval before an unknown start",
        [unpaired(B, 9)],
        [PA, unpaired(A, 3), unpaired(B, 9)],
        [("opened", PA, None), ("closed", PA, None), ("revised", unpaired(B, 9), None)],
    ),
]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_pairing_changes(story: Story) -> None:
    """The feed tells what opened, closed, was revised (with the id before, if that is another) and was removed."""
    told = [(change.type, change.pairing_id, change.previous_id) for change in diff(story.old, story.new).changes]
    assert told == [(f"pairing.{kind}", pairing_of(fact), was and pairing_of(was)) for kind, fact, was in story.told]


def test_an_opening_shows_the_interval_as_it_opened() -> None:
    """Where an interval opened and closed unseen, the first change shows it open, the second as it ended."""
    opened, closed = diff([], [PA, paired(A, 3), unpaired(A, 5)]).changes
    assert (opened.interval.unpaired_at_us, opened.interval.ended_by, opened.interval.events) == (None, None, (PA.event_key,))
    assert (closed.interval.unpaired_at_us, closed.interval.ended_by, len(closed.interval.events)) == (minute(5), "unpaired", 3)


def test_a_removal_shows_what_was_removed() -> None:
    """`pairing.removed` carries the interval as it was."""
    (change,) = diff([PA, unpaired(A, 5)], []).changes
    assert change.interval.unpaired_at_us == minute(5)


def test_evidence_is_written_though_not_told() -> None:
    """A confirmation puts the interval with its new evidence and tells nothing."""
    difference = diff([PA], [PA, paired(A, 5)])
    assert difference.changes == ()
    assert difference.remove == ()
    assert [interval.events for interval in difference.put.values()] == [(PA.event_key, paired(A, 5).event_key)]


F0, F3, F7 = failed(0), failed(3), failed(7)
CASES: list[tuple[str, list[Fact], list[Fact], list[tuple[str, Fact, Fact | None]]]] = [
    ("opened", [], [F0], [("opened", F0, None)]),
    ("one more failure", [F0], [F0, F3], [("updated", F0, None)]),
    ("one more attempt", [F0], [replace(F0, attempts=2)], [("updated", F0, None)]),
    ("resolved", [F0], [F0, paired(A, 5)], [("resolved", F0, None)]),
    ("failed once more, then resolved", [F0], [F0, F3, paired(A, 5)], [("resolved", F0, None)]),
    ("opened and resolved at once", [], [F0, paired(A, 5)], [("opened", F0, None), ("resolved", F0, None)]),
    ("resolved earlier", [F0, paired(A, 5)], [F0, paired(A, 3), paired(A, 5)], [("updated", F0, None)]),
    ("the success was void", [F0, paired(A, 5)], [F0], [("reopened", F0, None)]),
    ("the same: nothing", [F0, paired(A, 5), F7], [F0, paired(A, 5), F7], []),
    ("a late first failure", [F3], [F0, F3], [("removed", F3, F0), ("opened", F0, None)]),
    ("its first failure was void", [F0, F3], [F3], [("removed", F0, F3), ("opened", F3, None)]),
    ("its only failure was void", [F0], [], [("removed", F0, None)]),
    (
        "a void success joins two",
        [F0, paired(A, 5), F7],
        [F0, F7],
        [("removed", F7, F0), ("reopened", F0, None)],
    ),
    (
        "a late success makes two of one",
        [F0, F7],
        [F0, paired(A, 5), F7],
        [("resolved", F0, None), ("opened", F7, None)],
    ),
    (
        "a void first failure and a late success: the case of the next failure takes over",
        [F0, F3, F7],
        [F3, paired(A, 5), F7],
        [("removed", F0, F3), ("opened", F3, None), ("resolved", F3, None), ("opened", F7, None)],
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), [row[1:] for row in CASES], ids=[row[0] for row in CASES])
def test_case_changes(old: list[Fact], new: list[Fact], told: list[tuple[str, Fact, Fact | None]]) -> None:
    """The feed tells what became of a case; a removed one names the case that holds its failures now."""
    changes = [(change.type, change.case_id, change.merged_into) for change in diff_cases(old, new).changes]
    assert changes == [(f"case.{kind}", case_of(fact), heir and case_of(heir)) for kind, fact, heir in told]


def test_a_case_opens_open() -> None:
    """Where a case opened and was resolved unseen, the first change shows it open, the second resolved."""
    opened, closed = diff_cases([], [F0, paired(A, 5)]).changes
    assert (opened.episode.resolved_at_us, opened.episode.resolved_by) == (None, None)
    assert (closed.episode.resolved_at_us, closed.episode.resolved_by) == (minute(5), "paired")


OPEN = fold_unit(UnitState(), [F0]).episodes[0]
DISMISSED = replace(OPEN, dismissal=Dismissal(OPEN.kinds, minute(1)))
RESOLVED = replace(OPEN, resolved_at_us=minute(5), resolved_by="paired")
BOTH = replace(DISMISSED, resolved_at_us=minute(5), resolved_by="paired")
NOTED = replace(DISMISSED, notes=(Remark("text", "anna", minute(2)),))
OTHERWISE = replace(DISMISSED, kinds=(("InvalidData", None), *OPEN.kinds), failures=(*OPEN.failures, "another"))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (OPEN, DISMISSED, ["dismissed"]),
        (DISMISSED, OPEN, ["reopened"]),
        (DISMISSED, OTHERWISE, ["reopened"]),
        (DISMISSED, BOTH, ["resolved"]),
        (BOTH, DISMISSED, ["dismissed"]),
        (DISMISSED, NOTED, ["updated"]),
        (RESOLVED, BOTH, ["updated"]),
        (DISMISSED, DISMISSED, []),
        (None, DISMISSED, ["opened", "dismissed"]),
        (None, BOTH, ["opened", "resolved"]),
        (DISMISSED, None, ["removed"]),
    ],
)
def test_dismissals_are_told(old: Episode | None, new: Episode | None, told: list[str]) -> None:
    """The feed tells that a case was dismissed, reopened or resolved from whatever it was before; one opens undismissed."""
    changes = diff_episodes([old] if old else [], [new] if new else [], episode_id).changes
    assert [change.type.removeprefix("case.") for change in changes] == told
    assert all(change.episode.dismissal is None for change in changes if change.type == "case.opened")


@settings(deadline=None, max_examples=100)
@given(unit_facts(), unit_facts())
def test_a_difference_makes_the_new_of_the_old(old: list[Fact], new: list[Fact]) -> None:
    """Rows removed and put turn the stored intervals and cases into the new ones; what is equal is neither put nor told."""
    before, after = fold_unit(UnitState(), old), fold_unit(UnitState(), new)
    rows = {interval_id(interval): interval for interval in before.intervals}
    difference = diff_intervals(before.intervals, after.intervals, interval_id)
    assert all(rows.get(key) != interval for key, interval in difference.put.items())
    assert applied(rows, difference.put, difference.remove) == {interval_id(interval): interval for interval in after.intervals}
    cases = {episode_id(episode): episode for episode in before.episodes}
    of_cases = diff_episodes(before.episodes, after.episodes, episode_id)
    assert all(cases.get(key) != episode for key, episode in of_cases.put.items())
    assert applied(cases, of_cases.put, of_cases.remove) == {episode_id(episode): episode for episode in after.episodes}
    assert diff_intervals(after.intervals, after.intervals, interval_id) == Difference({}, (), ())
    assert diff_episodes(after.episodes, after.episodes, episode_id) == EpisodeDifference({}, (), ())


def applied(rows: dict[str, _Row], put: dict[str, _Row], remove: Sequence[str]) -> dict[str, _Row]:
    """Rows after a difference."""
    return {key: row for key, row in rows.items() if key not in remove} | put


@settings(deadline=None, max_examples=100)
@given(unit_facts(), unit_facts())
def test_a_follower_of_the_feed_has_the_pairings_and_cases(old: list[Fact], new: list[Fact]) -> None:
    """Who only applies the changes holds the same as who asks, but for evidence that confirms."""
    before, after = fold_unit(UnitState(), old), fold_unit(UnitState(), new)
    held = {interval_id(interval): interval for interval in before.intervals}
    for change in diff_intervals(before.intervals, after.intervals, interval_id).changes:
        known = change.pairing_id in held
        assert known == (change.type != "pairing.opened") or change.previous_id or change.interval.paired_at_us is None
        if change.previous_id:
            del held[change.previous_id]
        if change.type == "pairing.removed":
            del held[change.pairing_id]
        else:
            held[change.pairing_id] = change.interval
    bare = {key: replace(interval, events=()) for key, interval in held.items()}
    assert bare == {interval_id(interval): replace(interval, events=()) for interval in after.intervals}
    cases = {episode_id(episode): episode for episode in before.episodes}
    for told in diff_episodes(before.episodes, after.episodes, episode_id).changes:
        assert (told.case_id in cases) == (told.type != "case.opened")
        if told.type == "case.removed":
            del cases[told.case_id]
        else:
            cases[told.case_id] = told.episode
    assert cases == {episode_id(episode): episode for episode in after.episodes}


@settings(deadline=None, max_examples=100)
@given(copy_lists(max_size=10), st.data())
def test_applying_as_they_come_equals_folding_at_once(copies: list[Copy], data: st.DataObject) -> None:
    """Commits of any size in any order, going on where that is possible and folding again where not, end in one stored state."""
    coming = list(data.draw(st.permutations(copies)))
    state, seen = UnitState(), list[Copy]()
    intervals, episodes, flags = dict[str, Interval](), dict[str, Episode](), dict[str, object]()
    while coming:
        size = data.draw(st.integers(1, len(coming)))
        commit, coming = coming[:size], coming[size:]
        seen += commit
        onward = can_go_on(state, merge_all(commit))
        fold = fold_unit(state, merge_all(commit)) if onward else fold_unit(UnitState(), merge_all(seen))
        old = [state.open] if onward and state.open else [] if onward else list(intervals.values())
        old_cases = [state.episode] if onward and state.episode else [] if onward else list(episodes.values())
        difference = diff_intervals(old, fold.intervals, interval_id)
        of_cases = diff_episodes(old_cases, fold.episodes, episode_id)
        intervals = applied(intervals, difference.put, difference.remove)
        episodes = applied(episodes, of_cases.put, of_cases.remove)
        flags = {**flags, **fold.flags} if onward else {**fold.flags}
        state = fold.state
    whole = fold_unit(UnitState(), merge_all(copies))
    assert state == whole.state
    assert intervals == {interval_id(interval): interval for interval in whole.intervals}
    assert episodes == {episode_id(episode): episode for episode in whole.episodes}
    assert flags == whole.flags

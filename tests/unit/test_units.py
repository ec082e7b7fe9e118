"""The whole fold of a unit: what must hold for any facts, however they come."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.cases import case_id
from handlers.rules.facts import merge_all
from handlers.rules.history import pairing_id
from handlers.rules.units import UnitFold, can_go_on, fold_unit
from schemas.facts import Copy, Fact
from schemas.pairing import Episode, Interval, UnitState
from schemas.wire import to_json
from tests.support.facts import ORGANIZATION, UNIT, A, B, C, copy_lists, failed, minute, paired, unit_facts, unpaired
from tests.support.oracle import asset_at, history_of, intervals_of


def fold(facts: list[Fact]) -> UnitFold:
    """All facts at once."""
    return fold_unit(UnitState(), facts)


def in_force(interval: Interval, at_us: int) -> bool:
    """In force at a time: `pairedAt <= t`, and `unpairedAt` is null or `t < unpairedAt`."""
    if interval.paired_at_us is None:
        return False
    return interval.paired_at_us <= at_us and (interval.unpaired_at_us is None or at_us < interval.unpaired_at_us)


def ids(intervals: tuple[Interval, ...]) -> list[str]:
    """The pairingIds of intervals."""
    return [pairing_id(ORGANIZATION, UNIT, interval.asset_id, interval.opening_key) for interval in intervals]


def in_steps(steps: list[list[Fact]]) -> tuple[UnitState, dict[str, Interval], dict[str, Episode], dict[str, Any]]:
    """Fold step by step as a store does: rows by id, each step going on from the state before."""
    state, intervals, episodes, flags = UnitState(), dict[str, Interval](), dict[str, Episode](), dict[str, Any]()
    for step in steps:
        assert can_go_on(state, step)
        part = fold_unit(state, step)
        state = part.state
        intervals |= dict(zip(ids(part.intervals), part.intervals, strict=True))
        episodes |= {case_id(ORGANIZATION, UNIT, episode.failures[0]): episode for episode in part.episodes}
        flags |= part.flags
    return state, intervals, episodes, flags


@settings(deadline=None, max_examples=200)
@given(unit_facts())
def test_the_history_agrees_with_the_second_opinion(facts: list[Fact]) -> None:
    """Intervals and flags are those of a slow implementation of the rules' text."""
    result = fold(facts)
    assert list(result.intervals) == intervals_of(facts)
    assert result.flags == {key: tuple(sorted(flags)) for key, flags in history_of(facts).flags.items()}


@settings(deadline=None, max_examples=100)
@given(unit_facts())
def test_as_of_agrees_with_a_naive_scan(facts: list[Fact]) -> None:
    """At any time, the interval in force is on the asset that was open when all had happened up to then and nothing later."""
    intervals = fold(facts).intervals
    for at_us in sorted({fact.at_us + offset for fact in facts for offset in (-1, 0, 1)}):
        asset_id = asset_at(facts, at_us)
        assert [interval.asset_id for interval in intervals if in_force(interval, at_us)] == ([asset_id] if asset_id else [])


@settings(deadline=None, max_examples=100)
@given(unit_facts())
def test_intervals_are_sorted_and_never_overlap(facts: list[Fact]) -> None:
    """Each begins when the one before has ended; only the last can be open, and the only empty ones end as `unpaired`."""
    intervals = fold(facts).intervals
    for before, after in pairwise(intervals):
        assert before.unpaired_at_us is not None
        start_us = after.paired_at_us if after.paired_at_us is not None else after.paired_after_us
        assert start_us is not None
        assert before.unpaired_at_us <= start_us
    for interval in intervals:
        assert (interval.ended_by is None) == (interval.unpaired_at_us is None)
        assert interval.paired_at_us is None or interval.paired_after_us is None
        if interval.paired_at_us is None:
            assert (interval.ended_by, len(interval.events)) == ("unpaired", 1)
            assert interval.unpaired_at_us is not None
            assert interval.paired_after_us is None or interval.paired_after_us <= interval.unpaired_at_us
        elif interval.paired_at_us == interval.unpaired_at_us:
            assert interval.ended_by == "unpaired"
    assert len(set(ids(intervals))) == len(intervals)


@settings(deadline=None, max_examples=100)
@given(copy_lists(), st.data())
def test_arrival_never_matters(copies: list[Copy], data: st.DataObject) -> None:
    """Any order and any duplication of copies give the same state, intervals, cases and flags."""
    again = data.draw(st.lists(st.sampled_from(copies), max_size=4))
    shuffled = data.draw(st.permutations([*copies, *again]))
    result = fold(merge_all(copies))
    assert fold(merge_all(shuffled)) == result
    assert fold(data.draw(st.permutations(merge_all(shuffled)))) == result


@settings(deadline=None, max_examples=100)
@given(unit_facts(), st.data())
def test_going_on_equals_folding_at_once(facts: list[Fact], data: st.DataObject) -> None:
    """Cut between any instants, folding in steps ends in the same state, rows and flags as folding at once."""
    instants = sorted({fact.at_us for fact in facts})
    cuts = data.draw(st.sets(st.sampled_from(instants))) if instants else set()
    edges = [-1, *sorted(cuts), 1 << 62]
    steps = [[fact for fact in facts if low < fact.at_us <= high] for low, high in pairwise(edges)]
    result = fold(facts)
    state, intervals, episodes, flags = in_steps(steps)
    assert state == result.state
    assert intervals == dict(zip(ids(result.intervals), result.intervals, strict=True))
    assert episodes == {case_id(ORGANIZATION, UNIT, episode.failures[0]): episode for episode in result.episodes}
    assert flags == result.flags


@settings(deadline=None, max_examples=100)
@given(unit_facts())
def test_every_pairing_and_unpairing_is_evidence_or_flagged(facts: list[Fact]) -> None:
    """What was said is never lost from sight: it stands in exactly one interval, or its flag says why not."""
    result = fold(facts)
    evidence = [key for interval in result.intervals for key in interval.events]
    idle = {key for key, flags in result.flags.items() if {"tie", "staleUnpair", "replaced"}.intersection(flags)}
    assert len(evidence) == len(set(evidence))
    assert not idle.intersection(evidence)
    assert idle.union(evidence) == {fact.event_key for fact in facts if fact.kind != "failed"}


@settings(deadline=None, max_examples=100)
@given(unit_facts(), unit_facts(max_size=3))
def test_late_facts_leave_a_present_that_was_paired_after_them(facts: list[Fact], more: list[Fact]) -> None:
    """While the latest pairing is later than all late facts, the unit stays on the asset that it was last paired with."""
    now = paired(A, 99)
    known = {fact.event_key for fact in facts}
    late = [fact for fact in more if fact.event_key not in known]
    before, after = fold([*facts, now]), fold([*facts, *late, now])
    assert before.state.open is not None
    assert after.state.open is not None
    assert before.state.open.asset_id == after.state.open.asset_id == A


def test_going_on_takes_only_what_is_later() -> None:
    """A fact at or before the last instant seen, of whatever kind, means folding from the start."""
    state = fold([paired(A, 0), failed(5)]).state
    assert can_go_on(UnitState(), [failed(0)])
    assert can_go_on(state, [failed(5.01), paired(B, 7)])
    assert can_go_on(state, [])
    assert not can_go_on(state, [paired(B, 7), unpaired(A, 5)])
    assert not can_go_on(state, [paired(B, 3)])


def test_a_step_gives_what_it_changed_and_what_is_open() -> None:
    """Going on yields the interval that it ended and the new one, with flags of new facts alone."""
    state = fold([paired(A, 0), unpaired(C, 1), failed(2)]).state
    step = fold_unit(state, [paired(B, 5), unpaired(A, 7)])
    assert [(interval.asset_id, interval.unpaired_at_us) for interval in step.intervals] == [(A, minute(5)), (B, None)]
    assert [episode.resolved_at_us for episode in step.episodes] == [minute(5)]
    assert step.flags == {unpaired(A, 7).event_key: ("staleUnpair",)}


def test_the_state_is_all_that_going_on_needs() -> None:
    """It holds the latest instant, what is open, the assets ever held, sorted, and the end of the last closed interval."""
    state = fold([unpaired(B, 1), paired(C, 3), unpaired(C, 5), paired(B, 7), paired(A, 9), failed(11)]).state
    assert (state.at_us, state.held, state.last_end_us) == (minute(11), (A, B, C), minute(9))
    assert state.open is not None
    assert state.open.asset_id == A
    assert state.episode is not None


@settings(deadline=None, max_examples=50)
@given(unit_facts())
def test_what_is_stored_as_json_reads_back(facts: list[Fact]) -> None:
    """State, intervals and episodes are the same after a way through JSON."""
    result = fold(facts)
    assert msgspec.json.decode(to_json(result), type=UnitFold) == result


def test_nothing_changes_nothing() -> None:
    """No facts leave the state as it was and give back what is open."""
    state = fold([paired(A, 0), failed(2)]).state
    step = fold_unit(state, [])
    assert step.state == state
    assert step.intervals == (state.open,)
    assert step.episodes == (state.episode,)
    assert step.flags == {}


def test_flags_of_merging_and_of_folding_stand_together() -> None:
    """A fact shows all its flags, in order, each once."""
    fact = unpaired(A, 5)
    flagged = replace(fact, flags=("clockSkew", "contradiction"))
    result = fold([paired(B, 0), flagged])
    assert result.flags == {fact.event_key: ("clockSkew", "contradiction", "staleUnpair")}

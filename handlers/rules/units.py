"""The whole fold of one unit: its facts, instant by instant, into intervals, episodes and flags."""

from collections.abc import Iterable
from itertools import groupby

from msgspec import Struct
from msgspec.structs import replace

from handlers.rules.cases import resolved, with_failure
from handlers.rules.facts import fact_order
from handlers.rules.history import fold_instant
from handlers.rules.mismatches import judge_instant
from schemas.facts import Fact, Flag
from schemas.pairing import Episode, Interval, UnitState


class UnitFold(Struct, frozen=True, gc=False):
    """What facts make of a unit: the state to go on from, and all that the facts began, changed or ended.

    `intervals` and `episodes` are in the order in which they ended, with what is still open last; `flags` are by event key and
    hold only facts that have any.
    """

    state: UnitState
    intervals: tuple[Interval, ...]
    episodes: tuple[Episode, ...]
    flags: dict[str, tuple[Flag, ...]]


def fold_unit(state: UnitState, facts: Iterable[Fact]) -> UnitFold:
    """Fold facts that are later than all that `state` has seen; from `UnitState()`, all facts of the unit.

    Folding in any number of steps equals folding at once, so a late fact means folding again from the start.
    At one instant failures come before successes: a unit that failed and was paired in one moment is paired.
    """
    intervals: list[Interval] = []
    episodes: list[Episode] = []
    flags: dict[str, tuple[Flag, ...]] = {}
    for at_us, group in groupby(sorted(facts, key=fact_order), key=lambda fact: fact.at_us):
        present = list(group)
        step = fold_instant(state, at_us, [fact for fact in present if fact.kind != "failed"])
        episode = state.episode
        for fact in present:
            if fact.kind == "failed":
                episode = with_failure(episode, fact)
            if fact.flags:
                flags[fact.event_key] = fact.flags
        if episode and step.effective:
            episodes.append(resolved(episode, at_us, "paired"))
            episode = None
        mismatches = judge_instant(state.mismatch, state.open, step.effective, step.ended, at_us)
        episodes += mismatches.ended
        for key, flag in step.flags.items():
            flags[key] = tuple(sorted((*flags.get(key, ()), flag)))
        intervals += step.ended
        state = replace(step.state, episode=episode, mismatch=mismatches.open)
    if state.open:
        intervals.append(state.open)
    episodes += [episode for episode in (state.episode, state.mismatch) if episode]
    return UnitFold(state, tuple(intervals), tuple(episodes), flags)


def can_go_on(state: UnitState, facts: Iterable[Fact]) -> bool:
    """Whether folding can go on from a state: all facts are later than what it has seen, and none is void."""
    return all((state.at_us is None or fact.at_us > state.at_us) and fact.event_key not in state.void for fact in facts)

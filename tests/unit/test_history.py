"""The pairing history of one unit: every row of the table of facts, every clause of the rule of one instant, by name."""

import hashlib
import json
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from handlers.rules.history import fold_instant, pairing_id
from handlers.rules.units import fold_unit
from schemas.facts import Fact, Location
from schemas.pairing import Interval, UnitState
from tests.support.facts import MINUTE_US, ORGANIZATION, START_US, UNIT, A, B, C, asserted, failed, minute, paired, unpaired
from tests.support.oracle import history_of, intervals_of

_NAMES = {A: "A", B: "B", C: "C"}


class Story(NamedTuple):
    """Facts, and what must come out: intervals as `asset start-end how`, a start `?m` known only to be after minute m; flags."""

    name: str
    facts: list[Fact]
    intervals: list[str]
    flags: Sequence[tuple[Fact, str]] = ()


def text(interval: Interval) -> str:
    """An interval in minutes after the start, such as `A 0-5 unpaired`, `B 5-` (open), `C ?3-7 unpaired` (start unknown)."""

    def number(us: int | None) -> str:
        return "" if us is None else f"{(us - START_US) / MINUTE_US:g}"

    start = number(interval.paired_at_us) if interval.paired_at_us is not None else "?" + number(interval.paired_after_us)
    return f"{_NAMES[interval.asset_id]} {start}-{number(interval.unpaired_at_us)} {interval.ended_by or ''}".strip()


SINGLE = [
    Story("paired, nothing open: opens", [paired(A, 0)], ["A 0-"]),
    Story("paired with the open asset: confirms", [paired(A, 0), paired(A, 5, "AutoPair")], ["A 0-"]),
    Story("paired with another: supersedes", [paired(A, 0), paired(B, 5)], ["A 0-5 superseded", "B 5-"]),
    Story("paired again after an end: a new interval", [paired(A, 0), unpaired(A, 3), paired(A, 5)], ["A 0-3 unpaired", "A 5-"]),
    Story(
        "there and back",
        [paired(A, 0), paired(B, 3), paired(A, 5)],
        ["A 0-3 superseded", "B 3-5 superseded", "A 5-"],
    ),
    Story("unpaired from the open asset: closes", [paired(A, 0), unpaired(A, 5)], ["A 0-5 unpaired"]),
    Story(
        "unpaired from a stranger while another is open: stale",
        [paired(A, 0), unpaired(B, 5)],
        ["A 0-"],
        [(unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "unpaired from the asset before, after a move: stale",
        [paired(A, 0), paired(B, 5), unpaired(A, 7)],
        ["A 0-5 superseded", "B 5-"],
        [(unpaired(A, 7), "staleUnpair")],
    ),
    Story(
        "unpaired twice: the second is stale",
        [paired(A, 0), unpaired(A, 5), unpaired(A, 7)],
        ["A 0-5 unpaired"],
        [(unpaired(A, 7), "staleUnpair")],
    ),
    Story("unpaired before any pairing: start unknown", [unpaired(A, 5)], ["A ?-5 unpaired"]),
    Story(
        "unpaired from a stranger after an interval: start unknown, after its end",
        [paired(A, 0), unpaired(A, 3), unpaired(B, 7)],
        ["A 0-3 unpaired", "B ?3-7 unpaired"],
    ),
    Story("two unknown starts", [unpaired(A, 3), unpaired(B, 7)], ["A ?-3 unpaired", "B ?3-7 unpaired"]),
    Story(
        "an unknown start counts as held",
        [unpaired(A, 3), unpaired(A, 7)],
        ["A ?-3 unpaired"],
        [(unpaired(A, 7), "staleUnpair")],
    ),
    Story(
        "a stale unpairing doesn't count as held",
        [paired(A, 0), unpaired(B, 3), unpaired(A, 5), unpaired(B, 7)],
        ["A 0-5 unpaired", "B ?5-7 unpaired"],
        [(unpaired(B, 3), "staleUnpair")],
    ),
    Story("an unknown start, then paired", [unpaired(A, 3), paired(A, 7)], ["A ?-3 unpaired", "A 7-"]),
    Story("failed: no interval", [failed(0)], []),
    Story("failed while paired: no effect", [paired(A, 0), failed(3), failed(5, "Unknown", None)], ["A 0-"]),
    Story("failed at an end: no effect", [paired(A, 0), failed(5), unpaired(A, 5)], ["A 0-5 unpaired"]),
    Story("nothing at all", [], []),
]

ONE_INSTANT = [
    Story("paired and unpaired at one time: ends unpaired", [paired(A, 5), unpaired(A, 5)], ["A 5-5 unpaired"]),
    Story(
        "the same while it was open: closes, no empty interval",
        [paired(A, 0), paired(A, 5), unpaired(A, 5)],
        ["A 0-5 unpaired"],
    ),
    Story("a move at one time", [paired(A, 0), unpaired(A, 5), paired(B, 5)], ["A 0-5 unpaired", "B 5-"]),
    Story("a move from the unheard-of", [unpaired(A, 5), paired(B, 5)], ["A ?-5 unpaired", "B 5-"]),
    Story(
        "a move at one time to the smaller asset",
        [paired(B, 0), unpaired(B, 5), paired(A, 5)],
        ["B 0-5 unpaired", "A 5-"],
    ),
    Story("tie: the smaller asset", [paired(B, 0), paired(A, 0)], ["A 0-"], [(paired(B, 0), "tie")]),
    Story(
        "tie of two autos: the smaller", [paired(B, 0, "AutoPair"), paired(A, 0, "AutoPair")], ["A 0-"], [(paired(B, 0), "tie")]
    ),
    Story("tie: manual before auto", [paired(A, 0, "AutoPair"), paired(B, 0)], ["B 0-"], [(paired(A, 0), "tie")]),
    Story(
        "tie of three",
        [paired(A, 0, "AutoPair"), paired(C, 0), paired(B, 0)],
        ["B 0-"],
        [(paired(A, 0), "tie"), (paired(C, 0), "tie")],
    ),
    Story(
        "tie: not unpaired before manual",
        [paired(A, 5), unpaired(A, 5), paired(B, 5, "AutoPair")],
        ["B 5-"],
        [(paired(A, 5), "tie"), (unpaired(A, 5), "staleUnpair")],
    ),
    Story(
        "tie with the open asset, which is unpaired too: it closes and the other opens",
        [paired(A, 0), paired(A, 5), unpaired(A, 5), paired(B, 5)],
        ["A 0-5 unpaired", "B 5-"],
        [(paired(A, 5), "tie")],
    ),
    Story(
        "tie with the open asset, which loses: superseded though paired",
        [paired(A, 0), paired(A, 5, "AutoPair"), paired(B, 5)],
        ["A 0-5 superseded", "B 5-"],
        [(paired(A, 5), "tie")],
    ),
    Story(
        "tie with the open asset, which wins: confirmed",
        [paired(A, 0), paired(A, 5), paired(B, 5)],
        ["A 0-"],
        [(paired(B, 5), "tie")],
    ),
    Story(
        "all paired are unpaired: the smaller leaves the empty interval",
        [paired(A, 5), unpaired(A, 5), paired(B, 5), unpaired(B, 5)],
        ["A 5-5 unpaired"],
        [(paired(B, 5), "tie"), (unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "all paired are unpaired: manual before auto",
        [paired(A, 5, "AutoPair"), unpaired(A, 5), paired(B, 5), unpaired(B, 5)],
        ["B 5-5 unpaired"],
        [(paired(A, 5), "tie"), (unpaired(A, 5), "staleUnpair")],
    ),
    Story(
        "all paired are unpaired, the one that doesn't count was open",
        [paired(B, 0), paired(A, 5), unpaired(A, 5), paired(B, 5), unpaired(B, 5)],
        ["B 0-5 unpaired", "A 5-5 unpaired"],
        [(paired(B, 5), "tie")],
    ),
    Story(
        "all paired are unpaired, the one that counts was open",
        [paired(A, 0), paired(A, 5), unpaired(A, 5), paired(B, 5), unpaired(B, 5)],
        ["A 0-5 unpaired"],
        [(paired(B, 5), "tie"), (unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "(1) the open asset closes, a stranger is stale",
        [paired(A, 0), unpaired(A, 5), unpaired(B, 5)],
        ["A 0-5 unpaired"],
        [(unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "(2) of two never held the smaller gets the interval",
        [unpaired(B, 5), unpaired(A, 5)],
        ["A ?-5 unpaired"],
        [(unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "(2) the loser was not held by it",
        [unpaired(B, 5), unpaired(A, 5), unpaired(B, 7)],
        ["A ?-5 unpaired", "B ?5-7 unpaired"],
        [(unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "(2) one held before gets none",
        [paired(A, 0), unpaired(A, 3), unpaired(A, 5), unpaired(B, 5)],
        ["A 0-3 unpaired", "B ?3-5 unpaired"],
        [(unpaired(A, 5), "staleUnpair")],
    ),
    Story(
        "(2) one paired at the same time gets none",
        [paired(A, 5), unpaired(A, 5), unpaired(B, 5)],
        ["B ?-5 unpaired", "A 5-5 unpaired"],
    ),
    Story(
        "(2) only with nothing open before: not after (1)",
        [paired(C, 0), unpaired(C, 5), unpaired(A, 5), unpaired(B, 5)],
        ["C 0-5 unpaired"],
        [(unpaired(A, 5), "staleUnpair"), (unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "(3) confirms beside another's unpairing",
        [paired(A, 0), paired(A, 5), unpaired(B, 5)],
        ["A 0-"],
        [(unpaired(B, 5), "staleUnpair")],
    ),
    Story(
        "(3) an empty interval supersedes the open one",
        [paired(A, 0), paired(B, 5), unpaired(B, 5)],
        ["A 0-5 superseded", "B 5-5 unpaired"],
    ),
    Story(
        "(3) an empty interval after (1)",
        [paired(A, 0), unpaired(A, 5), paired(B, 5), unpaired(B, 5)],
        ["A 0-5 unpaired", "B 5-5 unpaired"],
    ),
    Story(
        "an empty interval counts as held",
        [paired(A, 5), unpaired(A, 5), unpaired(A, 7)],
        ["A 5-5 unpaired"],
        [(unpaired(A, 7), "staleUnpair")],
    ),
    Story(
        "an empty interval is one that ends: a later unknown start is after it",
        [paired(A, 5), unpaired(A, 5), unpaired(B, 7)],
        ["A 5-5 unpaired", "B ?5-7 unpaired"],
    ),
]

LATE = [
    Story(
        "a late unpairing shortens a closed interval and leaves a gap",
        [paired(A, 0), paired(B, 9), unpaired(A, 5)],
        ["A 0-5 unpaired", "B 9-"],
    ),
    Story(
        "a late unpairing makes the later one stale",
        [paired(A, 0), unpaired(A, 9), unpaired(A, 5)],
        ["A 0-5 unpaired"],
        [(unpaired(A, 9), "staleUnpair")],
    ),
    Story("a late pairing lengthens", [paired(A, 5), paired(A, 0)], ["A 0-"]),
    Story("a late pairing turns an unknown start into a known one", [unpaired(A, 5), paired(A, 0)], ["A 0-5 unpaired"]),
    Story(
        "a late pairing splits another's interval",
        [paired(A, 0), unpaired(A, 9), paired(B, 5)],
        ["A 0-5 superseded", "B 5-"],
        [(unpaired(A, 9), "staleUnpair")],
    ),
    Story(
        "a late pair of pairing and unpairing before the present leaves the present",
        [paired(A, 9), paired(B, 0), unpaired(B, 5)],
        ["B 0-5 unpaired", "A 9-"],
    ),
    Story(
        "a late unpairing between two pairings of one asset makes two intervals",
        [paired(A, 0), paired(A, 9), unpaired(A, 5)],
        ["A 0-5 unpaired", "A 9-"],
    ),
]

BY_HAND = [
    Story("asserted like a fact", [asserted(paired(A, 0)), asserted(unpaired(A, 5))], ["A 0-5 unpaired"]),
    Story("asserted on what Datahub paired: confirms", [paired(A, 0), asserted(paired(A, 5))], ["A 0-"]),
    Story(
        "asserted replaces a smaller, manual pairing",
        [paired(A, 0), asserted(paired(B, 0))],
        ["B 0-"],
        [(paired(A, 0), "replaced")],
    ),
    Story(
        "asserted unpairing replaces Datahub's pairing of the instant",
        [paired(A, 0), paired(B, 5), asserted(unpaired(A, 5))],
        ["A 0-5 unpaired"],
        [(paired(B, 5), "replaced")],
    ),
    Story(
        "asserted pairing replaces Datahub's unpairing of the instant",
        [paired(A, 0), unpaired(A, 5), asserted(paired(A, 5))],
        ["A 0-"],
        [(unpaired(A, 5), "replaced")],
    ),
    Story(
        "what is replaced has no part in (2)",
        [unpaired(A, 5), unpaired(B, 5), asserted(paired(C, 5))],
        ["C 5-"],
        [(unpaired(A, 5), "replaced"), (unpaired(B, 5), "replaced")],
    ),
    Story(
        "among assertions the usual tie",
        [paired(A, 0), asserted(paired(B, 0)), asserted(paired(C, 0))],
        ["B 0-"],
        [(asserted(paired(C, 0)), "tie"), (paired(A, 0), "replaced")],
    ),
    Story(
        "an asserted unpairing of a stranger, while Datahub's is replaced, is stale",
        [paired(A, 0), unpaired(A, 5), asserted(unpaired(B, 5))],
        ["A 0-"],
        [(asserted(unpaired(B, 5)), "staleUnpair"), (unpaired(A, 5), "replaced")],
    ),
    Story(
        "another instant is not replaced",
        [asserted(paired(A, 0)), paired(B, 5), asserted(paired(A, 7))],
        ["A 0-5 superseded", "B 5-7 superseded", "A 7-"],
    ),
]


@pytest.mark.parametrize("story", [*SINGLE, *ONE_INSTANT, *LATE, *BY_HAND], ids=lambda story: story.name)
def test_stories(story: Story) -> None:
    """Facts in any order give the intervals and flags of the table, and the second opinion agrees."""
    for facts in permutations(story.facts):
        fold = fold_unit(UnitState(), facts)
        assert [text(interval) for interval in fold.intervals] == story.intervals
        assert fold.flags == {fact.event_key: (flag,) for fact, flag in story.flags}
    assert list(fold.intervals) == intervals_of(story.facts)
    assert history_of(story.facts).flags == {key: set(flags) for key, flags in fold.flags.items()}


def test_evidence_is_all_that_opened_confirmed_and_ended() -> None:
    """The evidence holds the pairings of the interval and its unpairing, in order, and not what superseded it."""
    facts = [paired(A, 0), paired(A, 2, "AutoPair"), paired(A, 5), unpaired(A, 5), paired(B, 7), paired(C, 9)]
    first, second, third = fold_unit(UnitState(), facts).intervals
    assert first.events == tuple(fact.event_key for fact in facts[:4])
    assert second.events == (facts[4].event_key,)
    assert third.events == (facts[5].event_key,)


def test_a_pairing_that_loses_a_tie_is_no_evidence() -> None:
    """The open asset's own pairing, when another counts, stays out of the evidence."""
    facts = [paired(A, 0), paired(A, 5, "AutoPair"), paired(B, 5)]
    first, second = fold_unit(UnitState(), facts).intervals
    assert first.events == (facts[0].event_key,)
    assert second.events == (facts[2].event_key,)


def test_an_interval_means_what_opened_it_says() -> None:
    """VINs, reason and location are the opening fact's; of an unknown start, the unpairing's."""
    opening = paired(B, 5, "AutoPair", asset_vin="1HGCM82633A000001", sensor_vin="F3A000001", location=Location(50.869, 2.8942))
    unknown, known = fold_unit(UnitState(), [unpaired(A, 5, asset_vin="V"), opening, paired(B, 7, asset_vin="W")]).intervals
    assert known.meaning == opening.meaning
    assert known.opening_key == opening.event_key
    assert unknown.meaning == unpaired(A, 5, asset_vin="V").meaning
    assert unknown.opening_key == unpaired(A, 5).event_key


def test_pairing_id_is_the_hash_of_its_four_parts() -> None:
    """`pair_` and 24 hex digits of SHA-256 over organization, unit, asset and the key of the opening fact."""
    key = paired(A, 0).event_key
    parts = json.dumps([ORGANIZATION, UNIT, A, key], separators=(",", ":"), ensure_ascii=False)
    assert pairing_id(ORGANIZATION, UNIT, A, key) == "pair_" + hashlib.sha256(parts.encode()).hexdigest()[:24]


def test_facts_of_an_instant_count_in_any_order_and_leave_the_state_given() -> None:
    """A step is a function: the same for every order of the instant's facts, and the state before it is as it was."""
    before = fold_unit(UnitState(), [paired(A, 0)]).state
    copy = replace(before)
    facts = [paired(B, 5), unpaired(B, 5), paired(C, 5, "AutoPair"), unpaired(A, 5)]
    steps = [fold_instant(before, minute(5), order) for order in permutations(facts)]
    assert all(step == steps[0] for step in steps)
    assert before == copy
    assert steps[0].effective == facts[2]


def test_an_instant_without_pairings_moves_only_the_time() -> None:
    """Where only failures happened the state is the same but for the instant that it has seen."""
    before = fold_unit(UnitState(), [paired(A, 0)]).state
    step = fold_instant(before, minute(5), [])
    assert step == (replace(before, at_us=minute(5)), [], {}, None)

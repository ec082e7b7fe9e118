"""What operators' statements do to the fold of a unit."""

import hashlib
import json
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.cases import case_id
from handlers.rules.facts import ASSERTED, copy_of, merge_all
from handlers.rules.history import pairing_id
from handlers.rules.statements import Recorded, adds, asserted_key, facts_of, fold_recorded, void_keys
from handlers.rules.units import UnitFold, can_go_on, fold_unit
from schemas.events import Payload
from schemas.facts import Copy, Flag, Meaning
from schemas.pairing import Dismissal, Episode, Interval, Remark, UnitState
from schemas.statements import Details, Statement
from tests.support.facts import ORGANIZATION, UNIT, A, B, copies, minute
from tests.support.statements import assertion, recorded, said, statements_on


def pairing(asset_id: str, at: float) -> Copy:
    """A copy of a pairing by hand."""
    return copy_of(Payload(ORGANIZATION, UNIT, "paired", minute(at), asset_id, Meaning("ManualPair")), 2, "", "", minute(at))


def failure(at: float, reason: str = "NotFound") -> Copy:
    """A copy of a failure."""
    return copy_of(Payload(ORGANIZATION, UNIT, "failed", minute(at), None, Meaning(reason)), 2, "", "", minute(at))


def test_an_assertion_is_keyed_by_its_content() -> None:
    """`asserted` stands in place of a reason: the key differs from that of the same event, and from every other content's."""
    event = pairing(A, 0).event_key
    key = asserted_key(ORGANIZATION, UNIT, "paired", minute(0), A)
    content = json.dumps([ORGANIZATION, UNIT, "paired", minute(0), ["asserted", A]], separators=(",", ":"))
    assert key == hashlib.sha256(content.encode()).hexdigest()[:32]
    others = {
        asserted_key(ORGANIZATION, UNIT, "unpaired", minute(0), A),
        asserted_key(ORGANIZATION, UNIT, "paired", minute(0) + 1, A),
        asserted_key(ORGANIZATION, UNIT, "paired", minute(0), B),
        asserted_key(ORGANIZATION, "tp:1", "paired", minute(0), A),
        asserted_key(A, UNIT, "paired", minute(0), A),
    }
    assert len({event, key, *others}) == 7


def test_an_assertion_folds_like_an_event() -> None:
    """It opens an interval with its VIN, and its time is judged against when it was said."""
    known = Recorded((), [assertion("paired", 1, A, 0, "1HGCM82633A000001"), assertion("unpaired", 2, A, 30)])
    fold = fold_recorded(known)
    (interval,) = fold.intervals
    assert (interval.asset_id, interval.paired_at_us, interval.unpaired_at_us) == (A, minute(0), minute(30))
    assert interval.meaning == Meaning(ASSERTED, asset_vin="1HGCM82633A000001")
    assert fold.flags == {known.statements[1].event_key: ("clockSkew",)}


KEY, OTHER = pairing(A, 0).event_key, pairing(B, 5).event_key


@pytest.mark.parametrize(
    ("kinds", "void"),
    [
        ([], False),
        (["void"], True),
        (["void", "restore"], False),
        (["restore"], False),
        (["void", "restore", "void"], True),
        (["void", "note", "dismiss", "reopen"], True),
    ],
)
def test_the_latest_judgement_counts(kinds: list[Any], void: bool) -> None:
    """Of void and restore the later in the journal counts, in whichever order they are read; other statements judge nothing."""
    statements = [said(kind, seq, KEY) for seq, kind in enumerate(kinds, 1)]
    for order in (statements, statements[::-1]):
        assert void_keys([*order, said("void", 99, OTHER)]) == ({KEY, OTHER} if void else {OTHER})


def test_asserting_anew_restores() -> None:
    """A void assertion counts again once it is made again, and is void again once it is said so again."""
    made = assertion("paired", 1, A, 0)
    void = said("void", 2, made.event_key)
    again = replace(made, seq=3)
    assert fold_recorded(Recorded((), [made, void])).intervals == ()
    assert fold_recorded(Recorded((), [made, void, again])).state.open is not None
    assert fold_recorded(Recorded((), [made, void, again, replace(void, seq=4)])).intervals == ()


def test_a_void_fact_takes_part_in_nothing() -> None:
    """Interval, case, flag and the time of the last event are as if it had never come; a copy of it can't be gone on with."""
    known = Recorded([pairing(A, 0), pairing(B, 5)], [said("void", 1, OTHER)])
    state = fold_recorded(known).state
    assert state == replace(fold_unit(UnitState(), merge_all([pairing(A, 0)])).state, void=(OTHER,))
    assert not can_go_on(state, merge_all([pairing(B, 5)]))
    assert can_go_on(state, merge_all([pairing(B, 3)]))


F0, F5, F9 = failure(0), failure(5), failure(9, "Unknown")
SET_OF_F0 = Details(kinds=(("NotFound", None),))


def only_case(*statements: Statement, known: tuple[Copy, ...] = (F0, F5)) -> Episode:
    """The one case of some failures, with what was said."""
    (episode,) = fold_recorded(Recorded(known, statements)).episodes
    return episode


def test_a_dismissal_holds_for_what_it_held() -> None:
    """It holds for further failures of its kinds, and no more once there is one of another kind."""
    dismissal = said("dismiss", 1, F0.event_key, details=SET_OF_F0)
    assert only_case(dismissal).status == "dismissed"
    assert only_case(dismissal).dismissal == Dismissal((("NotFound", None),), minute(1))
    assert only_case(dismissal, known=(F0, F5, F9)).status == "open"


def test_dismiss_and_reopen_follow_the_journal() -> None:
    """The latest of them counts, also when they name different failures of the case."""
    first, second = said("dismiss", 1, F0.event_key, details=SET_OF_F0), said("reopen", 2, F5.event_key)
    assert only_case(first, second).status == "open"
    assert only_case(second, first).status == "open"
    assert only_case(replace(first, seq=3), second).status == "dismissed"


def test_notes_stand_in_the_order_of_the_journal() -> None:
    """Notes, and the texts of dismissals and reopenings, whichever failure of the case they name."""
    case = only_case(
        said("note", 3, F0.event_key, note="third", actor="bert"),
        said("dismiss", 1, F5.event_key, note="first", details=SET_OF_F0),
        said("reopen", 2, F0.event_key),
    )
    assert case.notes == (Remark("first", "anna", minute(1)), Remark("third", "bert", minute(3)))


def test_remarks_follow_the_failure_that_they_name() -> None:
    """Where a success splits a case, each part has what was said of its failures; a void failure takes its own with it."""
    remarks = [said("dismiss", 1, F0.event_key, details=SET_OF_F0), said("note", 2, F5.event_key, note="second")]
    whole = fold_recorded(Recorded([F0, F5], remarks)).episodes
    assert [(case.status, len(case.notes)) for case in whole] == [("dismissed", 1)]
    split = fold_recorded(Recorded([F0, F5, pairing(A, 3)], remarks)).episodes
    assert [(case.status, case.dismissal is not None, len(case.notes)) for case in split] == [
        ("resolved", True, 0),
        ("open", False, 1),
    ]
    rest = fold_recorded(Recorded([F0, F5], [*remarks, said("void", 3, F0.event_key)])).episodes
    assert [(case.failures, case.status, len(case.notes)) for case in rest] == [((F5.event_key,), "open", 1)]


def test_a_dismissed_case_leaves_its_unit_alone() -> None:
    """A unit is unmatched while its failure case is open, not while it is dismissed, and then shows no case."""
    dismissal = said("dismiss", 1, F0.event_key, details=SET_OF_F0)
    state = fold_recorded(Recorded([F0], [dismissal])).state
    assert (state.status, state.case) == ("unpaired", None)
    state = fold_recorded(Recorded([F0, F9], [dismissal])).state
    assert (state.status, state.case) == ("unmatched", state.episode)


def test_at_a_time_what_was_said_later_was_not_said_yet() -> None:
    """Remarks after a time aren't there at it; what is void was never so, whenever that was said."""
    remarks = [
        said("note", 2, F0.event_key, note="two"),
        said("note", 7, F0.event_key, note="seven"),
        said("void", 8, F5.event_key),
    ]
    known = Recorded([F0, F5], remarks)
    at_six = fold_recorded(known, minute(6)).state.episode
    assert at_six is not None
    assert (at_six.failures, [note.text for note in at_six.notes]) == ((F0.event_key,), ["two"])


def test_what_stands_adds_nothing() -> None:
    """Saying again what stands adds nothing; a VIN does that was missing or other, and so does restoring."""
    made, vin = assertion("paired", 1, A, 0), assertion("paired", 2, A, 0, "1HGCM82633A000001")
    void, restore = said("void", 3, made.event_key), said("restore", 4, made.event_key)
    assert adds(Recorded(), made)
    assert not adds(Recorded((), [made]), made)
    assert adds(Recorded((), [made]), vin)
    assert not adds(Recorded((), [made, vin]), vin)
    assert not adds(Recorded((), [made, vin]), made)
    assert adds(Recorded((), [made]), void)
    assert not adds(Recorded((), [made, void]), void)
    assert adds(Recorded((), [made, void]), made)
    assert adds(Recorded((), [made, void]), restore)
    assert not adds(Recorded((), [made]), restore)
    assert adds(Recorded((), [made]), said("note", 5, made.event_key, note="text"))


@settings(deadline=None, max_examples=150)
@given(recorded(), st.data())
def test_the_order_of_reading_never_matters(known: Recorded, data: st.DataObject) -> None:
    """Copies in any order and any number of times, and statements in any order, give one fold: their numbers decide."""
    again = data.draw(st.lists(st.sampled_from(known.copies), max_size=3)) if known.copies else []
    shuffled = Recorded(data.draw(st.permutations([*known.copies, *again])), data.draw(st.permutations(known.statements)))
    assert fold_recorded(shuffled) == fold_recorded(known)


@settings(deadline=None, max_examples=100)
@given(recorded())
def test_void_is_as_if_it_had_never_come(known: Recorded) -> None:
    """The fold is that of what isn't void, but for the keys that the state keeps so that copies of them change nothing."""
    void = void_keys(known.statements)
    without = Recorded(
        [copy for copy in known.copies if copy.event_key not in void],
        [each for each in known.statements if each.event_key not in void],
    )
    fold = fold_recorded(known)
    assert fold.state.void == tuple(sorted(void))
    assert replace(fold, state=replace(fold.state, void=())) == fold_recorded(without)


@settings(deadline=None, max_examples=100)
@given(recorded())
def test_remarks_are_those_that_name_a_failure_of_the_case(known: Recorded) -> None:
    """Every case has its own remarks and no other's; the open one of the state is the one among the cases."""
    fold = fold_recorded(known)
    for case in fold.episodes:
        mine = [
            each for each in known.statements if each.event_key in case.failures and each.kind in {"dismiss", "reopen", "note"}
        ]
        assert [note.text for note in case.notes] == [each.note for each in sorted(mine, key=lambda each: each.seq) if each.note]
        decided = [each for each in mine if each.kind != "note"]
        latest = max(decided, key=lambda each: each.seq) if decided else None
        held = set(latest.details.kinds) if latest and latest.kind == "dismiss" else None
        stands = held is not None and held.issuperset(case.kinds)
        assert case.status == ("resolved" if case.resolved_at_us is not None else "dismissed" if stands else "open")
    unresolved = [case for case in fold.episodes if case.resolved_at_us is None]
    assert unresolved == [case for case in (fold.state.episode, fold.state.mismatch) if case]


class Rows(NamedTuple):
    """What a store holds of a unit."""

    state: UnitState
    intervals: dict[str, Interval]
    cases: dict[str, Episode]
    flags: dict[str, tuple[Flag, ...]]


def rows_of(fold: UnitFold) -> Rows:
    """The rows of a fold by their ids."""
    return Rows(
        fold.state,
        {pairing_id(ORGANIZATION, UNIT, each.asset_id, each.opening_key): each for each in fold.intervals},
        {case_id(ORGANIZATION, UNIT, each.failures[0]): each for each in fold.episodes},
        fold.flags,
    )


def gone_on(held: Rows, copy: Copy) -> Rows:
    """The rows after a copy that is later than all before it."""
    step = rows_of(fold_unit(held.state, merge_all([copy])))
    return Rows(step.state, held.intervals | step.intervals, held.cases | step.cases, held.flags | step.flags)


@settings(deadline=None, max_examples=100)
@given(st.lists(copies(), min_size=1, max_size=10), st.data())
def test_going_on_among_statements_equals_folding_at_once(arriving: list[Copy], data: st.DataObject) -> None:
    """Copies in any order with statements between them, each on what came before: the end is the fold of all of it.

    Copies go on from the state where they can, as in a store; statements fold from the start.
    """
    known, held, seq = Recorded(), rows_of(fold_recorded(Recorded())), 0
    for copy in arriving:
        known = known.also([copy])
        onward = can_go_on(held.state, merge_all([copy]))
        held = gone_on(held, copy) if onward else rows_of(fold_recorded(known))
        if data.draw(st.booleans()):
            more = [replace(each, seq=seq + each.seq) for each in data.draw(statements_on(known.copies, 2))]
            seq += len(more)
            known = known.also(statements=more)
            held = rows_of(fold_recorded(known))
    assert held == rows_of(fold_recorded(known))


@settings(deadline=None, max_examples=100)
@given(recorded(), st.integers(-1, 6))
def test_at_a_time_nothing_later_has_happened(known: Recorded, at: int) -> None:
    """What was so at a time is the fold of the facts up to it, with what was said of cases by then."""
    facts = [fact for fact in facts_of(known) if fact.at_us <= minute(at)]
    state = fold_recorded(known, minute(at)).state
    bare = fold_unit(UnitState(), facts).state
    assert (state.open, state.held, state.last_end_us, state.at_us) == (bare.open, bare.held, bare.last_end_us, bare.at_us)
    assert (state.episode is None, state.mismatch is None) == (bare.episode is None, bare.mismatch is None)
    assert all(note.at_us <= minute(at) for case in (state.episode, state.mismatch) if case for note in case.notes)

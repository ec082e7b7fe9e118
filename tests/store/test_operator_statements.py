"""Statements of operators through the use cases: what they change, what they leave alone, and that it all stays."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings

from handlers.cases import Remarked, add_note, dismiss_case, reopen_case
from handlers.ports import Transaction
from handlers.rebuild import digest, rebuild
from handlers.refold import load_recorded
from handlers.rules.cases import case_id
from handlers.rules.facts import event_key
from handlers.rules.statements import asserted_key, fold_recorded
from handlers.statements import Assertion, Stated, assert_pairing, assert_pairings, judge, try_assertions
from schemas.errors import ConflictError, NotFoundError
from schemas.unit_rows import CaseRow
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, UNIT, UNITS, A, B, body_of, minute
from tests.support.operations import Assert, Deliver, Judge, Operation, operations, perform
from tests.support.said import all_statements, repeat
from tests.support.store import (
    DERIVED,
    NOW_US,
    OTHER,
    deliver,
    derived,
    dump,
    execute,
    failure,
    feed,
    pairing,
    rows,
    unpairing,
    wipe,
)

PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
PAIRED_A = event_key(ORGANIZATION, UNIT, "paired", minute(0), A)
FAILED = event_key(ORGANIZATION, UNIT, "failed", minute(1), ("NotFound", "F3A000001"))
CASE = case_id(ORGANIZATION, UNIT, FAILED)
Act = Callable[[Transaction, Remarked, int], Awaitable[CaseRow]]


def asserting(asset_id: str = A, at: float = 0, **fields: Any) -> Assertion:  # noqa: ANN401 - fields of Assertion
    """An assertion that the unit was paired."""
    return Assertion("paired", ORGANIZATION, UNIT, asset_id, minute(at), **fields)


async def assert_one(store: DatabaseStore, assertion: Assertion, actor: str = "anna") -> Stated:
    """Assert in a transaction of its own."""
    return await store.write(lambda tx: assert_pairing(tx, assertion, actor, NOW_US))


async def judge_one(store: DatabaseStore, kind: Any, key: str, organization_id: str | None = ORGANIZATION) -> Stated:  # noqa: ANN401 - void or restore
    """Void or restore in a transaction of its own."""
    return await store.write(lambda tx: judge(tx, kind, key, organization_id, "anna", "", NOW_US))


async def remark(store: DatabaseStore, act: Act, said: Remarked) -> CaseRow:
    """Say something of a case in a transaction of its own."""
    return await store.write(lambda tx: act(tx, said, NOW_US))


async def on_asset(store: DatabaseStore) -> str | None:
    """The asset that the unit is on."""
    (unit,) = await store.read(lambda tx: tx.pairings.find_units(UNIT, ORGANIZATION))
    return unit.state.open.asset_id if unit.state.open else None


async def test_an_assertion_opens_an_interval(store: DatabaseStore) -> None:
    """A unit that nothing is known of is paired; the answer carries the key and the change as the feed tells it."""
    stated = await assert_one(store, asserting(asset_vin="1HGCM82633A000001", note="on delivery"))
    assert stated.event_key == asserted_key(ORGANIZATION, UNIT, "paired", minute(0), A)
    assert [change.type for change in stated.changes] == ["pairing.opened"]
    assert [row.type for row in await feed(store)] == ["pairing.opened"]
    assert await on_asset(store) == A
    (said,) = await all_statements(store)
    assert (said.kind, said.actor, said.note, said.at_us, said.fact_at_us) == ("paired", "anna", "on delivery", NOW_US, minute(0))
    assert said.details.asset_vin == "1HGCM82633A000001"


async def test_asserting_what_stands_changes_nothing(store: DatabaseStore) -> None:
    """The same content again, by anyone with any note, leaves no row anywhere."""
    first = await assert_one(store, asserting())
    before = await dump(store, *DERIVED, "statements", "commits", "changes")
    again = await assert_one(store, asserting(note="again"), "bert")
    assert (again.event_key, again.changes) == (first.event_key, ())
    assert await dump(store, *DERIVED, "statements", "commits", "changes") == before


async def test_void_undoes_an_event_and_restore_brings_it_back(store: DatabaseStore) -> None:
    """A void event is as if it had never come, also when it comes again; restored it counts as before."""
    await deliver(store, [body_of([pairing(0), pairing(5, B)])])
    whole = await derived(store)
    key = event_key(ORGANIZATION, UNIT, "paired", minute(5), B)
    stated = await judge_one(store, "void", key)
    assert [change.type for change in stated.changes] == ["pairing.removed", "pairing.revised"]
    assert await on_asset(store) == A
    await deliver(store, [body_of([pairing(5, B)], event_batch_id="31fccdce-725e-4c87-a91b-000000000009")])
    assert await on_asset(store) == A
    stated = await judge_one(store, "restore", key)
    assert [change.type for change in stated.changes] == ["pairing.closed", "pairing.opened"]
    assert await derived(store) == whole


async def test_judging_what_nobody_said_is_refused(store: DatabaseStore) -> None:
    """A key that no event and no assertion has, or one of another organization, is not found, and nothing is kept of it."""
    await deliver(store, [body_of([pairing(0), {"eventType": "alarm", "eventVersion": 1, "eventData": {}}])])
    for key, organization_id in (("0" * 32, ORGANIZATION), ("", ORGANIZATION), (PAIRED_A, OTHER)):
        with pytest.raises(NotFoundError):
            await judge_one(store, "void", key, organization_id)
    assert await all_statements(store) == []
    await judge_one(store, "void", PAIRED_A, None)
    assert len(await all_statements(store)) == 1


async def test_judging_what_stands_is_not_recorded(store: DatabaseStore) -> None:
    """Void twice is void once; restoring what isn't void says nothing."""
    await deliver(store, [body_of([pairing(0)])])
    assert (await judge_one(store, "restore", PAIRED_A)).changes == ()
    await judge_one(store, "void", PAIRED_A)
    assert (await judge_one(store, "void", PAIRED_A)).changes == ()
    assert [said.kind for said in await all_statements(store)] == ["void"]


async def test_a_fleet_is_brought_in_at_once(store: DatabaseStore) -> None:
    """Many assertions are one transaction; trying them tells the same changes and writes nothing; again they add nothing."""
    await deliver(store, [body_of([unpairing(9)])])
    fleet = [asserting(), asserting(B, 20), *(Assertion("paired", ORGANIZATION, f"tp:{n}", A, minute(n)) for n in range(3))]
    before = await dump(store, *DERIVED, "statements", "changes")
    tried = await store.read(lambda tx: try_assertions(tx, fleet, "anna", NOW_US))
    assert await dump(store, *DERIVED, "statements", "changes") == before
    done = await store.write(lambda tx: assert_pairings(tx, fleet, "anna", NOW_US))
    assert done == tried
    assert done.added == 5
    assert len({row.position for row in (await feed(store))[1:]}) == 1
    again = await store.write(lambda tx: assert_pairings(tx, [*fleet, *fleet], "anna", NOW_US))
    assert (again.added, again.changes) == (0, ())


async def test_dismissing_and_reopening_a_case(store: DatabaseStore) -> None:
    """The state of case and unit follows, the feed tells of it, and saying what stands adds nothing unless it has words."""
    await deliver(store, [body_of([failure(1), failure(2)])])

    async def do(act: Act, text: str = "") -> str:
        return (await remark(store, act, Remarked(CASE, ORGANIZATION, "anna", text))).episode.status

    assert await do(dismiss_case) == "dismissed"
    assert await do(dismiss_case) == "dismissed"
    assert len(await all_statements(store)) == 1
    assert await unit_status(store) == "unpaired"
    assert await do(add_note, "seen") == "dismissed"
    assert await do(reopen_case, "left the depot") == "open"
    assert await do(reopen_case) == "open"
    assert await unit_status(store) == "unmatched"
    assert await do(dismiss_case, "again") == "dismissed"
    assert await do(dismiss_case, "and again") == "dismissed"
    assert [row.type for row in await feed(store)] == [
        "case.opened",
        "case.dismissed",
        "case.updated",
        "case.reopened",
        "case.dismissed",
        "case.updated",
    ]
    case = await store.read(lambda tx: tx.cases.find_case(CASE, None))
    assert case is not None
    assert [note.text for note in case.episode.notes] == ["seen", "left the depot", "again", "and again"]


async def unit_status(store: DatabaseStore) -> str:
    """The state of the unit."""
    (unit,) = await store.read(lambda tx: tx.pairings.find_units(UNIT, ORGANIZATION))
    return unit.status


async def test_a_case_is_found_by_any_of_its_failures(store: DatabaseStore) -> None:
    """What is said by the id of the second failure is said of the case, and goes with that failure when the case is split."""
    await deliver(store, [body_of([failure(1), failure(5)])])
    second = case_id(ORGANIZATION, UNIT, event_key(ORGANIZATION, UNIT, "failed", minute(5), ("NotFound", "F3A000001")))
    row = await remark(store, add_note, Remarked(second, ORGANIZATION, "anna", "seen"))
    assert row.case_id == CASE
    assert len(row.episode.notes) == 1
    await deliver(store, [body_of([pairing(3)], event_batch_id="31fccdce-725e-4c87-a91b-000000000009")])
    first_row = await store.read(lambda tx: tx.cases.find_case(CASE, None))
    second_row = await store.read(lambda tx: tx.cases.find_case(second, None))
    assert first_row is not None
    assert second_row is not None
    assert (first_row.case_id, first_row.episode.notes) == (CASE, ())
    assert (second_row.case_id, len(second_row.episode.notes)) == (second, 1)


async def test_what_can_t_be_said_of_a_case(store: DatabaseStore) -> None:
    """A resolved case is neither dismissed nor reopened, but takes notes; an unknown one or another's isn't found."""
    await deliver(store, [body_of([failure(1), pairing(3)])])
    said = Remarked(CASE, ORGANIZATION, "anna", "text")
    for act in (dismiss_case, reopen_case):
        with pytest.raises(ConflictError, match="resolved already"):
            await remark(store, act, said)
    row = await remark(store, add_note, said)
    assert row.episode.status == "resolved"
    for wrong in (Remarked("case_0", ORGANIZATION, "anna", "text"), Remarked(CASE, OTHER, "anna", "text")):
        with pytest.raises(NotFoundError):
            await remark(store, add_note, wrong)


async def test_rebuild_keeps_what_was_said(store: DatabaseStore) -> None:
    """With all that is derived gone, folding what is recorded brings it back with every statement's effect."""
    await deliver(store, [body_of([pairing(0), pairing(5, B), failure(1), failure(6)])])
    await judge_one(store, "void", event_key(ORGANIZATION, UNIT, "paired", minute(5), B))
    await assert_one(store, Assertion("unpaired", ORGANIZATION, "tp:asserted", A, minute(3)))
    last = case_id(ORGANIZATION, UNIT, event_key(ORGANIZATION, UNIT, "failed", minute(6), ("NotFound", "F3A000001")))
    await remark(store, dismiss_case, Remarked(last, None, "anna", "enough"))
    before, code = await derived(store), await digest(store)
    await execute(store, *(f"DELETE FROM {table}" for table in DERIVED))  # noqa: S608 - names of ours
    assert await digest(store) != code
    result = await rebuild(store, lambda: NOW_US)
    assert (result.units, result.mended, result.digest_after) == (2, 2, code)
    assert await derived(store) == before
    assert (await rebuild(store, lambda: NOW_US)).mended == 0


async def happen(store: DatabaseStore, story: list[Operation]) -> None:
    """All of it into an empty store."""
    await wipe(store)
    for number, operation in enumerate(story):
        await perform(store, operation, NOW_US + number)


async def check_against_the_fold(store: DatabaseStore) -> None:
    """What is stored of each unit is the fold of all that is recorded of it."""
    units = [(ORGANIZATION, unit_id) for unit_id in sorted(UNITS)]

    async def work(tx: Transaction) -> None:
        recorded = await load_recorded(tx, units)
        intervals = await tx.histories.stored_intervals(units)
        episodes = await tx.histories.stored_episodes(units)
        flags = await tx.histories.stored_flags(units)
        states = {(row.organization_id, row.unit_id): row for row in await tx.pairings.list_units(("", ""), 10, None)}
        for unit in units:
            fold = fold_recorded(recorded[unit])
            assert (unit in states) == (not recorded[unit].is_empty)
            if unit in states:
                assert states[unit].state == fold.state
                assert states[unit].status == fold.state.status
            assert intervals.get(unit, []) == list(fold.intervals)
            assert sorted(episodes.get(unit, []), key=repr) == sorted(fold.episodes, key=repr)
            assert flags.get(unit, {}) == fold.flags

    await store.read(work)


@PROPERTY
@given(operations())
def test_state_is_the_fold_of_all_that_is_recorded(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, story: list[Operation]
) -> None:
    """Deliveries and statements in any order leave what folding all of it from the start gives; rebuild finds nothing to mend."""

    async def check() -> None:
        await happen(sqlite_store, story)
        await check_against_the_fold(sqlite_store)
        before = await derived(sqlite_store)
        result = await rebuild(sqlite_store, lambda: NOW_US)
        assert (result.mended, result.digest_before) == (0, result.digest_after)
        assert await derived(sqlite_store) == before

    runner.run(check())


@settings(PROPERTY, max_examples=20)
@given(operations())
@example([Assert("paired", UNIT, A, 0), Judge("void", 0)])
def test_engines_agree_whatever_comes_first(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, postgres_store: DatabaseStore, story: list[Operation]
) -> None:
    """All deliveries backwards and then the same statements end in the same rows and digest, on the other engine."""

    async def check() -> None:
        await happen(sqlite_store, story)
        said = await all_statements(sqlite_store)
        await happen(postgres_store, [each for each in reversed(story) if isinstance(each, Deliver)])
        if said:
            await repeat(postgres_store, said, NOW_US)
        assert await derived(postgres_store) == await derived(sqlite_store)
        assert await digest(postgres_store) == await digest(sqlite_store)

    runner.run(check())


async def test_statements_are_stamped(store: DatabaseStore) -> None:
    """A statement is known from its transaction, which stands in the journal behind those before it."""
    await deliver(store, [body_of([pairing(0)])])
    await judge_one(store, "void", PAIRED_A)
    assert [row[0] for row in await rows(store, "SELECT position FROM commits ORDER BY commit_id")] == [1, 2]
    recorded = await store.read(lambda tx: load_recorded(tx, [(ORGANIZATION, UNIT)], NOW_US))
    assert len(recorded[ORGANIZATION, UNIT].statements) == 1
    earlier = await store.read(lambda tx: load_recorded(tx, [(ORGANIZATION, UNIT)], NOW_US - 1))
    assert earlier[ORGANIZATION, UNIT].is_empty

"""Every story of fixtures/stories and every documented payload, through the whole core and a real database.

What comes out is read back as queries read it, and compared with what each story's `expected.toml` says by hand. No two stories
share a unit, so all of them are in one store together, and their deliveries mix.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from handlers.ports import Transaction
from handlers.rebuild import digest
from handlers.refold import load_recorded
from handlers.rules.recording import Answer
from handlers.rules.statements import facts_of
from handlers.rules.views import case_view, pairing_view
from schemas.pairing import Episode
from schemas.statements import Statement
from schemas.unit_rows import NeighbourRow, PairingRow, UnitRow
from schemas.wire import time_text
from storage.store import DatabaseStore
from tests.support.said import all_statements, repeat, say
from tests.support.store import NOW_US, deliver, derived, feed, rows, wipe
from tests.support.stories import (
    FIXTURES,
    Expected,
    ExpectedCase,
    ExpectedFact,
    ExpectedFlags,
    ExpectedNote,
    ExpectedPairing,
    ExpectedUnit,
    load_stories,
)

STORIES = load_stories()
BODIES = [body for story in STORIES for _, body in story.batches]
DOCUMENTED = [path.read_bytes() for path in sorted((FIXTURES / "datahub").glob("v*/*.json"))]
FIRST = ("", "")
LAST = ("\U0010ffff", 2**63 - 1, "\U0010ffff")


class Seen(msgspec.Struct):
    """What a store holds, in the words of `expected.toml`."""

    answers: dict[str, list[Answer]]
    units: dict[tuple[str, str], ExpectedUnit]
    flags: dict[str, list[ExpectedFlags]]
    facts: dict[str, list[ExpectedFact]]
    statements: list[Statement]
    state: Any
    digest: str


async def look(tx: Transaction) -> tuple[Any, ...]:
    """All units with their pairings and cases, their flagged facts, and all facts that count."""
    units = {(row.organization_id, row.unit_id): row for row in await tx.pairings.list_units(FIRST, 1000, None)}
    pairings = await tx.pairings.list_pairings(LAST, 1000, None)
    neighbours = await tx.pairings.neighbours(sorted({(row.organization_id, row.interval.asset_id) for row in pairings}))
    episodes = await tx.histories.stored_episodes(list(units))
    seen = {
        unit: _unit(row, [pairing for pairing in pairings if pairing[:2] == unit], episodes.get(unit, []), neighbours)
        for unit, row in units.items()
    }
    flags: dict[str, list[ExpectedFlags]] = {}
    facts: dict[str, list[ExpectedFact]] = {}
    stored_flags = await tx.histories.stored_flags(list(units))
    for unit, recorded in (await load_recorded(tx, list(units))).items():
        for fact in facts_of(recorded):
            name: dict[str, Any] = {
                "unit_id": unit[1],
                "kind": fact.kind,
                "registered_on": time_text(fact.at_us),
                "asset_id": fact.asset_id,
            }
            facts.setdefault(unit[1], []).append(ExpectedFact(**name, **msgspec.structs.asdict(fact.meaning)))
            if found := stored_flags.get(unit, {}).pop(fact.event_key, ()):
                flags.setdefault(unit[1], []).append(ExpectedFlags(**name, flags=found))
    assert not any(stored_flags.values()), "a flag of a fact that isn't there"
    return seen, flags, facts


def _unit(row: UnitRow, pairings: Sequence[PairingRow], episodes: Sequence[Episode], others: list[NeighbourRow]) -> ExpectedUnit:
    return ExpectedUnit(
        organization_id=row.organization_id,
        unit_id=row.unit_id,
        state=row.status,  # type: ignore[arg-type] # one of the three, or the comparison fails
        pairings=tuple(_pairing(pairing, others) for pairing in reversed(pairings)),
        cases=tuple(_case(row, episode) for episode in episodes),
    )


def _pairing(row: PairingRow, others: list[NeighbourRow]) -> ExpectedPairing:
    view = pairing_view(row.organization_id, row.unit_id, row.interval)
    conflicts = any(_overlap(row, other, view.unit_type) for other in others)
    return ExpectedPairing(
        evidence=len(view.events),
        flags=("sameTypeConflict",) if conflicts else (),
        **{name: getattr(view, name) for name in ExpectedPairing.__struct_fields__ if name not in {"evidence", "flags"}},
    )


def _overlap(row: PairingRow, other: NeighbourRow, unit_type: str) -> bool:
    """Whether another unit of the same type was on the same asset at the same time."""
    mine = row.interval
    if (
        other.unit_id == row.unit_id
        or (other.asset_id, other.unit_type) != (mine.asset_id, unit_type)
        or mine.paired_at_us is None
    ):
        return False
    ends = [end for end in (mine.unpaired_at_us, other.unpaired_at_us) if end is not None]
    return max(mine.paired_at_us, other.paired_at_us) < min(ends, default=2**63)


def _case(row: UnitRow, episode: Episode) -> ExpectedCase:
    view = case_view(row.organization_id, row.unit_id, episode, episode.last_at_us)
    notes = tuple(ExpectedNote(note.text, note.author, note.at) for note in view.notes)
    shown = {name: getattr(view, name) for name in ExpectedCase.__struct_fields__ if name != "notes"}
    return ExpectedCase(**shown, notes=notes)


async def play(
    store: DatabaseStore, bodies: Sequence[bytes], group: int = 1, statements: Sequence[Statement] = ()
) -> tuple[list[Answer], Any, str]:
    """Deliver into an empty store, and say afterwards what was said; the answers, all derived rows, and the digest."""
    await wipe(store)
    answers = await deliver(store, bodies, group=group)
    if statements:
        await repeat(store, statements, NOW_US)
    return answers, await derived(store), await digest(store)


async def play_stories(store: DatabaseStore) -> Seen:
    """All stories one after the other, each batch alone, and after it what was said then."""
    await wipe(store)
    by_story: dict[str, list[Answer]] = {}
    for story in STORIES:
        for name, body in story.batches:
            by_story.setdefault(story.name, []).extend(await deliver(store, [body]))
            for said in story.statements:
                if said.after == name:
                    await say(store, said)
    units, flags, facts = await store.read(look)
    return Seen(by_story, units, flags, facts, await all_statements(store), await derived(store), await digest(store))


@pytest.fixture(scope="module")
def seen(runner: asyncio.Runner, shared_store: DatabaseStore) -> Seen:
    """All stories in order, each batch alone, on each engine."""
    return runner.run(play_stories(shared_store))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_story_comes_out_as_told(seen: Seen, story: Any) -> None:  # noqa: ANN401 - a Story
    """Answers, states, intervals, cases, evidence, flags and merged facts are those of `expected.toml`."""
    expected: Expected = story.expected
    answers = seen.answers[story.name]
    messages = Counter(answer.message for answer in answers)
    assert messages == {name: count for name, count in msgspec.structs.asdict(expected.batches).items() if count}
    assert msgspec.structs.asdict(expected.events) == {
        "applied": sum(answer.applied for answer in answers),
        "duplicate": sum(answer.duplicates for answer in answers),
        "quarantined": sum(answer.quarantined for answer in answers),
        "ignored": sum(answer.ignored for answer in answers),
    }
    assert all(_adds_up(answer) for answer in answers)
    names = [(unit.organization_id, unit.unit_id) for unit in expected.units]
    assert [seen.units[name] for name in names] == list(expected.units)
    unit_ids = {unit_id for _, unit_id in names}
    flags = [flag for unit_id in unit_ids for flag in seen.flags.get(unit_id, [])]
    assert sorted(flags, key=repr) == sorted(expected.flags, key=repr)
    facts = [fact for unit_id in unit_ids for fact in seen.facts.get(unit_id, [])]
    assert all(fact in facts for fact in expected.facts)


def _adds_up(answer: Answer) -> bool:
    return answer.received == answer.applied + answer.duplicates + answer.quarantined + answer.ignored


def test_the_store_holds_the_stories_units_and_no_others(seen: Seen) -> None:
    """No delivery leaves anything of a unit that no story names."""
    expected = {(unit.organization_id, unit.unit_id) for story in STORIES for unit in story.expected.units}
    assert set(seen.units) == expected


def orders() -> list[tuple[str, list[bytes], int]]:
    """Arrivals of all stories' batches: backwards, shuffled, one by one, in groups, all at once, twice."""
    shuffled = [random.Random(seed).sample(BODIES, len(BODIES)) for seed in range(3)]  # noqa: S311 - a fixed order
    twice = [body for body in shuffled[2] for _ in range(2)]
    return [
        ("all at once", BODIES, len(BODIES)),
        ("backwards", BODIES[::-1], 1),
        ("backwards, all at once", BODIES[::-1], len(BODIES)),
        ("shuffled", shuffled[0], 1),
        ("shuffled, in groups", shuffled[1], 7),
        ("each twice in a row, in groups", twice, 5),
        ("shuffled, and all of it again", [*shuffled[0], *shuffled[1]], 50),
    ]


@pytest.mark.parametrize(("bodies", "group"), [order[1:] for order in orders()], ids=[order[0] for order in orders()])
def test_arrival_does_not_matter(
    runner: asyncio.Runner, shared_store: DatabaseStore, seen: Seen, bodies: list[bytes], group: int
) -> None:
    """Whatever the order, the grouping and the repeats: the same rows, the same digest, the same sums over the answers.

    What operators said is said again at the end, word for word.
    """
    answers, state, code = runner.run(play(shared_store, bodies, group, seen.statements))
    assert state == seen.state
    assert code == seen.digest
    assert sum(answer.applied for answer in answers) == sum(a.applied for told in seen.answers.values() for a in told)
    assert all(map(_adds_up, answers))


@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
def test_documented_payloads(runner: asyncio.Runner, shared_store: DatabaseStore, backwards: bool) -> None:
    """All that the documentation prints happens in one instant: one unit fails, is paired and unpaired, two units fail.

    Fourteen copies are six facts: two pairings differ in their reason alone, and each comes in both versions.
    """
    answers, _, _ = runner.run(play(shared_store, DOCUMENTED[::-1] if backwards else DOCUMENTED))
    assert {answer.message for answer in answers} == {"accepted"}
    assert sum(answer.applied for answer in answers) == 6
    assert sum(answer.duplicates for answer in answers) == 8
    units, flags, facts = runner.run(shared_store.read(look))
    names = ("krone:890123847562332", "tp:890123847562332", "txtrailerguard:359315075384726")
    assert [unit_id for _, unit_id in units] == list(names)
    krone, trailer, guard = units.values()
    assert (krone.state, trailer.state, guard.state) == ("unmatched", "unpaired", "unmatched")
    assert [case.reason for unit in (krone, guard) for case in unit.cases] == ["MultipleMatchFound", "Unknown"]
    (case,) = trailer.cases
    assert (case.state, case.attempts, case.resolved_at) == ("resolved", 2, "2025-05-12T22:20:00Z")
    (pairing,) = trailer.pairings
    assert (pairing.paired_at, pairing.unpaired_at, pairing.ended_by) == ("2025-05-12T22:20:00Z",) * 2 + ("unpaired",)
    assert (pairing.reason, pairing.vin, pairing.sensor_vin) == ("ManualPair", "1HGCM82633A000001", "F3A000001")
    assert [(flag.kind, flag.flags) for found in flags.values() for flag in found] == [("paired", ("contradiction",))]
    assert sum(map(len, facts.values())) == 6


def test_both_engines_agree(runner: asyncio.Runner, sqlite_store: DatabaseStore, postgres_store: DatabaseStore) -> None:
    """The same deliveries leave the same rows, journal and feed included, and the same digest on either engine."""
    told = []
    for store in (sqlite_store, postgres_store):
        _, state, code = runner.run(play(store, [*DOCUMENTED, *BODIES], 3))
        events = runner.run(
            rows(store, "SELECT unit_id, event_key, outcome, meaning, source, batch_key, batch_time_us FROM events ORDER BY seq")
        )
        changes = [change[3:] for change in runner.run(feed(store))]
        told.append((state, code, events, changes))
    assert told[0] == told[1]

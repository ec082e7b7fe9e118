"""The stories of fixtures/stories that say what the registry makes of them: pairings and syncs, in their order and in any other.

No two of them share a unit, a Datahub asset or a VIN, so all of them are in one store together.
"""

import asyncio
from collections.abc import Sequence
from random import Random

import pytest
from msgspec import Struct

from handlers.rebuild import digest, rebuild
from schemas.statements import Statement
from storage.store import DatabaseStore
from tests.support.registry_play import UNIT_METERS, begin_story, do, look
from tests.support.said import all_statements, repeat, say
from tests.support.store import NOW_US, deliver, wipe
from tests.support.stories import Story, load_stories
from tests.support.story_registry import ReadingStep, RegistrySeen, Step, SyncStep

STORIES = [story for story in load_stories() if story.steps is not None]
BODIES = [body for story in STORIES for _, body in story.batches]
STEPS = [step for story in STORIES for step in story.steps or ()]

# What is done to a store: a delivery, or a step.
Move = bytes | Step


class Told(Struct):
    """All stories as they are told: how each sync and reading was answered, what was said, and what the registry says."""

    answers: list[tuple[str, tuple[str, ...]]]
    statements: list[Statement]
    seen: RegistrySeen


async def tell(store: DatabaseStore) -> Told:
    """All stories one after the other."""
    await wipe(store)
    await begin_story(store)
    answers = []
    for story in STORIES:
        for name, body in [("", b""), *story.batches]:
            if body:
                await deliver(store, [body])
            for said in story.statements:
                if said.after == name:
                    await say(store, said)
            answers += [await do(store, step) for step in story.steps or () if step.after == name]
    return Told(answers, await all_statements(store), await look(store))


async def play(store: DatabaseStore, moves: Sequence[Move], statements: Sequence[Statement]) -> RegistrySeen:
    """Do all this to an empty store, and say at last what was said."""
    await wipe(store)
    await begin_story(store)
    for move in moves:
        await (deliver(store, [move]) if isinstance(move, bytes) else do(store, move))
    await repeat(store, statements, NOW_US)
    return await look(store)


@pytest.fixture(scope="module")
def told(runner: asyncio.Runner, shared_store: DatabaseStore) -> Told:
    """The stories in their order, on each engine."""
    return runner.run(tell(shared_store))


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_registry_comes_out_as_told(told: Told, story: Story) -> None:
    """Assets with their links and what is implied for them, and the candidates of open cases, are those of `expected.toml`."""
    expected, seen = story.expected, told.seen
    assert [seen.assets.get(asset.external_asset_id) for asset in expected.assets] == list(expected.assets)
    assert [seen.missing.get(one.meter_code) for one in expected.missing] == list(expected.missing)
    units = {unit.unit_id for unit in expected.units}
    assert [one for one in seen.waiting if one.unit_id in units] == sorted(expected.waiting, key=repr)
    assert {unit: case for unit, case in seen.cases.items() if unit in units} == {one.unit_id: one for one in expected.cases}


def test_the_registry_holds_what_the_stories_say_and_nothing_else(told: Told) -> None:
    """No asset and no missing meter is there that no story tells of."""
    assert set(told.seen.assets) == {asset.external_asset_id for story in STORIES for asset in story.expected.assets}
    assert set(told.seen.missing) == {one.meter_code for story in STORIES for one in story.expected.missing}


def test_syncs_and_readings_are_answered_as_told(told: Told) -> None:
    """Each asset is new or known, each reading attributed or waiting, with the warnings that the story says."""
    expected = [
        (step.outcome, step.warnings)
        if isinstance(step, SyncStep)
        else (step.outcome, ())
        if isinstance(step, ReadingStep)
        else ("", ())
        for step in _in_order()
    ]
    assert told.answers == expected


def _in_order() -> list[Step]:
    """The steps as they are done when the stories are told."""
    return [
        step
        for story in STORIES
        for name in ["", *(name for name, _ in story.batches)]
        for step in story.steps or ()
        if step.after == name
    ]


def orders() -> list[tuple[str, list[Move]]]:
    """Deliveries in any order and repeated, with the steps, whose own order has a meaning, before, behind and between them."""
    found: list[tuple[str, list[Move]]] = [
        ("registry first", [*STEPS, *BODIES]),
        ("events first", [*BODIES, *STEPS]),
        ("events backwards, twice", [*BODIES[::-1], *STEPS, *BODIES]),
    ]
    for seed in range(3):
        random = Random(seed)  # noqa: S311 - a fixed order
        bodies = random.sample([*BODIES, *BODIES], 2 * len(BODIES))
        turns = random.sample([True] * len(bodies) + [False] * len(STEPS), len(bodies) + len(STEPS))
        events, steps = iter(bodies), iter(STEPS)
        found.append((f"shuffled {seed}", [next(events) if turn else next(steps) for turn in turns]))
    return found


@pytest.mark.parametrize("moves", [order[1] for order in orders()], ids=[order[0] for order in orders()])
def test_arrival_does_not_matter(runner: asyncio.Runner, shared_store: DatabaseStore, told: Told, moves: list[Move]) -> None:
    """Whatever comes first, late or twice: the same assets, links, implied and missing meters, readings and candidates.

    A provisional asset that was never needed has left no id.
    """
    seen = runner.run(play(shared_store, moves, told.statements))
    assert seen.apart_from_ids() == told.seen.apart_from_ids()


def test_rebuild_finds_nothing_to_mend(runner: asyncio.Runner, shared_store: DatabaseStore, told: Told) -> None:
    """What the stories leave is what all that is recorded comes to."""

    async def check() -> None:
        await play(shared_store, dict(orders())["shuffled 0"], told.statements)
        right = await digest(shared_store)
        done = await rebuild(shared_store, lambda: NOW_US, unit_meters=UNIT_METERS)
        assert (done.mended, done.registry_mended, done.digest_after) == (0, 0, right)

    runner.run(check())

"""However deliveries come, the stored state is that of folding all copies at once: properties over generated deliveries."""

import asyncio
from collections.abc import Sequence
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.rebuild import digest, rebuild
from handlers.rules.facts import merge_all
from handlers.rules.intake import Arrival, take_in
from handlers.rules.mismatches import VIN_MISMATCH
from handlers.rules.recording import Answer
from handlers.unit_ports import Unit
from schemas.facts import Copy
from schemas.pairing import Episode, UnitStatus
from storage.store import DatabaseStore
from tests.support.facts import MINUTE_US, SUBSCRIPTIONS, UNITS, Delivery, deliveries
from tests.support.oracle import episodes_of, history_of, intervals_of, mismatches_of
from tests.support.store import NOW_US, deliver, derived, wipe

# The stores are wiped by each example.
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[bytes], list[int]]:
    """Deliveries to two units, some under another subscription or time too, and the sizes of the groups that they come in."""
    made: list[Delivery] = draw(deliveries(UNITS, max_size=8))
    twins = [
        delivery._replace(
            event_subscription_id=draw(st.sampled_from(SUBSCRIPTIONS)),
            batch_time_us=delivery.batch_time_us + draw(st.sampled_from((-10, 0, 5))) * MINUTE_US,
        )
        for delivery in draw(st.lists(st.sampled_from(made), max_size=3))
    ]
    made = draw(st.permutations([*made, *twins])) if twins else made
    sizes: list[int] = draw(st.lists(st.integers(1, len(made)), min_size=1, max_size=len(made)))
    return [delivery.body for delivery in made], sizes


async def arrive(store: DatabaseStore, bodies: Sequence[bytes], sizes: Sequence[int]) -> list[Answer]:
    """Deliver into an empty store in groups of these sizes, the rest one by one."""
    await wipe(store)
    answers: list[Answer] = []
    for size in sizes:
        answers += await deliver(store, bodies[len(answers) : len(answers) + size], group=size)
    return [*answers, *await deliver(store, bodies[len(answers) :])]


def copies_in(bodies: Sequence[bytes]) -> dict[Unit, list[Copy]]:
    """All copies in deliveries, by unit."""
    found: dict[Unit, list[Copy]] = {}
    for body in bodies:
        batch = take_in(Arrival("default", "webhook", NOW_US, body)).batch
        for entry in batch.entries if batch else ():
            if entry.copy:
                found.setdefault((entry.organization_id, entry.copy.unit_id), []).append(entry.copy)
    return found


async def check_against_the_rules(store: DatabaseStore, copies: dict[Unit, list[Copy]]) -> None:
    """What is stored is what a slow implementation of the rules' text makes of all copies."""
    units = sorted(copies)
    intervals = await store.read(lambda tx: tx.histories.stored_intervals(units))
    episodes = await store.read(lambda tx: tx.histories.stored_episodes(units))
    flags = await store.read(lambda tx: tx.histories.stored_flags(units))
    rows = await store.read(lambda tx: tx.pairings.list_units(("", ""), 100, None))
    assert [(row.organization_id, row.unit_id) for row in rows] == units
    for unit, row in zip(units, rows, strict=True):
        facts = merge_all(copies[unit])
        expected = intervals_of(facts)
        assert intervals.get(unit, []) == expected
        cases = episodes.get(unit, [])
        assert [case for case in cases if case.reason != VIN_MISMATCH] == episodes_of(facts)
        assert sorted((case for case in cases if case.reason == VIN_MISMATCH), key=_failures) == sorted(
            mismatches_of(facts), key=_failures
        )
        assert flags.get(unit, {}) == {key: tuple(sorted(found)) for key, found in history_of(facts).flags.items()}
        is_open = any(interval.unpaired_at_us is None for interval in expected)
        has_case = any(case.resolved_at_us is None and case.reason != VIN_MISMATCH for case in cases)
        status: UnitStatus = "paired" if is_open else "unmatched" if has_case else "unpaired"
        assert (row.status, row.last_event_at_us) == (status, max(fact.at_us for fact in facts))


def _failures(case: Episode) -> tuple[str, ...]:
    return case.failures


@PROPERTY
@given(arrivals())
def test_state_is_the_fold_of_all_copies(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, arrival: tuple[list[bytes], list[int]]
) -> None:
    """Any order, grouping and repetition of batches, twins of versions and subscriptions give the state that the rules give."""

    async def check() -> None:
        bodies, sizes = arrival
        answers = await arrive(sqlite_store, bodies, sizes)
        copies = copies_in(bodies)
        await check_against_the_rules(sqlite_store, copies)
        facts = {copy.event_key for found in copies.values() for copy in found}
        assert sum(answer.applied for answer in answers) == len(facts)
        assert all(answer.received == answer.applied + answer.duplicates for answer in answers)

    runner.run(check())


@settings(PROPERTY, max_examples=40)
@given(arrivals())
def test_rebuild_finds_nothing_to_mend(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, arrival: tuple[list[bytes], list[int]]
) -> None:
    """Every row that deliveries leave is the one that folding from the start gives."""

    async def check() -> None:
        bodies, sizes = arrival
        await arrive(sqlite_store, bodies, sizes)
        before = await derived(sqlite_store)
        result = await rebuild(sqlite_store, lambda: NOW_US + 1)
        assert (result.units, result.mended) == (len(copies_in(bodies)), 0)
        assert result.digest_before == result.digest_after == await digest(sqlite_store)
        assert await derived(sqlite_store) == before

    runner.run(check())


@settings(PROPERTY, max_examples=25)
@given(arrivals(), st.randoms(use_true_random=False))
def test_engines_agree_whatever_the_order(
    runner: asyncio.Runner,
    sqlite_store: DatabaseStore,
    postgres_store: DatabaseStore,
    arrival: tuple[list[bytes], list[int]],
    random: Random,
) -> None:
    """Both engines end in the same rows and the same digest, also when the batches come in another order to each."""

    async def check() -> None:
        bodies, sizes = arrival
        await arrive(sqlite_store, bodies, sizes)
        shuffled = list(bodies)
        random.shuffle(shuffled)
        await arrive(postgres_store, shuffled, sizes[::-1])
        assert await derived(postgres_store) == await derived(sqlite_store)
        assert await digest(postgres_store) == await digest(sqlite_store)
        assert (await rebuild(postgres_store, lambda: NOW_US)).mended == 0

    runner.run(check())

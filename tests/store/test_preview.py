"""A preview foretells what ingesting does: properties over generated deliveries."""

import asyncio

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers import preview as previewing
from handlers.preview import counted, preview, without_body
from handlers.rules.intake import Arrival, take_in
from handlers.rules.recording import Answer
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, UNITS, Delivery, body_of, deliveries
from tests.support.store import NOW_US, TABLES, deliver, dump, feed, pairing, wipe

# The stores are wiped by each example.
PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@PROPERTY
@given(made=deliveries(UNITS, max_size=8), known=st.integers(0, 8))
def test_a_preview_is_what_happens_next(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, made: list[Delivery], known: int
) -> None:
    """Answers in their order and changes unit by unit are those of one transaction; the preview itself writes nothing."""

    async def check() -> None:
        await wipe(sqlite_store)
        bodies = [delivery.body for delivery in made]
        await deliver(sqlite_store, bodies[:known])
        coming = bodies[known:]
        before = await dump(sqlite_store, *TABLES)
        intakes = [without_body(take_in(Arrival("default", "webhook", NOW_US, body))) for body in coming]
        told = await preview(sqlite_store, intakes, NOW_US)
        assert await dump(sqlite_store, *TABLES) == before
        mark = max(((row["position"], row["n"]) for row in before["changes"]), default=(0, 0))
        answers = await deliver(sqlite_store, coming, group=max(1, len(coming)))
        assert list(told.answers) == answers
        happened = [(row.organization_id, row.unit_id, row.type, row.data) for row in await feed(sqlite_store, mark)]
        foretold = [(change.organization_id, change.unit_id, change.type, change.data) for change in told.changes]
        for unit in UNITS:
            assert [each for each in foretold if each[1] == unit] == [each for each in happened if each[1] == unit]
        assert len(foretold) == len(happened)

    runner.run(check())


async def test_chunks_know_of_each_other(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are looked at at once: a batch that comes again is a duplicate, and so is a fact."""
    monkeypatch.setattr(previewing, "INTAKES_AT_A_TIME", 1)
    monkeypatch.setattr(previewing, "UNITS_AT_A_TIME", 1)
    other = "31fccdce-725e-4c87-a91b-000000000002"
    bodies = [
        body_of([pairing(0), pairing(1, unit_id="tp:2")]),
        body_of([pairing(0), pairing(1, unit_id="tp:2")]),
        body_of([pairing(5)]),
        body_of([pairing(0), pairing(9, unit_id="tp:2")], event_batch_id=other),
    ]
    intakes = [without_body(take_in(Arrival("default", "webhook", NOW_US, body))) for body in bodies]
    told = await preview(store, intakes, NOW_US)
    assert list(told.answers) == await deliver(store, bodies)
    assert [answer.message for answer in told.answers] == ["accepted", "duplicate", "conflict", "accepted"]
    assert {change.organization_id for change in told.changes} == {ORGANIZATION}


def test_answers_are_summed_up() -> None:
    """By message, and by what became of the events."""
    answers = [Answer("accepted", "a", 3, 2, 1), Answer("accepted", "b", 2, 0, 0, 1, 1), Answer("duplicate", "a", 3, 0, 3)]
    assert counted(answers) == {
        "accepted": 2,
        "duplicate": 1,
        "received": 8,
        "applied": 2,
        "duplicates": 4,
        "quarantined": 1,
        "ignored": 1,
    }
    assert msgspec.json.encode(counted([])) == b"{}"

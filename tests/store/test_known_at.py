"""`knownAt`: what would have been answered at a time, against what was answered then."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.ports import Transaction
from handlers.queries import known_pairings, units
from handlers.queries.as_of import AsOf
from handlers.queries.lists import PageAsked, Viewer
from handlers.queries.pairing_filter import PairingFilter
from handlers.queries.pairings import list_asset_pairings, list_pairings, list_unit_pairings
from handlers.queries.units import UnitFilter, get_unit, list_units
from schemas.answers import Pairing, Unit
from schemas.errors import InvalidInputError, NotFoundError
from schemas.pages import Page
from storage.store import DatabaseStore
from tests.support.facts import ASSETS, ORGANIZATION, UNIT, UNITS, A, B, body_of, minute
from tests.support.operations import Operation, operations, perform
from tests.support.store import NOW_US, OTHER, deliver, pairing, wipe

PROPERTY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
ALL = Viewer(None, operator=True)
OWN = Viewer(ORGANIZATION, operator=False)
T = TypeVar("T")


class Answers(NamedTuple):
    """What the queries answer; a unit or an asset that isn't known has None or no pairings."""

    units: list[Unit]
    each_unit: list[Unit | None]
    pairings: list[Pairing]
    of_units: list[list[Pairing]]
    of_assets: list[list[Pairing]]


async def pages(ask: Callable[[PageAsked], Awaitable[Page[T]]], limit: int = 2) -> list[T]:
    """The items of all pages of a list; none where what it is about isn't known."""
    found: list[T] = []
    cursor = None
    while True:
        try:
            page = await ask(PageAsked(limit, cursor))
        except NotFoundError:
            return found
        assert len(page.items) <= limit
        found += page.items
        if page.next_cursor is None:
            return found
        cursor = page.next_cursor


async def unit_or_none(tx: Transaction, unit_id: str, asked: AsOf, now_us: int) -> Unit | None:
    """One unit; None for one of which nothing is known."""
    try:
        return await get_unit(tx, OWN, unit_id, asked, now_us)
    except NotFoundError:
        return None


async def ask(store: DatabaseStore, now_us: int, **asked: Any) -> Answers:  # noqa: ANN401 - fields of AsOf
    """Everything that can be asked, on one snapshot."""
    as_of = AsOf(**asked)

    async def work(tx: Transaction) -> Answers:
        of_units = [await pages(lambda page, ref=ref: list_unit_pairings(tx, OWN, ref, as_of, page)) for ref in UNITS]  # type: ignore[misc] # bound early
        of_assets = [await pages(lambda page, ref=ref: list_asset_pairings(tx, OWN, ref, as_of, page)) for ref in ASSETS]  # type: ignore[misc] # the same
        everything = await pages(lambda page: list_pairings(tx, OWN, PairingFilter(**asked), page))
        return Answers(
            await pages(lambda page: list_units(tx, OWN, UnitFilter(**asked), page, now_us)),
            [await unit_or_none(tx, unit_id, as_of, now_us) for unit_id in UNITS],
            sorted(everything, key=lambda each: each.pairing_id),
            of_units,
            of_assets,
        )

    return await store.read(work)


def unlinked(answers: Answers) -> Answers:
    """Without what the registry of the moment says, whatever the time asked for: which asset it is, and who could be meant."""
    return Answers(
        [_unit(unit) for unit in answers.units],
        [unit and _unit(unit) for unit in answers.each_unit],
        [_pairing(one) for one in answers.pairings],
        [[_pairing(one) for one in history] for history in answers.of_units],
        [[_pairing(one) for one in history] for history in answers.of_assets],
    )


def _unit(unit: Unit) -> Unit:
    case = unit.case and replace(unit.case, candidates=(), suggestion=None)
    return replace(unit, pairing=unit.pairing and _pairing(unit.pairing), case=case)


def _pairing(one: Pairing) -> Pairing:
    return replace(one, registry_asset_id=None)


def as_then(answers: Answers, then: Answers) -> Answers:
    """A unit that wasn't known then is answered today as one of which nothing is known: unpaired."""
    for unit, was in zip(answers.each_unit, then.each_unit, strict=True):
        if unit and not was:
            assert (unit.state, unit.pairing, unit.case, unit.last_event_at) == ("unpaired", None, None, None)
    return answers._replace(
        each_unit=[unit if was else None for unit, was in zip(answers.each_unit, then.each_unit, strict=True)]
    )


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fold one unit at once and look at two in a page, so that every bound is met."""
    monkeypatch.setattr(known_pairings, "FOLDED_AT_ONCE", 1)
    monkeypatch.setattr(known_pairings, "FOLDED_MAX", 2)
    monkeypatch.setattr(units, "_FOLDED_AT_ONCE", 1)


@PROPERTY
@given(operations(), st.data())
def test_known_at_is_what_was_answered_then(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, story: list[Operation], data: st.DataObject
) -> None:
    """After any deliveries and statements, `knownAt` of each time gives what was answered at it, with and without `at`.

    What was answered then came from a store that had received nothing stamped later.
    """
    at_us = data.draw(st.none() | st.integers(-1, 6).map(minute))
    possible = data.draw(st.booleans())
    ticks = data.draw(st.lists(st.integers(0, 1), min_size=len(story), max_size=len(story)))

    async def check() -> None:
        await wipe(sqlite_store)
        now_us, answered = NOW_US, dict[int, Answers]()
        for operation, tick in zip(story, ticks, strict=True):
            now_us += tick
            await perform(sqlite_store, operation, now_us)
            answered[now_us] = await ask(sqlite_store, now_us, at_us=at_us, possible=possible)
        for then_us, then in answered.items():
            known = await ask(sqlite_store, now_us + 1, at_us=at_us, known_at_us=then_us, possible=possible)
            assert unlinked(as_then(known, then)) == unlinked(then)
        nothing = await ask(sqlite_store, now_us, known_at_us=NOW_US - 1)
        assert (nothing.units, nothing.pairings) == ([], [])

    runner.run(check())


async def fleet(store: DatabaseStore) -> None:
    """Five units of two organizations on two assets, known one after the other."""
    for moment, asset_ids in ((0, (A, B)), (10, (A, A))):
        for number in range(5):
            organization_id = OTHER if number == 4 else ORGANIZATION
            at = 9 if moment else number
            body = body_of(
                [pairing(at, asset_ids[number % 2], f"tp:{number}", organization_id)],
                event_batch_id=f"31fccdce-725e-4c87-a91b-{moment + number:012x}",
            )
            await deliver(store, [body], now_us=NOW_US + moment + number)


async def listed(store: DatabaseStore, viewer: Viewer, limit: int, **asked: Any) -> list[tuple[str, str]]:  # noqa: ANN401 - fields
    """The units and starts of pairings in a list, all pages of it."""
    found = await store.read(lambda tx: pages(lambda page: list_pairings(tx, viewer, PairingFilter(**asked), page), limit))
    return [(each.unit_id, each.paired_at or "") for each in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_lists_go_unit_by_unit(store: DatabaseStore, limit: int) -> None:
    """Whatever the size of the page, each unit's pairings come once, newest first, and those of several organizations by them."""
    await fleet(store)
    starts = ["2025-05-12T22:29:00Z", *(f"2025-05-12T22:2{number}:00Z" for number in range(5))]
    known = {"known_at_us": NOW_US + 100}
    own = [(f"tp:{number}", start) for number in range(4) for start in (starts[0], starts[number + 1])]
    # The units that were on A already were only confirmed on it.
    own = [(unit, start) for unit, start in own if unit in {"tp:1", "tp:3"} or start != starts[0]]
    assert await listed(store, OWN, limit, **known) == own
    assert await listed(store, ALL, limit, **known) == [*own, ("tp:4", starts[5])]
    assert await listed(store, OWN, limit, known_at_us=NOW_US + 2) == [(f"tp:{n}", starts[n + 1]) for n in range(3)]
    assert await listed(store, ALL, limit, **known, unit_id="tp:1") == [("tp:1", starts[0]), ("tp:1", starts[2])]
    of_a = [("tp:4", starts[5]), ("tp:3", starts[0]), ("tp:1", starts[0]), ("tp:2", starts[3]), ("tp:0", starts[1])]
    assert sorted(await listed(store, ALL, limit, **known, asset_id=A.upper())) == sorted(of_a)
    assert [start for _, start in await listed(store, OWN, limit, **known, asset_id=A)] == sorted(
        (start for unit, start in of_a if unit != "tp:4"), reverse=True
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"state": "open"}, ["tp:0", "tp:1", "tp:2", "tp:3"]),
        ({"state": "closed"}, ["tp:1", "tp:3"]),
        ({"unit_type": "tp"}, ["tp:0", "tp:1", "tp:1", "tp:2", "tp:3", "tp:3"]),
        ({"unit_type": "krone"}, []),
        ({"vin": "nothing"}, []),
        ({"reason": "ManualPair", "state": "open"}, ["tp:0", "tp:1", "tp:2", "tp:3"]),
        ({"reason": "AutoPair"}, []),
        ({"asset_id": B}, ["tp:1", "tp:3"]),
        ({"at_us": minute(1)}, ["tp:0", "tp:1"]),
    ],
)
async def test_lists_are_filtered(store: DatabaseStore, asked: dict[str, Any], expected: list[str]) -> None:
    """Every filter of the list does what it does without `knownAt`."""
    await fleet(store)
    assert sorted(unit for unit, _ in await listed(store, OWN, 2, known_at_us=NOW_US + 100, **asked)) == expected
    assert sorted(unit for unit, _ in await listed(store, OWN, 2, **asked)) == expected


async def test_conflicts_are_those_that_were_known(store: DatabaseStore) -> None:
    """Another unit of the type that came to be on the asset later conflicts from then on, not before."""
    await deliver(store, [body_of([pairing(0)])], now_us=NOW_US)
    later = body_of([pairing(5, A, "tp:1")], event_batch_id="31fccdce-725e-4c87-a91b-000000000009")
    await deliver(store, [later], now_us=NOW_US + 1)

    async def flags(known_at_us: int) -> tuple[str, ...]:
        unit = await store.read(lambda tx: get_unit(tx, OWN, UNIT, AsOf(known_at_us=known_at_us), NOW_US))
        return unit.pairing.flags if unit.pairing else ("none",)

    assert await flags(NOW_US) == ()
    assert await flags(NOW_US + 1) == ("sameTypeConflict",)


async def test_when_rows_were_written_is_not_known(store: DatabaseStore) -> None:
    """`updatedSince` asks about today's rows and can't be asked with `knownAt`."""
    asked = PairingFilter(known_at_us=NOW_US, updated_since_us=NOW_US)
    with pytest.raises(InvalidInputError) as error:
        await store.read(lambda tx: list_pairings(tx, OWN, asked, PageAsked(10, None)))
    assert error.value.problems[0].path == "updatedSince"

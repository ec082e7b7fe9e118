"""However events and syncs come, and mixed in whatever way, cases and the registry are what all of it together says.

The second opinion is written from the rules' text: which asset a Datahub asset is, what pairings imply, where readings stand.
"""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.rebuild import digest, rebuild
from handlers.rules.facts import merge_all
from handlers.rules.links import vin_of
from handlers.statements import judge
from schemas.events import Payload
from schemas.facts import Fact, Kind, Meaning
from schemas.wire import parse_time, time_text
from storage.store import DatabaseStore
from tests.store.test_arrival import check_against_the_rules, copies_in
from tests.support.facts import ASSETS, ORGANIZATION, UNITS, body_of, event_of, minute
from tests.support.oracle import intervals_of
from tests.support.registry_play import UNIT_METERS, begin_story, do, look
from tests.support.store import NOW_US, deliver, wipe
from tests.support.story_registry import LinkStep, ReadingStep, RegistrySeen, Step, SyncStep, UnlinkStep

KM = "ODOMETER_KM"
OWN = ("T1", "T2", "T3")
# Two VINs that events and syncs tell, so that they meet often. Sensors also read the end of one and a sibling of the other.
VINS = ("1HGCM82633A000001", "WDB96340310500042")
SENSOR_VINS = (None, *VINS, "A000001", "WDB96340310500041")
REASONS: dict[Kind, tuple[str | None, ...]] = {
    "paired": ("ManualPair", "AutoPair"),
    "unpaired": (None,),
    "failed": ("NotFound", "MultipleMatchFound"),
}


class Arrival(NamedTuple):
    """Deliveries and steps as they come: in `order` a number is that of a delivery, None the next step.

    Of deliveries that follow each other, `group` are in one transaction. At last the facts with the keys in `void` are made void.
    """

    bodies: list[bytes]
    steps: list[Step]
    order: list[int | None]
    group: int
    void: list[str]


@st.composite
def registry_steps(draw: st.DrawFn) -> list[Step]:
    """Syncs of up to three assets, operators' links between what is there then, and readings of units."""
    steps: list[Step] = []
    known: set[str] = set()
    said: dict[str, str] = {}
    for number in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(("sync", "sync", "link", "unlink", "reading")))
        if kind == "reading":
            # No two at one instant: the later would correct the earlier.
            unit_id, at_us = draw(st.sampled_from(UNITS)), minute(draw(st.integers(-1, 7)) + 0.5 + number / 100)
            steps.append(
                ReadingStep(
                    unit_id=unit_id, meter_code=KM, value=number, unit="km", recorded_at=time_text(at_us), outcome="WAITING"
                )
            )
        elif kind == "sync" or not known:
            steps.append(_sync(draw))
            known.add(str(steps[-1].asset["externalAssetId"]))  # type: ignore[union-attr] # a sync
        elif kind == "link":
            step = LinkStep(asset_id=draw(st.sampled_from(ASSETS)), external_asset_id=draw(st.sampled_from(sorted(known))))
            said[step.asset_id] = step.external_asset_id
            steps.append(step)
        elif said:
            asset_id = draw(st.sampled_from(sorted(said)))
            steps.append(UnlinkStep(asset_id=asset_id, external_asset_id=said.pop(asset_id)))
    return steps


def _sync(draw: st.DrawFn) -> SyncStep:
    asset: dict[str, Any] = {"externalAssetId": draw(st.sampled_from(OWN)), "name": "n"}
    serial = draw(st.sampled_from((None, VINS[0], *VINS)))
    expected = draw(st.sampled_from((None, None, True, False)))
    if serial is not None:
        asset["serial"] = serial
    if expected is not None:
        asset["meters"] = [{"meterCode": KM, "expectedFromSync": expected}]
    return SyncStep(asset=asset, cleared=() if serial else ("serial",), outcome="UPDATED")


@st.composite
def payloads(draw: st.DrawFn) -> Payload:
    """What an event says of one of two units and three Datahub assets, whose VINs change from event to event."""
    kind: Kind = draw(st.sampled_from(("paired", "paired", "unpaired", "failed")))
    reason = draw(st.sampled_from(REASONS[kind]))
    sensor_vin = None if kind == "unpaired" else draw(st.sampled_from(SENSOR_VINS))
    named = ASSETS[1:] if reason == "MultipleMatchFound" else ()
    asset_vin = None if kind == "failed" else draw(st.sampled_from((None, VINS[0], *VINS)))
    asset_id = None if kind == "failed" else draw(st.sampled_from(ASSETS))
    meaning = Meaning(reason, asset_vin, sensor_vin, candidate_asset_ids=named)
    return Payload(ORGANIZATION, draw(st.sampled_from(UNITS)), kind, minute(draw(st.integers(0, 5))), asset_id, meaning)


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Arrival, Arrival]:
    """The same deliveries and steps in two orders; in both, deliveries may come again, and steps keep their own order."""
    batches = draw(st.lists(st.lists(payloads(), min_size=1, max_size=3), min_size=1, max_size=5))
    bodies = [
        body_of([event_of(payload, 2) for payload in batch], event_batch_id=f"31fccdce-725e-4c87-a91b-{number:012x}")
        for number, batch in enumerate(batches)
    ]
    steps = draw(registry_steps())
    keys = sorted({copy.event_key for found in copies_in(bodies).values() for copy in found})
    void = draw(st.lists(st.sampled_from(keys), max_size=2, unique=True)) if draw(st.booleans()) else []
    found = []
    for _ in range(2):
        again = draw(st.lists(st.integers(0, len(bodies) - 1), max_size=2))
        moves: list[int | None] = [*range(len(bodies)), *again, *(None for _ in steps)]
        found.append(Arrival(bodies, steps, draw(st.permutations(moves)), draw(st.integers(1, 3)), void))
    return found[0], found[1]


async def arrive(store: DatabaseStore, arrival: Arrival) -> RegistrySeen:
    """Into an empty store; what the registry says then."""
    await wipe(store)
    await begin_story(store)
    steps = iter(arrival.steps)
    for is_step, moves in groupby(arrival.order, key=lambda move: move is None):
        if is_step:
            for _ in moves:
                await do(store, next(steps))
        else:
            await deliver(store, [arrival.bodies[move] for move in moves if move is not None], group=arrival.group)
    for key in arrival.void:
        await store.write(lambda tx, key=key: judge(tx, "void", key, ORGANIZATION, "anna", "", NOW_US))  # type: ignore[misc] # bound early
    return (await look(store)).apart_from_ids()


def linked_by_the_rules(facts: Sequence[Fact], steps: Sequence[Step]) -> dict[str, str]:
    """By Datahub asset, the id of the asset that it is."""
    serials: dict[str, str | None] = {}
    said: dict[str, str] = {}
    for step in steps:
        if isinstance(step, SyncStep):
            serials[step.asset["externalAssetId"]] = vin_of(step.asset.get("serial"))
        elif isinstance(step, LinkStep):
            said[step.asset_id] = step.external_asset_id
        elif isinstance(step, UnlinkStep):
            del said[step.asset_id]
    links = {}
    for asset_id in {fact.asset_id for fact in facts if fact.asset_id} | said.keys():
        told = [fact for fact in facts if fact.asset_id == asset_id and fact.meaning.asset_vin]
        latest = max(told, key=lambda fact: (fact.at_us, fact.event_key), default=None)
        vin = vin_of(latest.meaning.asset_vin) if latest else None
        holders = [name for name, serial in serials.items() if vin is not None and serial == vin]
        provisional = holders[0] if len(holders) == 1 else f"datahub:{asset_id}"
        links[asset_id] = said.get(asset_id, provisional)
    return links


def check_registry(seen: RegistrySeen, facts_of: dict[str, list[Fact]], steps: Sequence[Step]) -> None:
    """Links, implied meters and where readings stand are those of the rules."""
    facts = [fact for found in facts_of.values() for fact in found]
    links = linked_by_the_rules(facts, steps)
    own = {step.asset["externalAssetId"] for step in steps if isinstance(step, SyncStep)}
    assert set(seen.assets) == own | set(links.values())
    assert {each: name for name, asset in seen.assets.items() for each in asset.datahub_asset_ids} == links
    histories = {unit_id: intervals_of(found) for unit_id, found in facts_of.items()}
    implied: dict[str, set[str]] = {}
    for unit_id, intervals in histories.items():
        for interval in intervals:
            if interval.unpaired_at_us is None and unit_id.startswith("tp:"):
                implied.setdefault(links[interval.asset_id], set()).add(unit_id)
    explicit: dict[str, bool] = {}
    values: dict[str, list[float]] = {}
    waiting: list[float] = []
    for step in steps:
        if isinstance(step, SyncStep) and "meters" in step.asset:
            explicit[step.asset["externalAssetId"]] = step.asset["meters"][0]["expectedFromSync"]
        if isinstance(step, ReadingStep):
            at_us = parse_time(step.recorded_at, "$")
            covering = [
                links[interval.asset_id]
                for interval in histories.get(step.unit_id, ())
                if interval.paired_at_us is not None and interval.paired_at_us <= at_us < (interval.unpaired_at_us or 2**63)
            ]
            (values.setdefault(covering[0], []) if covering else waiting).append(step.value)
    for name, asset in seen.assets.items():
        (meter,) = asset.meters or (None,)
        assert (meter is None) == (name not in implied and name not in explicit and name not in values)
        if meter is not None:
            assert meter.implied_by == tuple(sorted(implied.get(name, ())))
            assert meter.expected_from_sync == explicit.get(name, name in implied)
            assert (meter.equipment_status == "EQUIPPED") == (name in implied)
            assert sorted(meter.readings) == sorted(values.get(name, ()))
    assert len(seen.waiting) == len(waiting)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(arrivals())
def test_cases_and_registry_are_what_all_of_it_says(
    runner: asyncio.Runner, sqlite_store: DatabaseStore, both: tuple[Arrival, Arrival]
) -> None:
    """Any order, mixture and repetition of events and syncs, and any voiding at last, ends in what the rules say of the rest."""

    async def check() -> None:
        first, second = both
        copies = copies_in(first.bodies)
        facts_of = {
            unit_id: [fact for fact in merge_all(found) if fact.event_key not in first.void]
            for (_, unit_id), found in copies.items()
        }
        seen = await arrive(sqlite_store, first)
        if not first.void:
            await check_against_the_rules(sqlite_store, copies)
        check_registry(seen, facts_of, first.steps)
        right = await digest(sqlite_store)
        done = await rebuild(sqlite_store, lambda: NOW_US, unit_meters=UNIT_METERS)
        assert (done.mended, done.registry_mended, done.digest_after) == (0, 0, right)
        assert await arrive(sqlite_store, second) == seen

    runner.run(check())

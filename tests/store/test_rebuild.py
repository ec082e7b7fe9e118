"""Rebuild: whatever happens to derived rows, what is recorded brings them back."""

import asyncio
from typing import Any

import pytest

from handlers.rebuild import UNITS_AT_A_TIME, Rebuilt, digest, rebuild
from storage.store import DatabaseStore
from tests.support.facts import A, B, body_of
from tests.support.store import (
    DERIVED,
    NOW_US,
    RECORDED,
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
from tests.support.stories import load_stories

STORIES = (
    *(
        "clock_skew",
        "confirmed_by_pairing_again",
        "hourly_not_found_then_success",
        "late_pairing_between",
        "late_success_splits_case",
    ),
    *("not_found_with_changing_sensor_vin", "pairings_through_three_assets", "swap_of_units", "tie_smaller_asset_id"),
    *("transfer_between_organizations", "two_episodes", "unpair_before_any_pair"),
)
BODIES = [body for story in load_stories() if story.name in STORIES for _, body in story.batches]

DAMAGE: dict[str, tuple[str, ...]] = {
    "units lost": ("DELETE FROM units",),
    "some units lost": ("DELETE FROM units WHERE unit_id > 'tp:354'",),
    "intervals lost": ("DELETE FROM pairings",),
    "some intervals lost": ("DELETE FROM pairings WHERE pairing_id < 'pair_5'",),
    "cases lost": ("DELETE FROM cases",),
    "flags lost": ("DELETE FROM fact_flags",),
    "other ids lost": ("DELETE FROM aliases",),
    "everything lost": tuple(f"DELETE FROM {table}" for table in DERIVED),  # noqa: S608 - names of ours
    "states reset": ("UPDATE units SET state = '{}'",),
    "states unreadable": ("UPDATE units SET state = 'x'",),
    "statuses wrong": ("UPDATE units SET status = 'unmatched', unit_type = 'x', last_event_at_us = 0",),
    "intervals reopened": ("UPDATE pairings SET interval_json = replace(interval_json, 'unpairedAtUs', 'x')",),
    "intervals unreadable": ("UPDATE pairings SET interval_json = ''",),
    "columns of intervals wrong": ("UPDATE pairings SET asset_id = 'x', vin = NULL, unpaired_at_us = NULL, unit_type = 'x'",),
    "intervals out of place": ("UPDATE pairings SET sort_us = sort_us + 1",),
    "intervals of nobody": ("UPDATE pairings SET unit_id = 'tp:stray' WHERE pairing_id < 'pair_5'",),
    "intervals of others": ("UPDATE pairings SET unit_id = (SELECT max(unit_id) FROM units) WHERE pairing_id < 'pair_5'",),
    "cases wrong": ("UPDATE cases SET episode_json = replace(episode_json, 'NotFound', 'Unknown')",),
    "cases unreadable": ("UPDATE cases SET episode_json = '[', reason = 'x', deadline_us = 0",),
    "cases of others": ("UPDATE cases SET unit_id = (SELECT max(unit_id) FROM units), first_at_us = 0",),
    "cases of nobody": ("UPDATE cases SET unit_id = ''",),
    "flags wrong": ("UPDATE fact_flags SET flags = '[]'",),
    "other ids wrong": ("UPDATE aliases SET event_key = 'x', unit_id = 'x'",),
    "strays": (
        "INSERT INTO units SELECT organization_id, 'tp:stray', unit_type, status, last_event_at_us, state FROM units LIMIT 1",
        "INSERT INTO units VALUES ('x', 'empty', '', 'unpaired', NULL, '{}')",
        """INSERT INTO pairings SELECT organization_id, unit_id, sort_us, 'pair_x', unit_type, asset_id, paired_at_us,
           paired_after_us, unpaired_at_us, reason, vin, updated_at_us, interval_json FROM pairings""",
        """INSERT INTO pairings SELECT organization_id, 'tp:nobody', sort_us, pairing_id, unit_type, asset_id, paired_at_us,
           paired_after_us, unpaired_at_us, reason, vin, updated_at_us, interval_json FROM pairings
           WHERE pairing_id <> 'pair_x'""",
        """INSERT INTO pairings SELECT organization_id, unit_id, sort_us - 7, pairing_id, unit_type, asset_id, paired_at_us,
           paired_after_us, unpaired_at_us, reason, vin, updated_at_us, interval_json FROM pairings WHERE unit_id > 'tp:354'""",
        """INSERT INTO cases (organization_id, case_id, unit_id, reason, first_at_us, deadline_us, episode_json)
           SELECT organization_id, 'case_' || unit_id, 'tp:other', max(reason), max(first_at_us), 0, max(episode_json)
           FROM cases GROUP BY organization_id, unit_id""",
        "INSERT INTO fact_flags VALUES ('x', 'tp:flagged', 'x', '[\"tie\"]')",
        "INSERT INTO fact_flags SELECT DISTINCT organization_id, unit_id, 'x', '[\"tie\"]' FROM units",
    ),
}


async def everything(store: DatabaseStore) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Derived rows, recorded rows but for what a rebuild adds, and the digest."""
    recorded = [table for table in RECORDED if table not in {"commits", "changes"}]
    return await dump(store, *DERIVED), await dump(store, *recorded), await digest(store)


async def mend(store: DatabaseStore) -> Rebuilt:
    """Rebuild, a second after everything came."""
    return await rebuild(store, lambda: NOW_US + 1_000_000)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_mended(
    runner: asyncio.Runner, shared_store: DatabaseStore, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    """Rows that were lost, changed, made unreadable or put there by a stranger: afterwards all is as before, and nothing else."""
    store = shared_store
    monkeypatch.setattr("handlers.rebuild.UNITS_AT_A_TIME", 9)

    async def check() -> None:
        await wipe(store)
        await deliver(store, BODIES, group=len(BODIES))
        before = await everything(store)
        told = await feed(store)
        await execute(store, *DAMAGE[damage])
        in_digest = "other ids" not in damage
        assert (await digest(store) != before[2]) == in_digest
        result = await mend(store)
        assert result.mended > 0
        assert (result.digest_before == before[2], result.digest_after == before[2]) == (not in_digest, True)
        assert await everything(store) == before
        assert (await feed(store))[: len(told)] == told
        again = await mend(store)
        assert (again.mended, again.digest_before, again.digest_after) == (0, before[2], before[2])

    runner.run(check())


async def test_deliveries_after_a_rebuild_go_on_as_if_nothing_had_been(store: DatabaseStore) -> None:
    """Half the batches, all derived rows lost, a rebuild, the other half: the same as all of them in an intact store."""
    half = len(BODIES) // 2
    await deliver(store, BODIES, group=20)
    expected = await derived(store), await digest(store)
    await wipe(store)
    await deliver(store, BODIES[half:], group=20)
    await execute(store, *DAMAGE["everything lost"])
    await mend(store)
    await deliver(store, BODIES[:half], group=20)
    assert (await derived(store), await digest(store)) == expected


async def test_what_was_lost_is_told_again(store: DatabaseStore) -> None:
    """The changes that a rebuild appends are those that bring a reader from what was stored to what is right."""
    await deliver(store, [body_of([pairing(0), unpairing(5), failure(7)])])
    last = await store.read(lambda tx: tx.changes.last(None))
    await execute(store, "DELETE FROM cases", "UPDATE pairings SET interval_json = replace(interval_json, 'unpairedAtUs', 'x')")
    result = await mend(store)
    assert (result.units, result.mended) == (1, 1)
    changes = await feed(store, last)
    assert [change.type for change in changes] == ["pairing.closed", "case.opened"]
    assert {change.at_us for change in changes} == {NOW_US + 1_000_000}


async def test_what_is_right_is_not_written(store: DatabaseStore) -> None:
    """A rebuild that finds nothing wrong leaves no row, no commit and no change behind it, and no date of writing."""
    await deliver(store, [body_of([pairing(0), unpairing(5), failure(7)])])
    dates = "SELECT updated_at_us FROM pairings"
    before = await dump(store, *DERIVED, *RECORDED), await rows(store, dates)
    assert (await mend(store)).mended == 0
    assert (await dump(store, *DERIVED, *RECORDED), await rows(store, dates)) == before


async def test_other_ids_are_mended_too(store: DatabaseStore) -> None:
    """The id made from a confirming pairing, or from a later failure, finds its interval or case again."""
    await deliver(store, [body_of([failure(0), failure(1), pairing(5), pairing(6), pairing(7, B), pairing(8, A)])])
    aliases = await rows(store, "SELECT alias_id FROM aliases ORDER BY alias_id")
    assert [alias[:5] for (alias,) in aliases] == ["case_", "pair_"]
    await execute(store, "DELETE FROM aliases")
    (alias,) = aliases[1]
    assert await store.read(lambda tx: tx.pairings.find_pairing(alias, None)) is None
    assert (await mend(store)).mended == 1
    found = await store.read(lambda tx: tx.pairings.find_pairing(alias, None))
    assert found is not None
    assert len(found.interval.events) == 2


async def test_a_pairing_that_turns_out_to_mismatch_gives_its_case_an_id(store: DatabaseStore) -> None:
    """The key of a pairing that confirms an interval, and by a later copy is found in a case too, finds both."""
    vins = {"reason": "AutoPair", "assetVIN": "WDB96340310500042", "sensorVIN": "1HGCM82633A000001"}

    def told(minutes: float, **extra: str) -> bytes:
        entry = pairing(minutes)
        return body_of([entry | {"eventData": entry["eventData"] | {"reason": "AutoPair"} | extra}])

    await deliver(store, [told(0, **vins), told(1), told(1, **vins)])
    aliases = await rows(store, "SELECT alias_id FROM aliases ORDER BY alias_id")
    assert [alias[:5] for (alias,) in aliases] == ["case_", "pair_"]
    assert (await mend(store)).mended == 0


async def test_all_pages_are_rebuilt(store: DatabaseStore) -> None:
    """More units than one transaction takes: each is folded once, and progress is told."""
    count = UNITS_AT_A_TIME + 7
    events = [pairing(0, A, f"tp:{number}") for number in range(count)]
    await deliver(store, [body_of(events)])
    before = await digest(store)
    await execute(store, *DAMAGE["everything lost"])
    told: list[int] = []
    result = await rebuild(store, lambda: NOW_US, told.append)
    assert (result.units, result.mended, told) == (count, count, [UNITS_AT_A_TIME, count])
    assert result.digest_after == before


async def test_an_empty_store_has_nothing_to_rebuild(store: DatabaseStore) -> None:
    """And a digest all the same."""
    result = await mend(store)
    assert (result.units, result.mended) == (0, 0)
    assert result.digest_before == result.digest_after
    assert len(result.digest_after) == 64


async def test_the_digest_tells_units_apart(store: DatabaseStore) -> None:
    """Every derived column counts: a state that differs in anything has another digest."""
    await deliver(store, [body_of([pairing(0), failure(1)])])
    seen = {await digest(store)}
    for table, column in (("units", "status"), ("pairings", "vin"), ("cases", "reason"), ("units", "unit_type")):
        await execute(store, f"UPDATE {table} SET {column} = 'x'")  # noqa: S608 - names of ours
        seen.add(await digest(store))
    assert len(seen) == 5

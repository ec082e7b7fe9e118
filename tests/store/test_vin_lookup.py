"""Assets found for a sensor's VIN by the keys in the store: what a scan of all assets finds, whoever wrote them."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.asset_sync import sync_assets
from handlers.patching import patch_assets
from handlers.ports import Transaction
from handlers.queries import vin as queries
from handlers.queries.vin import CANDIDATES_MAX, Sought, find_vins, match_vin
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from handlers.rules.vin_index import keys_of
from handlers.rules.vin_match import match
from handlers.vin_index import rebuild_vin_keys
from schemas.asset_sync_decoding import decode_sync
from schemas.assets import Asset
from schemas.patches import AssetPatch
from schemas.vin import AssetVin, Candidate, VinMatchRequest
from schemas.wire import to_json
from storage.statements import load
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION, A, B, body_of
from tests.support.plans import query_plan
from tests.support.store import NOW_US, OTHER, deliver, execute, pairing, rows, wipe
from tests.support.vins import SAMPLE, families

Serials = Mapping[str, str | None]


async def sync(store: DatabaseStore, serials: Serials, organization_id: str = ORGANIZATION) -> None:
    """Assets by their externalAssetIds, with these serials."""
    assets = [{"externalAssetId": name, "name": name, "serial": serial} for name, serial in serials.items()]
    if not assets:
        return
    asked = decode_sync(to_json({"assets": assets}), 500)

    async def work(tx: Transaction) -> None:
        done = await sync_assets(tx, organization_id, asked, Actor("client", "a test"), RegistryRules(), NOW_US)
        assert done.answer.errors == ()

    await store.write(work)


async def patch(store: DatabaseStore, name: str, serial: str | None) -> None:
    """The same for one asset that there is, by a bulk patch."""
    asset = (await by_name(store))[name]
    one = AssetPatch(asset.lease_asset_id, serial_number=serial)
    await store.write(lambda tx: patch_assets(tx, ORGANIZATION, [one], 1, NOW_US))


async def by_name(store: DatabaseStore, organization_id: str = ORGANIZATION) -> dict[str, Asset]:
    """All assets of an organization."""
    found = await store.read(lambda tx: tx.registry.assets.list_assets(0, 1000, organization_id))
    return {row.asset.external_asset_id: row.asset for row in found}


async def look_up(store: DatabaseStore, *wanted: Sought, most: int = 1000) -> list[tuple[Candidate, ...]]:
    """What the keys find."""
    return await store.read(lambda tx: find_vins(tx, ORGANIZATION, wanted, most))


async def scan(store: DatabaseStore, vin: str | None) -> list[Candidate]:
    """What a look at every asset finds; provisional ones are never found by VIN."""
    assets = (await by_name(store)).values()
    return match(vin, [AssetVin(asset.asset_id, None, asset.serial) for asset in assets if asset.origin != "datahub"])


async def stored_keys(store: DatabaseStore) -> list[tuple[str, str]]:
    """All keys of the organization."""
    found = await rows(store, "SELECT key, asset_id FROM asset_vin_keys WHERE organization_id = :org", org=ORGANIZATION)
    return sorted((row[0], row[1]) for row in found)


async def right_keys(store: DatabaseStore) -> list[tuple[str, str]]:
    """The keys that there should be."""
    assets = (await by_name(store)).values()
    return sorted(key for asset in assets for key in keys_of(asset.asset_id, asset.serial, asset.origin))


NAMES = [f"T{number}" for number in range(6)]
steps = st.tuples(st.sampled_from(("sync", "patch")), st.sampled_from(NAMES), st.integers(0, 11))


@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    family=families(min_size=8, max_size=8),
    others=families(min_size=4, max_size=4),
    writes=st.lists(st.lists(steps, min_size=1, max_size=4), min_size=1, max_size=4),
)
def test_keys_find_what_a_scan_finds(
    shared_store: DatabaseStore,
    runner: asyncio.Runner,
    family: list[str],
    others: list[str],
    writes: list[list[tuple[str, str, int]]],
) -> None:
    """After any syncs and patches, every look-up gives the candidates of a full scan, word for word."""
    texts: list[str | None] = [*family[:6], *others, None, "UNKNOWN"]

    async def play() -> None:
        await wipe(shared_store)
        for group in writes:
            syncs: Serials = {name: texts[number] for kind, name, number in group if kind == "sync"}
            await sync(shared_store, syncs)
            there = await by_name(shared_store)
            for kind, name, number in group:
                serial = texts[number]
                if kind == "patch" and name in there and len(serial or "") <= 30 and "\0" not in (serial or ""):
                    await patch(shared_store, name, serial)
        assert await stored_keys(shared_store) == await right_keys(shared_store)
        assert await rebuild_vin_keys(shared_store) == 0
        sensors = [*family, *others]
        found = await look_up(shared_store, *map(Sought, sensors))
        assert [list(each) for each in found] == [await scan(shared_store, sensor) for sensor in sensors]
        for sensor, together in zip(sensors, found, strict=True):
            assert await look_up(shared_store, Sought(sensor)) == [together]

    runner.run(play())


async def test_an_asset_that_changes_twice_in_one_sync(store: DatabaseStore) -> None:
    """Only the keys of what it is in the end are there."""
    await sync(store, {"T": SAMPLE})
    entries = [{"externalAssetId": "T", "name": "T", "serial": serial} for serial in ("WDB96340310500042", "F3A000002")]
    asked = decode_sync(to_json({"assets": entries}), 500)
    await store.write(lambda tx: sync_assets(tx, ORGANIZATION, asked, Actor("client", "a test"), RegistryRules(), NOW_US))
    assert [key for key, _ in await stored_keys(store)] == ["end:000002"]


async def test_organizations_are_apart(store: DatabaseStore) -> None:
    """An asset of another organization is no candidate, and isn't counted."""
    await sync(store, {"T": SAMPLE})
    await sync(store, {"T": SAMPLE}, OTHER)
    answer = await store.read(lambda tx: match_vin(tx, ORGANIZATION, VinMatchRequest("F3A000001")))
    [candidate] = answer.candidates
    assert "1 asset shares these 8" in candidate.explanation
    assert answer.suggestion is None
    assert (await store.read(lambda tx: match_vin(tx, OTHER, VinMatchRequest(SAMPLE)))).suggestion is not None


async def test_no_more_than_asked_for_but_all_that_were_named(store: DatabaseStore) -> None:
    """The best are shown, and whatever Datahub named, be it in the registry, linked, or unknown."""
    await sync(store, {f"T{number}": f"{SAMPLE[:9]}{chr(65 + number)}A000001" for number in range(8)} | {"X": "UNKNOWN"})
    [everything] = await look_up(store, Sought(SAMPLE))
    [few] = await look_up(store, Sought(SAMPLE), most=2)
    assert few == everything[:2]
    assert len(everything) == 8
    asset = (await by_name(store))["X"]
    await store.write(lambda tx: tx.registry.assets.put_links(ORGANIZATION, [(A, asset.asset_id)], []))
    [named] = await look_up(store, Sought(SAMPLE, named=(A, B)), most=2)
    assert named[:2] == few
    assert [(one.registry_asset_id, one.asset_id, one.named, one.tier) for one in named[2:]] == [
        (None, B, True, "named"),
        (asset.asset_id, A, True, "named"),
    ]
    [close] = await look_up(store, Sought(SAMPLE, named=(A,)), most=100)
    assert [one.registry_asset_id for one in close] == [one.registry_asset_id for one in everything] + [asset.asset_id]


async def test_a_named_asset_that_is_found_comes_once(store: DatabaseStore) -> None:
    """An asset that the keys find and that Datahub named under two ids comes once for each of these, as named."""
    await sync(store, {"T": SAMPLE})
    asset = (await by_name(store))["T"]
    await store.write(lambda tx: tx.registry.assets.put_links(ORGANIZATION, [(A, asset.asset_id), (B, asset.asset_id)], []))
    [found] = await look_up(store, Sought(SAMPLE, named=(A, B)))
    assert [(one.asset_id, one.named, one.advice) for one in found] == [(A, True, "suggest"), (B, True, "review")]
    [by_keys] = await look_up(store, Sought(SAMPLE))
    assert [(one.asset_id, one.named) for one in by_keys] == [(A, False)]


async def test_who_is_on_the_asset_stands_against_a_suggestion(store: DatabaseStore) -> None:
    """Another unit of the same type does; the same unit, one of another type, and one that has left do not."""
    await sync(store, {"T": SAMPLE})
    asset = (await by_name(store))["T"]
    await deliver(store, [body_of([pairing(1, A, "tp:1")])])
    await store.write(lambda tx: tx.registry.assets.put_links(ORGANIZATION, [(A, asset.asset_id)], []))
    wanted = [
        Sought(SAMPLE, "tp", "tp:2"),
        Sought(SAMPLE, "tp"),
        Sought(SAMPLE, "tp", "tp:1"),
        Sought(SAMPLE, "krone", "krone:1"),
        Sought(SAMPLE),
    ]
    found = await look_up(store, *wanted)
    assert [one.advice for (one,) in found] == ["review", "review", "suggest", "suggest", "suggest"]
    assert "another unit of the same type" in found[0][0].explanation


async def test_too_many_share_an_end(store: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound not all of them are looked at, but the very VIN is found, and how many share the end is told right."""
    monkeypatch.setattr(queries, "ASSETS_MAX", 3)
    assert queries.ASSETS_MAX < CANDIDATES_MAX
    vins = [f"{SAMPLE[:6]}{letter}{SAMPLE[7:]}" for letter in "ABCDEFGHJKLMN"]
    await sync(store, {f"T{number}": vin for number, vin in enumerate(vins)})
    for vin in vins:
        [found] = await look_up(store, Sought(vin.lower()))
        assert (found[0].vin, found[0].tier) == (vin, "normalized")
        assert "13 assets share the last 6" in found[0].explanation
        assert len(found) <= 5
    # What is too much for all of them together isn't for one.
    await sync(store, {"A": "WDB96340310500042", "B": "WDB96340310500077"})
    together = await look_up(store, *map(Sought, ("WDB96340310500042", SAMPLE, "WDB96340310500077")))
    assert [len(together[0]), len(together[2])] == [1, 1]


async def test_keys_are_computed_afresh(store: DatabaseStore) -> None:
    """What is missing comes back and what is too much goes, in every organization; then nothing is left to mend."""
    await sync(store, {"T": SAMPLE, "U": "F3A000002"})
    await sync(store, {"T": "WDB96340310500042"}, OTHER)
    right = await stored_keys(store)
    await execute(
        store,
        "DELETE FROM asset_vin_keys WHERE key LIKE 'vin:%'",
        "INSERT INTO asset_vin_keys VALUES ('x', 'end:000009', 'asset_x')",
        "UPDATE asset_vin_keys SET key = 'end:999999' WHERE key = 'end:000002'",
    )
    assert await rebuild_vin_keys(store) == 2 + 1 + 2
    assert await stored_keys(store) == right
    assert await rebuild_vin_keys(store) == 0


@pytest.mark.parametrize("name", ["assets_with_keys", "count_with_key", "keys_after", "keys_of"])
async def test_keys_are_looked_up(store: DatabaseStore, name: str) -> None:
    """No statement reads all keys, or all assets."""
    values: dict[str, dict[str, object]] = {
        "assets_with_keys": {"organization_id": ORGANIZATION, "keys": ["end:000001"], "limit": 10},
        "count_with_key": {"organization_id": ORGANIZATION, "key": "end:000001"},
        "keys_after": {"organization_id": "", "key": "", "asset_id": "", "limit": 10},
        "keys_of": {"organization_id": ORGANIZATION, "keys": ["end:000001"], "asset_ids": ["asset_x"]},
    }
    plan = await query_plan(store.engine, load("vin_keys")[name], **values[name])
    assert "Seq Scan" not in plan
    assert "SCAN asset" not in plan
    if name != "keys_after" and store.engine.dialect == "sqlite":
        assert "key=?" in plan

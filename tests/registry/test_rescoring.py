"""Which cases are looked at again when assets, links and pairings change, and that no change is missed."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import pytest

from handlers import rescoring
from handlers.ports import Transaction
from handlers.queries.candidates import find_candidates
from handlers.rebuild import digest, rebuild
from handlers.rescoring import announce_candidates
from handlers.rules.rescoring import NOBODY, best_candidate
from receiver.duties import Duties
from receiver.metrics import Metrics
from receiver.settings import Settings
from schemas.unit_rows import CaseRow
from tests.registry.test_candidates import announced, case, failed
from tests.registry.test_links import SECOND, VIN, event, tell
from tests.support.facts import UNIT, A, B, C
from tests.support.registry import RegistryApi
from tests.support.store import execute, rows


class Looks:
    """Which units' cases were looked at."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._seen: set[str] = set()
        patch.setattr(rescoring, "find_candidates", self._find)

    async def _find(self, tx: Transaction, cases: Sequence[CaseRow], most: int) -> Any:  # noqa: ANN401 - what the real one gives
        self._seen |= {row.unit_id for row in cases}
        return await find_candidates(tx, cases, most)

    async def next(self, registry: RegistryApi) -> set[str]:
        """The units whose cases the next look is at, and then no more of them."""
        self._seen.clear()
        await announce_candidates(registry.api.store, registry.api.clock())
        seen = set(self._seen)
        # What it told stands in the feed, which is followed.
        await announce_candidates(registry.api.store, registry.api.clock())
        return seen


async def keys(registry: RegistryApi) -> set[tuple[str, str]]:
    """The keys that cases have, with their cases."""
    return {(row[0], row[1]) for row in await rows(registry.api.store, "SELECT key, case_id FROM case_keys")}


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Tells which cases are looked at."""
    return Looks(monkeypatch)


async def test_only_cases_that_an_asset_could_be_meant_by_are_looked_at(registry: RegistryApi, looks: Looks) -> None:
    """An asset that comes, changes or loses its VIN, and a pairing on it, touch the cases that share a key with it alone."""
    await tell(registry, failed(1), failed(1, SECOND, unit_id="tp:2"), failed(1, None, A, unit_id="tp:3"))
    assert await looks.next(registry) == {UNIT, "tp:2", "tp:3"}
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    assert await looks.next(registry) == {UNIT}
    await registry.put_asset(externalAssetId="T1", serial=SECOND)
    assert await looks.next(registry) == {UNIT, "tp:2"}
    await registry.put_asset(externalAssetId="T1", serial=None)
    assert await looks.next(registry) == {"tp:2"}
    await tell(registry, event("paired", 2, B, unit_id="krone:1"))
    assert await looks.next(registry) == {UNIT}
    await tell(registry, event("paired", 2, A, None, unit_id="krone:2"))
    assert await looks.next(registry) == {"tp:3"}
    await registry.put_asset(externalAssetId="T1", description="nothing of a VIN")
    assert await looks.next(registry) == set()


async def test_a_link_that_changes_touches_the_cases_of_both_assets(registry: RegistryApi) -> None:
    """A unit on a Datahub asset stands against the asset that this is: an operator's link moves it there, and away again."""
    asset_id = (await registry.put_asset(externalAssetId="T1", serial=VIN))["assetId"]
    await tell(registry, failed(1), event("paired", 0, C, None, unit_id="tp:2"))
    assert await announced(registry) == [(asset_id, "suggest")]
    await registry.put(f"assets/T1/datahub-assets/{C}", status=200)
    assert await announced(registry) == [(None, "review")]
    await registry.delete(f"assets/T1/datahub-assets/{C}")
    assert await announced(registry) == [(asset_id, "suggest")]


async def test_a_case_is_looked_at_when_an_asset_that_it_names_becomes_known(registry: RegistryApi) -> None:
    """What Datahub named becomes an asset of ours without any pairing: an operator says which."""
    await tell(registry, failed(1, VIN, A))
    assert await announced(registry) == []
    asset_id = (await registry.put_asset(externalAssetId="T1", serial=VIN))["assetId"]
    assert await announced(registry) == [(asset_id, "suggest")]
    assert (await case(registry))["candidates"][0]["assetId"] is None
    await registry.put(f"assets/T1/datahub-assets/{A}", status=200)
    assert await announced(registry) == [(asset_id, "suggest")]
    assert (await case(registry))["candidates"][0]["assetId"] == A


async def test_open_cases_have_keys(registry: RegistryApi) -> None:
    """A case has keys while it is open: none once resolved or dismissed, others with another VIN. They follow from the feed."""
    await tell(registry, failed(1), failed(1, VIN, A, B, unit_id="tp:2"))
    await announced(registry)
    first, second = (await case(registry))["caseId"], (await case(registry, "tp:2"))["caseId"]
    both = {("end:000001", first), ("end:000001", second), ("vin:1HGCM8263A000001", second)}
    both |= {(f"named:{one}", second) for one in (A, B)}
    assert await keys(registry) == both
    await registry.post(f"cases/{second}/dismiss")
    await announced(registry)
    assert await keys(registry) == {("end:000001", first)}
    await registry.post(f"cases/{second}/reopen")
    await tell(registry, failed(2, SECOND))
    await announced(registry)
    assert await keys(registry) == both - {("end:000001", first)} | {("end:500042", first), ("vin:WDB9634010500042", first)}
    await tell(registry, event("paired", 3))
    await announced(registry)
    right = await keys(registry)
    assert {case_id for _, case_id in right} == {second}
    await execute(registry.api.store, "DELETE FROM case_keys", "UPDATE rescoring SET position = 0, n = 0")
    assert await announced(registry) == []
    assert await keys(registry) == right


async def test_nothing_is_kept_of_a_case_that_is_gone(registry: RegistryApi) -> None:
    """A case that a void success joins to the one before it is no more, nor are its keys and what was announced of it."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await tell(registry, failed(1), event("paired", 2, B, None), event("unpaired", 3, B, None), failed(4))
    await announced(registry)
    assert len(await rows(registry.api.store, "SELECT case_id FROM announced_candidates")) == 1
    (success,) = [one for one in await registry.items("events", unitId=UNIT) if one["status"] == "success"]
    await registry.post("pairings/assertions", {"kind": "void", "eventKey": success["eventKey"]}, 201)
    assert len(await announced(registry)) == 1
    only = (await case(registry))["caseId"]
    assert {case_id for _, case_id in await keys(registry)} == {only}
    assert [row[0] for row in await rows(registry.api.store, "SELECT case_id FROM announced_candidates")] == [only]


async def test_more_news_than_are_read_at_once(registry: RegistryApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much there is of each kind, all of it is followed, some at a time."""
    monkeypatch.setattr(rescoring, "NEWS_AT_A_TIME", 2)
    await tell(registry, *(failed(1, unit_id=f"tp:{number}") for number in range(5)))
    assert await announced(registry) == []
    for number in range(5):
        await registry.put_asset(externalAssetId=f"T{number}", serial=f"1HGCM82633A90000{number}")
    asset_id = (await registry.put_asset(externalAssetId="T9", serial=VIN))["assetId"]
    assert await announced(registry) == [(asset_id, "suggest")] * 5


async def test_of_many_looks_at_once_one_tells(registry: RegistryApi) -> None:
    """Services over one database that look at one moment tell of each case once between them."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await tell(registry, *(failed(1, unit_id=f"tp:{number}") for number in range(5)))
    cursor = (await registry.get("changes"))["nextCursor"]
    store, clock = registry.api.store, registry.api.clock
    assert sum(await asyncio.gather(*(announce_candidates(store, clock()) for _ in range(3)))) == 5
    told = [item["data"]["caseId"] for item in (await registry.get("changes", after=cursor))["items"]]
    assert len(set(told)) == len(told) == 5


async def test_the_service_tells_whoever_waits(registry: RegistryApi) -> None:
    """The service's duty announces a changed best candidate and wakes those who wait for changes, once."""
    woken: list[int] = []
    duties = Duties(registry.api.store, Settings(), Metrics(), registry.api.clock, lambda: woken.append(1))
    await tell(registry, failed(99_000))
    await duties.once()
    assert woken == []
    asset_id = (await registry.put_asset(externalAssetId="T1", serial=VIN))["assetId"]
    cursor = (await registry.get("changes"))["nextCursor"]
    await duties.once()
    await duties.once()
    assert woken == [1]
    (change,) = (await registry.get("changes", after=cursor))["items"]
    assert (change["type"], change["data"]["suggestion"]) == ("case.updated", asset_id)


async def test_looks_between_writers_miss_nothing(registry: RegistryApi) -> None:
    """Syncs, events and operators' links at once, with looks between: at the end each open case was told what it is now."""
    await tell(registry, failed(1), failed(1, VIN, A, B, unit_id="tp:2"), failed(1, SECOND, C, unit_id="tp:3"))
    for identity in ("T1", "T2"):
        await registry.put_asset(externalAssetId=identity, serial=VIN)
    store, clock = registry.api.store, registry.api.clock
    work: list[Coroutine[Any, Any, Any]] = []
    for number in range(4):
        work += [registry.put_asset(externalAssetId="T1", serial=serial) for serial in (SECOND, None, VIN)]
        work += [registry.put_asset(externalAssetId="T2", serial=serial) for serial in (VIN, SECOND)]
        work += [tell(registry, event("paired", 2 + number, one, vin, unit_id="tp:4")) for one, vin in ((A, VIN), (C, None))]
        work += [registry.put(f"assets/T2/datahub-assets/{B}", status=200), announce_candidates(store, clock())]
    await asyncio.gather(*work)
    await announce_candidates(store, clock())

    async def look(tx: Transaction) -> list[tuple[str, str, str]]:
        ids = [(one["organizationId"], one["caseId"]) for one in cases]
        found = await tx.cases.of_ids(ids)
        told = await tx.rescoring.announced(ids)
        best = [best_candidate(candidates) for candidates in await find_candidates(tx, found)]
        return [
            (row.unit_id, told.get((row.organization_id, row.case_id), NOBODY), now) for row, now in zip(found, best, strict=True)
        ]

    cases = await registry.items("cases", state="unresolved")
    seen = await store.read(look)
    assert len(seen) == 3
    assert [told for _, told, _ in seen] == [now for *_, now in seen]
    right = await digest(store)
    done = await rebuild(store, clock)
    assert (done.mended, done.registry_mended, done.digest_after) == (0, 0, right)

"""Pairings: lists with every filter, one by its ids, those of a unit and of an asset, conflicts."""

import pytest

from schemas.events import Payload
from schemas.facts import Meaning
from schemas.wire import time_text
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, UNITS, A, B, C, event_of, minute
from tests.support.store import OTHER, pairing, unpairing

KRONE = UNITS[1]


def at(number: float) -> str:
    """A minute on the wire."""
    return time_text(minute(number))


async def test_the_history_of_a_unit_is_newest_first(api: Api) -> None:
    """A unit's intervals come newest first, the one of unknown start by its end."""
    await api.events(unpairing(1, C), pairing(2, A), pairing(4, B), unpairing(6, B))
    history = await api.items(f"/api/v1/units/{UNIT}/pairings")
    assert [(item["assetId"], item["pairedAt"], item["unpairedAt"], item["endedBy"]) for item in history] == [
        (B, at(4), at(6), "unpaired"),
        (A, at(2), at(4), "superseded"),
        (C, None, at(1), "unpaired"),
    ]


async def test_as_of_answers_a_list(api: Api) -> None:
    """`at` leaves the interval in force then: a list of one, or an empty one; `possible` adds an unknown start."""
    await api.events(unpairing(1, C), pairing(2, A), pairing(4, B), unpairing(6, B))
    for path in (f"/api/v1/units/{UNIT}/pairings", "/api/v1/pairings"):

        async def assets(time: float, path: str = path, **params: str) -> list[str]:
            return [item["assetId"] for item in await api.items(path, at=at(time), **params)]

        assert await assets(3) == [A]
        assert await assets(4) == [B]
        assert await assets(6) == []
        assert await assets(0) == []
        assert await assets(0, possible="true") == [C]
        assert await assets(1, possible="true") == []
    assert await api.items(f"/api/v1/assets/{C}/pairings", at=at(3)) == []
    assert len(await api.items(f"/api/v1/assets/{C}/pairings", at=at(0), possible="true")) == 1


async def test_pairings_are_filtered(api: Api) -> None:
    """Each filter leaves what it names, and they work together."""
    auto = Payload(ORGANIZATION, KRONE, "paired", minute(5), C, Meaning("AutoPair", "1HGCM82633A000001", "F3A000001"))
    await api.events(pairing(1, A), pairing(3, B), event_of(auto, 2))

    async def assets(**params: str) -> set[str]:
        return {item["assetId"] for item in await api.items("/api/v1/pairings", **params)}

    assert await assets() == {A, B, C}
    assert await assets(state="open") == {B, C}
    assert await assets(state="closed") == {A}
    assert await assets(unitId=UNIT) == {A, B}
    assert await assets(assetId=A.upper()) == {A}
    assert await assets(unitType="krone") == {C}
    assert await assets(vin="1HGCM82633A000001") == {C}
    assert await assets(reason="ManualPair") == {A, B}
    assert await assets(reason="Asserted") == set()
    assert await assets(unitId=UNIT, state="open") == {B}


async def test_pairings_updated_since(api: Api) -> None:
    """`updatedSince` leaves what was written then or later: a closing counts, what stayed the same doesn't."""
    await api.events(pairing(1, A), pairing(1, B, KRONE))
    api.clock.move(60)
    since = time_text(api.clock())
    await api.events(unpairing(2, A), number=2)
    assert [item["assetId"] for item in await api.items("/api/v1/pairings", updatedSince=since)] == [A]


async def test_a_pairing_is_found_by_each_of_its_ids(api: Api) -> None:
    """The id made from any pairing fact in an interval finds it, also when a late fact has given it another id."""
    await api.events(pairing(2))
    (first,) = await api.items("/api/v1/pairings")
    await api.events(pairing(1), number=2)
    (revised,) = await api.items("/api/v1/pairings")
    assert revised["pairingId"] != first["pairingId"]
    for pairing_id in (first["pairingId"], revised["pairingId"]):
        assert await api.get(f"/api/v1/pairings/{pairing_id}") == revised
    await api.refused(404, f"/api/v1/pairings/{first['pairingId']}", await api.credentials(OTHER))
    await api.refused(404, "/api/v1/pairings/pair_no_such")


async def test_the_pairings_of_an_asset(api: Api) -> None:
    """An asset's Datahub UUID, in either case, finds who was on it; one that was only named has had nobody."""
    tie = (pairing(1, A, KRONE), pairing(1, B, KRONE))
    await api.events(pairing(1, A), *tie)
    assert {item["unitId"] for item in await api.items(f"/api/v1/assets/{A.upper()}/pairings")} == {UNIT, KRONE}
    assert await api.items(f"/api/v1/assets/{B}/pairings") == []
    await api.refused(404, f"/api/v1/assets/{C}/pairings")
    await api.refused(404, "/api/v1/assets/asset_1/pairings")
    await api.refused(404, f"/api/v1/assets/{A}/pairings", await api.credentials(OTHER))


async def test_units_of_one_type_on_one_asset_conflict(api: Api) -> None:
    """Two units of one type on an asset at one time are flagged in every answer, and nobody closes either."""
    await api.events(
        pairing(1, A, "tp:1"), pairing(3, A, "tp:2"), pairing(2, A, KRONE), unpairing(5, A, "tp:1"), pairing(5, A, "tp:3")
    )
    flags = {item["unitId"]: item["flags"] for item in await api.items("/api/v1/pairings")}
    assert flags == {"tp:1": ["sameTypeConflict"], "tp:2": ["sameTypeConflict"], "tp:3": ["sameTypeConflict"], KRONE: []}
    assert (await api.get("/api/v1/units/tp:2"))["pairing"]["flags"] == ["sameTypeConflict"]
    await api.events(pairing(1, A, "tp:1", OTHER), number=2)
    assert (await api.get("/api/v1/units/tp:1", organizationId=OTHER))["pairing"]["flags"] == []


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages_hold_each_pairing_once(api: Api, limit: int) -> None:
    """Going through pages of any size gives all pairings of all organizations once, in order."""
    entries = [pairing(time, (A, B)[time // 6], f"tp:{time % 3}", (ORGANIZATION, OTHER)[time % 2]) for time in range(10)]
    await api.events(*entries, unpairing(4, C, "tp:9"))
    whole = await api.items("/api/v1/pairings")
    assert len(whole) == 11
    assert await api.all_items("/api/v1/pairings", limit=limit) == whole
    assert whole == sorted(whole, key=lambda item: (item["organizationId"], item["pairedAt"] or item["unpairedAt"]), reverse=True)


async def test_pages_are_stable_under_writes(api: Api) -> None:
    """What is written between two pages neither repeats nor hides what was there."""
    await api.events(*(pairing(time, A, f"tp:{time}") for time in range(6)))
    first = await api.get("/api/v1/pairings", limit=3)
    await api.events(pairing(90, B, "tp:new"), pairing(2.5, B, "tp:2"), number=2)
    second = await api.get("/api/v1/pairings", limit=3, cursor=first["nextCursor"])
    seen = [item["unitId"] for item in (*first["items"], *second["items"])]
    assert seen[:3] == ["tp:5", "tp:4", "tp:3"]
    assert {"tp:2", "tp:1"} <= set(seen[3:])
    assert len({item["pairingId"] for item in (*first["items"], *second["items"])}) == 6

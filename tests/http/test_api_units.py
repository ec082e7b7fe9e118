"""Units: where each stands now, and where it stood."""

from schemas.wire import time_text
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, A, B, minute
from tests.support.store import OTHER, failure, pairing, unpairing


def at(number: float) -> str:
    """A minute on the wire."""
    return time_text(minute(number))


async def test_a_unit_shows_its_open_pairing(api: Api) -> None:
    """A paired unit carries the interval that is open, in every documented field."""
    await api.events(pairing(1))
    unit = await api.get(f"/api/v1/units/{UNIT}")
    assert {name: unit[name] for name in ("unitId", "unitType", "serialNumber", "organizationId", "state", "lastEventAt")} == {
        "unitId": UNIT,
        "unitType": "tp",
        "serialNumber": "890123847562332",
        "organizationId": ORGANIZATION,
        "state": "paired",
        "lastEventAt": at(1),
    }
    assert unit["case"] is None
    paired = unit["pairing"]
    assert (paired["assetId"], paired["pairedAt"], paired["unpairedAt"], paired["endedBy"]) == (A, at(1), None, None)
    assert paired["pairingId"].startswith("pair_")
    assert (paired["reason"], paired["flags"], paired["registryAssetId"][:6]) == ("ManualPair", [], "asset_")
    assert len(paired["events"]) == 1


async def test_an_unmatched_unit_shows_its_open_case(api: Api) -> None:
    """A unit that could not be matched carries its case, which escalates once 48 hours have passed."""
    await api.events(failure(1))
    api.clock.now_us = minute(2)
    unit = await api.get(f"/api/v1/units/{UNIT}")
    assert (unit["state"], unit["pairing"], unit["case"]["state"]) == ("unmatched", None, "open")
    assert unit["case"]["retryUntil"] == unit["case"]["deadline"] == at(1 + 48 * 60)
    api.clock.now_us = minute(2 + 48 * 60)
    assert (await api.get(f"/api/v1/units/{UNIT}"))["case"]["state"] == "escalated"


async def test_an_unpaired_unit(api: Api) -> None:
    """A unit whose pairing ended has neither pairing nor case."""
    await api.events(pairing(1), unpairing(2))
    unit = await api.get(f"/api/v1/units/{UNIT}")
    assert (unit["state"], unit["pairing"], unit["case"], unit["lastEventAt"]) == ("unpaired", None, None, at(2))


async def test_a_unit_as_it_stood(api: Api) -> None:
    """`at` shows the interval in force then, with all that is known of it now, and the case that was open then."""
    await api.events(pairing(1), pairing(3, B), unpairing(5, B), failure(6), pairing(8, A))
    path = f"/api/v1/units/{UNIT}"
    assert (await api.get(path, at=at(0)))["state"] == "unpaired"
    early = await api.get(path, at=at(1))
    assert (early["state"], early["pairing"]["assetId"], early["pairing"]["unpairedAt"]) == ("paired", A, at(3))
    assert early["lastEventAt"] == at(1)
    assert (await api.get(path, at=at(3)))["pairing"]["assetId"] == B
    assert (await api.get(path, at=at(5)))["state"] == "unpaired"
    unmatched = await api.get(path, at=at(7))
    assert (unmatched["state"], unmatched["case"]["state"], unmatched["case"]["resolvedAt"]) == ("unmatched", "open", None)
    assert (await api.get(path, at=at(9)))["case"] is None


async def test_an_unknown_start_is_shown_only_as_possible(api: Api) -> None:
    """An as-of query inside an interval of unknown start returns it with `possible=true` alone."""
    await api.events(unpairing(5))
    path = f"/api/v1/units/{UNIT}"
    assert (await api.get(path, at=at(3)))["pairing"] is None
    possible = await api.get(path, at=at(3), possible="true")
    assert (possible["state"], possible["pairing"]["pairedAt"], possible["pairing"]["unpairedAt"]) == ("paired", None, at(5))
    assert (await api.get(path, at=at(5), possible="true"))["pairing"] is None


async def test_a_unit_id_in_two_organizations(api: Api) -> None:
    """A client of all organizations must say which of two units of one id it means; the others see their own."""
    await api.events(pairing(1), pairing(1, B, organization_id=OTHER))
    problem = await api.refused(400, f"/api/v1/units/{UNIT}")
    assert problem["errors"][0]["path"] == "organizationId"
    assert (await api.refused(400, f"/api/v1/units/{UNIT}/pairings"))["errors"][0]["path"] == "organizationId"
    assert (await api.get(f"/api/v1/units/{UNIT}", organizationId=OTHER.upper()))["pairing"]["assetId"] == B
    assert (await api.get(f"/api/v1/units/{UNIT}", await api.credentials(ORGANIZATION)))["pairing"]["assetId"] == A
    assert len(await api.items("/api/v1/units")) == 2


async def test_what_belongs_to_another_organization_is_not_there(api: Api) -> None:
    """A unit of another organization is 404, and in no list."""
    await api.events(pairing(1))
    stranger = await api.credentials(OTHER)
    await api.refused(404, f"/api/v1/units/{UNIT}", stranger)
    await api.refused(404, f"/api/v1/units/{UNIT}/pairings", stranger)
    assert await api.items("/api/v1/units", stranger) == []
    await api.refused(404, "/api/v1/units/nobody")


async def test_units_are_filtered(api: Api) -> None:
    """State, unit type and a text in the id filter; the text means itself, wildcards too."""
    await api.events(pairing(1), failure(1, "krone:10%0"), unpairing(1, B, "no_type"), failure(2, r"krone:a\b"))

    async def ids(**params: str) -> list[str]:
        return [unit["unitId"] for unit in await api.items("/api/v1/units", **params)]

    assert await ids() == sorted(["krone:10%0", r"krone:a\b", "no_type", UNIT])
    assert await ids(state="unmatched") == ["krone:10%0", r"krone:a\b"]
    assert await ids(state="unpaired") == ["no_type"]
    assert await ids(unitType="tp") == [UNIT]
    assert await ids(unitType="") == ["no_type"]
    assert await ids(q="%") == ["krone:10%0"]
    assert await ids(q="_") == ["no_type"]
    assert await ids(q="\\") == [r"krone:a\b"]
    assert await ids(q="KRONE") == []
    assert await ids(state="unmatched", q="10") == ["krone:10%0"]


async def test_units_are_filtered_as_they_stood(api: Api) -> None:
    """With `at`, the state is that of then, and pages go on although some units are passed over."""
    units = [f"tp:{number}" for number in range(6)]
    await api.events(*(pairing(1, A, unit) for unit in units), *(unpairing(5, A, unit) for unit in units[::2]))
    then = await api.all_items("/api/v1/units", at=at(6), state="paired", limit=2)
    assert [unit["unitId"] for unit in then] == units[1::2]
    assert len(await api.all_items("/api/v1/units", at=at(1), state="paired", limit=4)) == 6
    assert await api.all_items("/api/v1/units", at=at(0), state="paired") == []
    assert {unit["state"] for unit in await api.all_items("/api/v1/units", at=at(0), limit=4)} == {"unpaired"}


async def test_a_unit_id_with_a_slash(api: Api) -> None:
    """Whatever is in a unit id finds it, escaped as it must be in a path."""
    await api.events(pairing(1, A, "tp:a/b?c#d"))
    assert (await api.get("/api/v1/units/tp:a%2Fb%3Fc%23d"))["unitId"] == "tp:a/b?c#d"
    assert len(await api.items("/api/v1/units/tp:a%2Fb%3Fc%23d/pairings")) == 1

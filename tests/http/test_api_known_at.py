"""`knownAt` through the API: what was answered before something came to be known, in every answer that takes it."""

from schemas.wire import time_text
from tests.support.api import Api
from tests.support.facts import ORGANIZATION, UNIT, A, B, minute
from tests.support.store import failure, pairing, unpairing


def at(number: float) -> str:
    """A minute on the wire."""
    return time_text(minute(number))


async def history(api: Api) -> list[str]:
    """A unit that is paired, is found late to have been unpaired, and whose pairing is made void; when each was known."""
    known: list[str] = []
    await api.events(pairing(1))
    known.append(time_text(api.clock()))
    api.clock.move(60)
    await api.events(unpairing(5), failure(7), number=2)
    known.append(time_text(api.clock()))
    api.clock.move(60)
    void = {"kind": "void", "eventKey": (await api.items("/api/v1/events", status="success"))[0]["eventKey"]}
    await api.ask("/api/v1/pairings/assertions", method="POST", json=void)
    known.append(time_text(api.clock()))
    api.clock.move(60)
    await api.events(pairing(9, B), number=3)
    known.append(time_text(api.clock()))
    return known


async def test_what_was_known_is_answered(api: Api) -> None:
    """Units, pairings and the export answer as they did, whatever has come since; `at` asks about a time within it."""
    known = await history(api)
    units = [await api.get(f"/api/v1/units/{UNIT}", knownAt=then) for then in known]
    assert [unit["state"] for unit in units] == ["paired", "unmatched", "unmatched", "paired"]
    assert [unit["pairing"] and unit["pairing"]["assetId"] for unit in units] == [A, None, None, B]
    assert [unit["lastEventAt"] for unit in units] == [at(1), at(7), at(7), at(9)]
    for path in (f"/api/v1/units/{UNIT}/pairings", f"/api/v1/assets/{A}/pairings", "/api/v1/pairings"):
        answers = [await api.items(path, knownAt=then) for then in known[:3]]
        assert [[(item["pairedAt"], item["unpairedAt"]) for item in items] for items in answers] == [
            [(at(1), None)],
            [(at(1), at(5))],
            [(None, at(5))],
        ]
        assert len(await api.items(path, knownAt=known[0], at=at(6))) == 1
        assert await api.items(path, knownAt=known[1], at=at(6)) == []
        assert await api.items(path, knownAt=known[2], at=at(3)) == []
        assert len(await api.items(path, knownAt=known[2], at=at(3), possible="true")) == 1
    exported = await api.ask("/api/v1/export/pairings", params={"knownAt": known[1], "format": "csv"})
    assert at(5) in exported.text
    assert len(exported.content.splitlines()) == 2


async def test_before_anything_was_known(api: Api) -> None:
    """Lists are empty; of a unit that is known by now nothing was, so it is unpaired."""
    await history(api)
    before = time_text(minute(0))
    assert await api.items("/api/v1/units", knownAt=before) == []
    assert await api.items("/api/v1/pairings", knownAt=before) == []
    assert await api.items(f"/api/v1/units/{UNIT}/pairings", knownAt=before) == []
    unit = await api.get(f"/api/v1/units/{UNIT}", knownAt=before)
    assert (unit["state"], unit["pairing"], unit["case"], unit["lastEventAt"]) == ("unpaired", None, None, None)


async def test_a_deadline_is_judged_at_the_time_asked_about(api: Api) -> None:
    """A case that is escalated by now was open when it was young."""
    await api.events(failure(1))
    known = time_text(api.clock())
    assert (await api.get(f"/api/v1/units/{UNIT}"))["case"]["state"] == "escalated"
    assert (await api.get(f"/api/v1/units/{UNIT}", at=at(60), knownAt=known))["case"]["state"] == "open"
    assert (await api.get(f"/api/v1/units/{UNIT}", knownAt=known))["case"]["state"] == "escalated"


async def test_organizations_stay_apart(api: Api) -> None:
    """A client sees only what was known of its own organization."""
    await api.events(pairing(1), pairing(1, unit_id="tp:9", organization_id="d9d90b90-ad39-4a3d-8b89-c25a22acaa25"))
    own = await api.credentials(ORGANIZATION)
    now = time_text(api.clock())
    assert [item["unitId"] for item in await api.items("/api/v1/pairings", own, knownAt=now)] == [UNIT]
    assert [item["unitId"] for item in await api.items(f"/api/v1/assets/{A}/pairings", own, knownAt=now)] == [UNIT]
    assert [item["unitId"] for item in await api.items("/api/v1/units", own, knownAt=now)] == [UNIT]
    assert len(await api.items("/api/v1/pairings", knownAt=now)) == 2


async def test_what_can_t_be_asked_together(api: Api) -> None:
    """`updatedSince` is about today's rows; a time has a zone."""
    await history(api)
    now = time_text(api.clock())
    problem = await api.refused(400, f"/api/v1/pairings?knownAt={now}&updatedSince={now}")
    assert problem["errors"][0]["path"] == "updatedSince"
    assert (await api.refused(400, "/api/v1/units?knownAt=2025-05-12"))["errors"][0]["path"] == "knownAt"

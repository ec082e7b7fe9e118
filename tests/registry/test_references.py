"""Reference data: what an organization sets up before it syncs."""

import pytest

from tests.support.api import Api
from tests.support.facts import ORGANIZATION
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import OTHER

KINDS = [
    ("asset-types", "name", {"name": "Pump"}, {}),
    ("sites", "code", {"code": "Pump", "name": "Building A"}, {"name": "Building A"}),
    ("custom-fields", "name", {"name": "Pump"}, {}),
    (
        "meters",
        "code",
        {"code": "Pump", "unit": "KM", "name": "Odometer", "type": None, "subtype": None},
        {"unit": "KM", "name": "Odometer"},
    ),
]


@pytest.mark.parametrize(("path", "key", "shown", "body"), KINDS, ids=[kind[0] for kind in KINDS])
async def test_put_get_list_delete(api: Api, path: str, key: str, shown: dict[str, object], body: dict[str, object]) -> None:
    """A thing is made by PUT (201), put again (200), shown alone and in the list, and gone after DELETE (204)."""
    registry = await registry_api(api, reference=False)
    assert await registry.put(f"{path}/Pump", body) == shown
    assert await registry.put(f"{path}/Pump", shown, status=200) == shown
    await registry.put(f"{path}/a%2Fb", body)
    assert await registry.get(f"{path}/Pump") == shown
    assert [item[key] for item in await registry.items(path, limit=1)] == ["Pump", "a/b"]
    await registry.delete(f"{path}/a%2Fb")
    await registry.refused(404, f"{path}/a%2Fb")
    await registry.refused(404, f"{path}/a%2Fb", method="DELETE")
    assert await registry.items(path) == [shown]


@pytest.mark.parametrize(("path", "key", "shown", "body"), KINDS, ids=[kind[0] for kind in KINDS])
async def test_whose_reference_data_it_is(
    api: Api, path: str, key: str, shown: dict[str, object], body: dict[str, object]
) -> None:
    """Organizations have their own; an operator names the one; writing needs `admin`; a body must agree with its path."""
    registry = await registry_api(api, reference=False)
    await registry.put(f"{path}/Pump", body)
    stranger = await registry_api(api, OTHER, reference=False)
    assert await stranger.items(path) == []
    await stranger.refused(404, f"{path}/Pump")
    for tried in (path, f"{path}/Pump"):
        assert (await api.refused(400, f"/api/v1/{tried}"))["errors"][0]["path"] == "organizationId"
    assert (await api.get(f"/api/v1/{path}/Pump", organizationId=ORGANIZATION)) == shown
    reader = await api.credentials(ORGANIZATION, "read", "sync", "ops")
    for method in ("PUT", "DELETE"):
        await api.refused(403, f"/api/v1/{path}/Pump", reader, method=method, json=body)
    assert (await registry.refused(400, f"{path}/Other", method="PUT", json=shown))["errors"][0]["path"] == f"$.{key}"
    assert (await registry.refused(400, f"{path}/{'x' * 257}", method="PUT", json=body))["errors"][0]["path"] == key
    wrong = await registry.refused(400, f"{path}/Other", method="PUT", json={**body, "nonsense": 1})
    assert "nonsense" in wrong["error"]


async def test_what_is_in_use_cannot_be_deleted(api: Api) -> None:
    """An asset type, a site, a custom field and a meter that an asset has are 409, and can go once it has them no more."""
    registry = await registry_api(api)
    await registry.put("custom-fields/colour")
    await registry.put_asset(
        assetTypeName="Pump", siteCode="SITE-42", customFields={"colour": "red"}, meters=[{"meterCode": "HOURS"}]
    )
    for path in ("asset-types/Pump", "sites/SITE-42", "custom-fields/colour", "meters/HOURS"):
        await registry.delete(path, status=409)
    await registry.put_asset(assetTypeName=None, siteCode=None, customFields=None)
    for path in ("asset-types/Pump", "sites/SITE-42", "custom-fields/colour"):
        await registry.delete(path)
    assert await registry.delete("meters/HOURS", status=409)
    await registry.delete("meters/ODOMETER_KM")


async def test_a_custom_field_is_looked_for_as_it_is_written(api: Api) -> None:
    """Names with quotes and wildcards are in use only by an asset that has that very field."""
    registry = await registry_api(api)
    names = ['a"b', "a%", "a_", "ä"]
    for name in (*names, "a!"):
        await registry.put("custom-fields/" + name.replace("%", "%25"))
    await registry.put_asset(customFields=dict.fromkeys(names, 1))
    for name in names:
        await registry.delete("custom-fields/" + name.replace("%", "%25"), status=409)
    await registry.delete("custom-fields/a!")


async def test_a_meter_keeps_the_unit_of_its_readings(api: Api) -> None:
    """Its name and type can change at any time, its unit only while there is no reading in it."""
    registry = await registry_api(api)
    await registry.put_asset(meters=[{"meterCode": "HOURS"}])
    await registry.put("meters/HOURS", {"unit": "MINUTES", "type": "Time"}, status=200)
    await registry.put("meters/HOURS", {"unit": "HOURS", "type": "Time"}, status=200)
    await registry.put_asset(meters=[{"meterCode": "HOURS", "currentReading": {"value": 1, "unit": "HOURS"}}])
    await registry.put("meters/HOURS", {"unit": "MINUTES"}, status=409)
    assert (await registry.put("meters/HOURS", {"unit": "HOURS", "name": "Work"}, status=200))["name"] == "Work"


async def test_changes_of_a_meter_are_told(api: Api) -> None:
    """A meter's history says who made, changed and deleted it, and from what to what; nothing is told of what changes nothing."""
    registry = await registry_api(api, reference=False)
    await registry.put("meters/M", {"unit": "KM", "name": "Odometer"})
    await registry.put("meters/M", {"unit": "KM", "name": "Odometer"}, status=200)
    await registry.put("meters/M", {"unit": "M", "name": "Odometer"}, status=200)
    await registry.delete("meters/M")
    history = await registry.items("meters/M/history", limit=1)
    assert [entry["changes"] for entry in history] == [
        [{"field": "unit", "from": "M", "to": None}, {"field": "name", "from": "Odometer", "to": None}],
        [{"field": "unit", "from": "KM", "to": "M"}],
        [{"field": "unit", "from": None, "to": "KM"}, {"field": "name", "from": None, "to": "Odometer"}],
    ]
    assert {entry["actor"]["kind"] for entry in history} == {"client"}
    assert len({entry["changeId"] for entry in history}) == 3


async def test_a_meter_that_never_was_has_no_history(registry: RegistryApi) -> None:
    """The history of a meter that never was is 404, as that of another organization's meter; one that is unchanged has some."""
    problem = await registry.refused(404, "meters/NONE/history")
    assert problem["error"] == "there is no meter 'NONE'"
    assert len(await registry.items("meters/ODOMETER_KM/history")) == 1


async def test_a_meter_needs_a_unit(registry: RegistryApi) -> None:
    """A meter without a unit, or with an empty one, is refused with the path."""
    assert (await registry.refused(400, "meters/M", method="PUT", json={}))["errors"][0]["path"] == "$"
    assert (await registry.refused(400, "meters/M", method="PUT", json={"unit": ""}))["errors"][0]["path"] == "$.unit"

"""Links from Datahub's assets to those of the registry: made by pairings, moved by syncs and operators, the same in any order."""

import itertools
from typing import Any

import pytest

from handlers.rebuild import digest, rebuild
from schemas.events import Payload
from schemas.facts import Kind, Meaning
from tests.support.facts import ORGANIZATION, UNIT, A, B, event_of, minute
from tests.support.patching import accepted, finished
from tests.support.registry import RegistryApi
from tests.support.store import OTHER, dump

VIN = "1HGCM82633A000001"
SECOND = "WDB96340310500042"
NUMBERS = itertools.count(1)


def event(kind: Kind, at: float, asset_id: str = A, vin: str | None = VIN, unit_id: str = UNIT) -> dict[str, Any]:
    """An entry of a batch in which Datahub tells the asset's VIN."""
    return event_of(
        Payload(
            ORGANIZATION, unit_id, kind, minute(at), asset_id, Meaning("ManualPair" if kind == "paired" else None, asset_vin=vin)
        ),
        2,
    )


async def tell(registry: RegistryApi, *entries: dict[str, Any]) -> None:
    """Events, in a batch of their own."""
    await registry.api.events(*entries, number=next(NUMBERS))


async def linked(registry: RegistryApi, datahub_asset_id: str = A) -> str | None:
    """The externalAssetId of the asset that a Datahub asset is."""
    found = await registry.items("assets", datahubAssetId=datahub_asset_id)
    return found[0]["externalAssetId"] if found else None


async def test_a_pairing_makes_a_provisional_asset(registry: RegistryApi) -> None:
    """Without an asset that has its VIN, a Datahub asset gets one of its own, which pairings, units and changes name."""
    await tell(registry, event("paired", 1))
    asset = await registry.get(f"assets/{A}")
    assert (asset["externalAssetId"], asset["name"], asset["serial"], asset["origin"]) == (f"datahub:{A}", VIN, VIN, "datahub")
    assert asset["datahubAssetIds"] == [A]
    ours = asset["registryAssetId"]
    (pairing,) = await registry.items(f"assets/{ours}/pairings")
    assert (pairing["assetId"], pairing["registryAssetId"]) == (A, ours)
    assert (await registry.get(f"units/{UNIT}"))["pairing"]["registryAssetId"] == ours
    (change,) = (await registry.get("changes"))["items"]
    assert change["data"]["registryAssetId"] == ours
    (key,) = pairing["events"]
    entries = await registry.items(f"assets/{ours}/history")
    assert [entry["actor"] for entry in entries] == [{"kind": "event", "name": key}] * 2


async def test_a_new_asset_takes_a_provisional_one_over(registry: RegistryApi) -> None:
    """It keeps the asset_ id and the link, says so in a warning, and is found by the old id too."""
    await tell(registry, event("paired", 1))
    before = await registry.get(f"assets/{A}")
    result = await registry.put_asset(externalAssetId="T1", serial=" 1hgcm82633a000001 ")
    assert (result["status"], result["assetId"]) == ("UPDATED", before["registryAssetId"])
    assert any(f"datahub:{A}" in warning for warning in result["warnings"])
    asset = await registry.get(f"assets/datahub:{A}")
    assert (asset["externalAssetId"], asset["aliases"], asset["datahubAssetIds"]) == ("T1", [f"datahub:{A}"], [A])


async def test_a_provisional_asset_taken_over_by_its_code_keeps_no_link(registry: RegistryApi) -> None:
    """Only a VIN or an operator says which asset a Datahub asset is: without either it gets a provisional one again, at once."""
    await tell(registry, event("paired", 1, vin=None))
    taken = await registry.put_asset(externalAssetId="T1", code=f"datahub:{A}")
    assert taken["status"] == "UPDATED"
    assert await linked(registry) == f"datahub:{A}"
    assert (await registry.get(f"assets/{A}"))["registryAssetId"] != taken["assetId"]
    asset = await registry.get("assets/T1")
    assert (asset["registryAssetId"], asset["aliases"], asset["datahubAssetIds"]) == (taken["assetId"], [], [])
    done = await rebuild(registry.api.store, registry.api.clock)
    assert (done.registry_mended, done.digest_before) == (0, done.digest_after)


async def test_a_link_moves_to_an_asset_that_exists(registry: RegistryApi) -> None:
    """Where an asset gets the VIN, the link moves to it; the provisional one is listed no more, and both of its ids find it."""
    await registry.put_asset(externalAssetId="T1")
    await tell(registry, event("paired", 1))
    asset = await registry.get(f"assets/{A}")
    provisional, number = asset["registryAssetId"], asset["leaseAssetId"]
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    for ref in (A, f"datahub:{A}", provisional, str(number)):
        assert (await registry.get(f"assets/{ref}"))["externalAssetId"] == "T1"
    assert [asset["externalAssetId"] for asset in await registry.items("assets")] == ["T1"]
    assert (await registry.get("assets/T1"))["aliases"] == [f"datahub:{A}"]
    for ids in ({"externalAssetId": f"datahub:{A}"}, {"leaseAssetId": number}, {"datahubAssetId": A}):
        assert [asset["externalAssetId"] for asset in await registry.items("assets", **ids)] == ["T1"]
    assert (await registry.put_asset(externalAssetId=f"datahub:{A}", name="by the old id"))["status"] == "UPDATED"
    assert (await registry.get("assets/T1"))["name"] == "by the old id"
    await registry.put_asset(externalAssetId="T1", serial=None)
    assert (await registry.get(f"assets/{A}"))["registryAssetId"] == provisional


async def test_an_id_that_was_taken_over_stays_with_who_took_it(registry: RegistryApi) -> None:
    """Where a Datahub asset turns out to be another one, the id of its former provisional asset finds who took that over."""
    await tell(registry, event("paired", 1))
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await registry.put_asset(externalAssetId="T2", serial=SECOND)
    await tell(registry, event("paired", 2, vin=SECOND))
    assert await linked(registry) == "T2"
    assert (await registry.get(f"assets/datahub:{A}"))["externalAssetId"] == "T1"
    assert (await registry.get("assets/T1"))["aliases"] == [f"datahub:{A}"]
    assert (await registry.get("assets/T2"))["aliases"] == []
    assert [one["externalAssetId"] for one in await registry.items("assets", externalAssetId=f"datahub:{A}")] == ["T1"]


async def test_a_provisional_asset_can_stand_for_another(registry: RegistryApi) -> None:
    """An operator's word holds also where it names a provisional asset, and goes with it to whoever takes that over."""
    await registry.put_asset(externalAssetId="T1")
    await tell(registry, event("paired", 1, A, None), event("paired", 1, B, VIN, unit_id="tp:2"))
    await registry.put(f"assets/datahub:{B}/datahub-assets/{A}", status=200)
    assert (await registry.get(f"assets/{A}"))["datahubAssetIds"] == [A, B]
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    assert (await linked(registry, A), await linked(registry, B)) == (f"datahub:{B}", "T1")
    assert (await registry.get("assets/T1"))["aliases"] == []
    found = await registry.items("assets", externalAssetId=f"datahub:{B}")
    assert [one["externalAssetId"] for one in found] == [f"datahub:{B}"]
    await registry.put_asset(externalAssetId="T1", serial=None)
    await registry.put_asset(externalAssetId="T2", serial=VIN)
    assert (await linked(registry, A), await linked(registry, B)) == ("T2", "T2")
    assert set((await registry.get("assets/T2"))["aliases"]) == {f"datahub:{A}", f"datahub:{B}"}


async def test_the_serial_of_a_provisional_asset_is_what_datahub_tells(registry: RegistryApi) -> None:
    """A sync that brings another is warned, a patch of it fails, and all else that they bring is taken."""
    provisional = f"datahub:{A}"
    await tell(registry, event("paired", 1))
    asset = await registry.get(f"assets/{A}")
    message = f"The serial of '{provisional}' was not changed: while an asset is provisional, it is the VIN that Datahub tells."
    for serial, warnings in ((SECOND, [message]), (None, [message]), (VIN, [])):
        result = await registry.put_asset(externalAssetId=provisional, serial=serial, code="C", name="Trailer")
        assert (result["status"], result["warnings"]) == ("UPDATED", warnings)
    patches = [{"assetId": asset["leaseAssetId"], "serialNumber": SECOND}]
    job = await finished(registry.api, await accepted(registry.api, patches, registry.headers))
    assert [one["errors"] for one in job["errors"]] == [[message]]
    patches = [{"assetId": asset["leaseAssetId"], "serialNumber": VIN, "location": "Yard 3"}]
    assert (await finished(registry.api, await accepted(registry.api, patches, registry.headers)))["status"] == "successful"
    after = await registry.get(f"assets/{A}")
    assert (after["serial"], after["code"], after["location"], after["origin"]) == (VIN, "C", "Yard 3", "datahub")
    done = await rebuild(registry.api.store, registry.api.clock)
    assert (done.registry_mended, done.digest_before) == (0, done.digest_after)
    result = await registry.put_asset(externalAssetId="T1", code="C", serial=SECOND)
    assert (result["assetId"], result["warnings"]) == (asset["registryAssetId"], [])
    assert (await registry.get("assets/T1"))["serial"] == SECOND


async def test_a_patch_by_a_provisional_id_means_the_asset(registry: RegistryApi) -> None:
    """Its integer id stands for the asset that took its place, also beside that asset's own, and for none where there is none."""
    own = (await registry.put_asset(externalAssetId="T1"))["leaseAssetId"]
    await tell(registry, event("paired", 1))
    number = (await registry.get(f"assets/{A}"))["leaseAssetId"]
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    patches = [{"assetId": number, "location": "Yard 3", "orderNumber": "7"}, {"assetId": own, "location": "Yard 4"}]
    job = await finished(registry.api, await accepted(registry.api, patches, registry.headers))
    assert job["status"] == "successful"
    asset = await registry.get("assets/T1")
    assert (asset["location"], asset["orderNumber"]) == ("Yard 4", "7")
    (event_key,) = [one["eventKey"] for one in await registry.items("events", unitId=UNIT)]
    await registry.post("pairings/assertions", {"kind": "void", "eventKey": event_key}, 201)
    job = await finished(registry.api, await accepted(registry.api, [{"assetId": number, "location": "x"}], registry.headers))
    assert job["status"] == "failed"


async def test_a_vin_of_two_assets_links_to_neither(registry: RegistryApi) -> None:
    """Also where one of them took the provisional asset over, which then is made anew; with one of them gone, it is the other."""
    await tell(registry, event("paired", 1))
    adopted = await registry.put_asset(externalAssetId="T1", serial=VIN)
    await registry.put_asset(externalAssetId="T2", serial=VIN)
    assert await linked(registry) == f"datahub:{A}"
    assert (await registry.get(f"assets/datahub:{A}"))["registryAssetId"] != adopted["assetId"]
    assert (await registry.get("assets/T1"))["aliases"] == []
    await registry.put_asset(externalAssetId="T1", serial=SECOND)
    assert await linked(registry) == "T2"


async def test_an_operator_says_what_a_datahub_asset_is(registry: RegistryApi) -> None:
    """An explicit link outweighs VINs until it is taken back; what nobody said can't be."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await registry.put_asset(externalAssetId="T2")
    await tell(registry, event("paired", 1))
    shown = await registry.put(f"assets/T2/datahub-assets/{A.upper()}", status=200)
    assert shown["datahubAssetIds"] == [A]
    assert await linked(registry) == "T2"
    await tell(registry, event("unpaired", 2))
    assert await linked(registry) == "T2"
    await registry.delete(f"assets/T1/datahub-assets/{A}", 404)
    await registry.delete(f"assets/T2/datahub-assets/{A}")
    assert await linked(registry) == "T1"
    await registry.refused(400, "assets/T2/datahub-assets/x", method="PUT")
    await registry.refused(404, f"assets/nobody/datahub-assets/{A}", method="PUT")


async def test_a_link_to_what_no_event_named_is_right(registry: RegistryApi) -> None:
    """An operator may link a Datahub asset before anything is known of it; a rebuild has nothing to mend there."""
    await registry.put_asset(externalAssetId="T1")
    await registry.put(f"assets/T1/datahub-assets/{A}", status=200)
    done = await rebuild(registry.api.store, lambda: minute(1_000_000))
    assert (done.registry_mended, done.digest_before) == (0, done.digest_after)
    assert await linked(registry) == "T1"


async def test_the_vin_is_that_of_the_latest_event(registry: RegistryApi) -> None:
    """Late events change nothing, a later VIN moves the link, and voiding the event that told it moves it back."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await registry.put_asset(externalAssetId="T2", serial=SECOND)
    await tell(registry, event("paired", 5))
    await tell(registry, event("paired", 3, vin=SECOND, unit_id="tp:2"))
    assert await linked(registry) == "T1"
    await tell(registry, event("unpaired", 7, vin=SECOND))
    assert await linked(registry) == "T2"
    (latest,) = [one for one in await registry.items("events", unitId=UNIT) if one["assetVin"] == SECOND]
    await registry.post("pairings/assertions", {"kind": "void", "eventKey": latest["eventKey"]}, 201)
    assert await linked(registry) == "T1"
    await registry.post("pairings/assertions", {"kind": "restore", "eventKey": latest["eventKey"]}, 201)
    assert await linked(registry) == "T2"


async def test_an_assertion_links_too(registry: RegistryApi) -> None:
    """What an operator asserts names Datahub assets like events do; without a VIN it leaves the one that is known."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    said = {"kind": "paired", "unitId": UNIT, "assetId": A, "at": "2025-05-12T22:20:00Z"}
    await registry.post("pairings/assertions", said, 201)
    assert await linked(registry) == f"datahub:{A}"
    await registry.post("pairings/assertions", {**said, "assetVin": VIN}, 201)
    assert await linked(registry) == "T1"
    await registry.post("pairings/assertions", {**said, "kind": "unpaired", "at": "2025-05-12T22:30:00Z"}, 201)
    assert await linked(registry) == "T1"


async def test_a_link_is_put_down_to_what_named_the_asset(registry: RegistryApi) -> None:
    """The history of an asset names the assertion that gave it a Datahub asset, with a VIN or without, also where it is void."""
    said = {"kind": "paired", "unitId": UNIT, "assetId": A, "at": "2025-05-12T22:20:00Z"}
    key = (await registry.post("pairings/assertions", said, 201))["eventKey"]
    actor = {"kind": "event", "name": key}
    assert [entry["actor"] for entry in await registry.items(f"assets/{A}/history")] == [actor, actor]
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    await registry.post("pairings/assertions", {**said, "assetVin": VIN}, 201)
    await registry.post("pairings/assertions", {"kind": "void", "eventKey": key}, 201)
    taken, given, _ = await registry.items("assets/T1/history")
    assert (taken["actor"], taken["changes"]) == (actor, [{"field": "datahubAssetIds", "from": [A], "to": []}])
    assert (given["actor"], given["changes"]) == (actor, [{"field": "datahubAssetIds", "from": [], "to": [A]}])


async def test_links_stay_within_their_organization(registry: RegistryApi) -> None:
    """An asset of one organization has nothing to do with a Datahub asset of another."""
    await registry.put_asset(externalAssetId="T1", serial=VIN)
    foreign = Payload(OTHER, UNIT, "paired", minute(1), A, Meaning("ManualPair", asset_vin=VIN))
    await tell(registry, event_of(foreign, 2))
    assert await linked(registry) is None
    assert (await registry.get("assets/T1"))["datahubAssetIds"] == []


STEPS: dict[str, Any] = {
    "A is paired": lambda registry: tell(registry, event("paired", 1)),
    "B is paired under the same VIN": lambda registry: tell(registry, event("paired", 2, B, unit_id="tp:2")),
    "A gets another VIN": lambda registry: tell(registry, event("unpaired", 3, vin=SECOND)),
    "T1 has the VIN": lambda registry: registry.put_asset(externalAssetId="T1", name="n", serial=VIN),
    "T2 has both, the second last": lambda registry: registry.put_asset(externalAssetId="T2", name="n", serial=SECOND),
}


@pytest.mark.parametrize("order", [*itertools.permutations(STEPS)][::13])
async def test_any_order_gives_the_same_links(registry: RegistryApi, order: tuple[str, ...]) -> None:
    """Whatever comes first, events and syncs end in the same links, which a rebuild finds right."""
    for step in order:
        await STEPS[step](registry)
    assert (await linked(registry, A), await linked(registry, B)) == ("T2", "T1")
    before = await dump(registry.api.store, "asset_links", "datahub_assets")
    right = await digest(registry.api.store)
    done = await rebuild(registry.api.store, lambda: minute(1_000_000))
    assert (done.registry_mended, done.digest_after) == (0, right)
    after = await dump(registry.api.store, "asset_links", "datahub_assets")
    assert after["asset_links"] == before["asset_links"]

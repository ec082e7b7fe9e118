"""Which asset an entry means: by id or alias, by a given code, or by what pairings already knew."""

from schemas.assets import Asset
from tests.support.registry_model import RegistryModel

CONFLICT = "externalAssetId '{}' and code '{}' belong to different assets; neither was changed."


def test_matching_by_id_first() -> None:
    """The same id is the same asset, and can get another code."""
    registry = RegistryModel()
    first = registry.put(code="C1")
    assert registry.put(code="C2")["assetId"] == first["assetId"]
    assert registry.asset().code == "C2"
    assert registry.put(externalAssetId="B", code="C1")["status"] == "CREATED"


def test_matching_by_code() -> None:
    """An unknown id with a given code updates the asset of that code, which keeps its id and answers to the new one too."""
    registry = RegistryModel()
    first = registry.put(code="C", serial="S")
    second = registry.put(externalAssetId="B", code="C", name="renamed")
    assert (second["status"], second["assetId"], second["externalAssetId"]) == ("UPDATED", first["assetId"], "B")
    asset = registry.asset()
    assert (asset.external_asset_id, asset.aliases, asset.name, asset.serial) == ("A", ("B",), "renamed", "S")
    assert registry.put(externalAssetId="B")["assetId"] == first["assetId"]
    assert registry.asset("B").aliases == ("B",)


def test_an_id_and_a_code_of_different_assets() -> None:
    """An id and a code that belong to two assets fail that asset, and neither is touched."""
    registry = RegistryModel()
    registry.put(code="C")
    registry.put(externalAssetId="B", code="D")
    before = registry.state()
    assert registry.put(code="D", name="x")["message"] == CONFLICT.format("A", "D")
    assert registry.state() == before


def test_a_defaulted_code_never_matches() -> None:
    """An id that another asset has as its code fails with the same error, as long as it is the code by default."""
    registry = RegistryModel()
    registry.put(code="B")
    for code in ({}, {"code": None}, {"code": ""}):
        assert registry.put(externalAssetId="B", **code)["message"] == CONFLICT.format("B", "B")
    registry.put(externalAssetId="B", code="C")
    assert registry.put(externalAssetId="B", code=None)["message"] == CONFLICT.format("B", "B")
    assert registry.put(externalAssetId="D", code="B")["assetId"] == registry.put()["assetId"]


def test_the_default_code_can_be_given() -> None:
    """A code that equals the id is explicit once it was given, and matches."""
    registry = RegistryModel()
    registry.put()
    assert not registry.asset().code_given
    registry.put(code="A")
    assert registry.asset().code_given
    assert registry.put(externalAssetId="B", code="A")["status"] == "UPDATED"


def test_the_same_id_twice() -> None:
    """Entries with one id are applied in order and both listed; the second warns, a third doesn't again."""
    registry = RegistryModel()
    entry = {"externalAssetId": "A", "name": "n"}
    answer = registry.sync({"assets": [entry | {"serial": "1"}, entry | {"serial": "2"}, entry | {"description": "d"}]})
    warning = "externalAssetId 'A' appears more than once in this request; its entries were applied in order."
    assert [result["status"] for result in answer["results"]] == ["CREATED", "UPDATED", "UPDATED"]
    assert [result["warnings"] for result in answer["results"]] == [[], [warning], []]
    assert (registry.asset().serial, registry.asset().description) == ("2", "d")
    assert registry.minted == 1


def test_entries_build_on_those_before() -> None:
    """An entry can mean by code what an entry before it created."""
    registry = RegistryModel()
    answer = registry.sync(
        {"assets": [{"externalAssetId": "A", "name": "n", "code": "C"}, {"externalAssetId": "B", "name": "m", "code": "C"}]}
    )
    assert [result["status"] for result in answer["results"]] == ["CREATED", "UPDATED"]
    assert registry.asset("B").external_asset_id == "A"


PROVISIONAL = Asset(
    asset_id="asset_p",
    lease_asset_id=7,
    external_asset_id="datahub:u",
    code="datahub:u",
    name="VIN1",
    serial="VIN1",
    cost_center="70998",
    origin="datahub",
)


def test_a_new_asset_takes_over_a_provisional_one() -> None:
    """A new asset that takes over a link keeps the provisional asset's id, says so, and is provisional no more."""
    registry = RegistryModel(assets=[PROVISIONAL], provisional={"VIN1": "asset_p"})
    assert registry.put(name=None, serial="VIN1")["message"] == "name is required"
    result = registry.put(name="Truck", serial="VIN1")
    assert (result["status"], result["assetId"], result["leaseAssetId"]) == ("UPDATED", "asset_p", 7)
    assert result["warnings"] == ["The asset was known provisionally as 'datahub:u' through its pairings; it keeps its assetId."]
    asset = registry.asset("datahub:u")
    assert (asset.external_asset_id, asset.code, asset.aliases, asset.origin) == ("A", "A", ("datahub:u",), "sync")
    assert (asset.name, asset.cost_center) == ("Truck", "70998")
    assert registry.put(externalAssetId="B", serial="VIN1")["status"] == "CREATED"


def test_a_new_asset_without_a_name_takes_over_nothing() -> None:
    """A name is required of what is new, though a provisional asset would have one."""
    registry = RegistryModel(assets=[PROVISIONAL], provisional={"VIN1": "asset_p"})
    answer = registry.sync({"assets": [{"externalAssetId": "A", "serial": "VIN1"}]})
    assert answer["errors"][0]["message"] == "name is required"


def test_a_provisional_asset_found_by_code_takes_the_id_as_its_own() -> None:
    """A provisional asset that is found by its code takes the new id as its own and keeps the old one as an alias."""
    registry = RegistryModel(assets=[PROVISIONAL])
    assert registry.put(code="datahub:u")["assetId"] == "asset_p"
    asset = registry.asset()
    assert (asset.external_asset_id, asset.aliases, asset.code) == ("A", ("datahub:u",), "datahub:u")

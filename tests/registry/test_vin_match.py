"""`POST /api/v1/vin/match`, and `drawbar vin` on the same database."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from receiver.limit_settings import Limits
from receiver.secret import Secret
from receiver.settings import Settings
from tests.registry.test_links import VIN, event, tell
from tests.support.api import OPERATOR_SECRET, Api, running_api
from tests.support.cli import Cli
from tests.support.facts import ORGANIZATION, A
from tests.support.registry import RegistryApi, registry_api
from tests.support.store import OTHER, wipe

PATH = "/api/v1/vin/match"
END = VIN[-9:]


async def test_an_asset_is_found(registry: RegistryApi) -> None:
    """The report on the text, and the asset that it could mean, with the Datahub asset that it is."""
    asset_id = (await registry.put_asset(serial=VIN))["assetId"]
    await tell(registry, event("paired", 0, A, unit_id="krone:1"))
    found = await registry.post("vin/match", {"vin": f" {END.lower()} ", "unitType": "tp"})
    assert (found["normalized"], found["verdict"], found["valid"]) == (END, "partial", False)
    assert (found["wmi"], found["checkDigit"]) == (None, "not-applicable")
    assert found["suggestion"] == asset_id
    [candidate] = found["candidates"]
    assert (candidate["registryAssetId"], candidate["assetId"], candidate["tier"]) == (asset_id, A, "suffix")
    assert candidate["advice"] == "suggest"
    found = await registry.post("vin/match", {"vin": END, "unitType": "krone"})
    assert (found["suggestion"], found["candidates"][0]["advice"]) == (None, "review")
    assert (await registry.post("vin/match", {"vin": VIN}))["candidates"][0]["tier"] == "exact"


async def test_what_can_not_match(registry: RegistryApi) -> None:
    """An invalid text is told as such, and has no candidates; neither has one that nothing fits."""
    await registry.put_asset(serial=VIN)
    for text, verdict in (("UNKNOWN", "invalid"), ("", "invalid"), ("XXX", "invalid"), ("WDB96340310500042", "valid")):
        found = await registry.post("vin/match", {"vin": text})
        assert (found["verdict"], found["candidates"], found["suggestion"]) == (verdict, [], None)
        assert found["problems"] or verdict == "valid"


async def test_who_may_ask(api: Api) -> None:
    """Whoever may read, about an organization's own assets; a client of all organizations must say which."""
    registry = await registry_api(api, reference=False)
    await registry.put_asset(serial=VIN)
    body = {"vin": VIN}
    reader = await api.credentials(OTHER, "read")
    answer = await api.ask(PATH, reader, "POST", json=body)
    assert (answer.status_code, answer.json()["candidates"]) == (200, [])
    await api.refused(403, PATH, await api.credentials(ORGANIZATION, "sync"), method="POST", json=body)
    await api.refused(401, PATH, {}, method="POST", json=body)
    problem = await api.refused(400, PATH, method="POST", json=body)
    assert problem["errors"][0]["path"] == "organizationId"
    answer = await api.ask(f"{PATH}?organizationId={ORGANIZATION}", method="POST", json=body)
    assert len(answer.json()["candidates"]) == 1


@pytest.mark.parametrize(
    "body", [{}, {"vin": 1}, {"vin": "x" * 1001}, {"vin": VIN, "unittype": "tp"}, {"vin": VIN, "unitType": 7}, []]
)
async def test_a_body_that_is_none(registry: RegistryApi, body: object) -> None:
    """What isn't a request is refused with its path; a mistyped field isn't passed over."""
    problem = await registry.refused(400, "vin/match", method="POST", json=body)
    assert problem["errors"]


async def test_a_bound_on_candidates(registry_url: str) -> None:
    """The settings say how many are shown, here and in cases."""
    settings = Settings(operator_secret=Secret(OPERATOR_SECRET), limits=Limits(candidates_max=2))
    async with running_api(registry_url, settings) as api:
        await wipe(api.store)
        registry = await registry_api(api, reference=False)
        assets = [
            {"externalAssetId": f"T{number}", "name": "Truck", "serial": f"{VIN[:3]}{number}{VIN[4:]}"} for number in range(5)
        ]
        await registry.sync({"assets": assets})
        assert len((await registry.post("vin/match", {"vin": END}))["candidates"]) == 2


def test_the_command_line_says_the_same(database_url: str, tmp_path: Path) -> None:
    """`drawbar vin match` gives what the API does; a table says why."""

    async def ask() -> Any:  # noqa: ANN401 - JSON
        async with running_api(database_url) as api:
            registry = await registry_api(api, reference=False)
            await registry.put_asset(serial=VIN)
            return await registry.post("vin/match", {"vin": END, "unitType": "tp"})

    wanted = asyncio.run(ask())
    cli = Cli(tmp_path, {"DRAWBAR_DATABASE": database_url})
    options = ("--organization", ORGANIZATION.upper(), "--unit-type", "tp")
    assert cli("vin", "match", END, *options, "--json").json == wanted
    table = cli("vin", "match", END, *options).out
    assert f"{END} is partial: 9 of 17 characters" in table
    assert wanted["candidates"][0]["explanation"] in table
    assert "expected a UUID" in cli("vin", "match", END, "--organization", "x", status=2).err


def test_vins_are_checked_without_a_database(tmp_path: Path) -> None:
    """Verdicts, parts and what was mended; one that is invalid is a problem."""
    cli = Cli(tmp_path)
    done = cli("vin", "check", "1HGCM82633A000001", "IHGCM 82633 AOOOOO1", "--json")
    first, second = done.json["items"]
    assert (first["wmi"], first["vds"], first["vis"], first["checkDigit"]) == ("1HG", "CM8263", "3A000001", "invalid")
    assert (second["repaired"], second["valid"]) == ("1HGCM82633A000001", True)
    done = cli("vin", "check", "F3A000001", "NONE", status=1)
    assert "NONE is a placeholder" in done.out
    assert list(tmp_path.iterdir()) == []

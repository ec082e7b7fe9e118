"""Reference data and missing meters on the command line."""

from pathlib import Path

import pytest

from tests.cli.test_sync import MINE, query, write
from tests.support.cli import Cli
from tests.support.registry import FIXTURES
from tests.support.store import OTHER

HISTORY = '{"assets": [{"externalAssetId": "A", "name": "n", "meterReadings": [{"meterCode": "FUEL", "value": 1, "unit": "L"}]}]}'


def test_a_file_is_imported_and_can_be_imported_again(cli: Cli) -> None:
    """What is new is made, what differs is changed, what is there stays, and nothing is deleted."""
    file = FIXTURES / "reference.toml"
    first = cli("import", "reference", file, *MINE, "--json").json
    assert first["assetTypes"] == {"created": 2, "changed": 0, "unchanged": 0}
    again = cli("import", "reference", file, *MINE, "--json").json
    assert all(kind["created"] == kind["changed"] == 0 for kind in again.values())
    more = write(
        cli,
        "more.toml",
        'asset_types = ["Pump", "Bus"]\ncustom_fields = ["colour"]\n'
        '[sites]\n"SITE-42" = "Renamed"\n[meters.HOURS]\nunit = "HOURS"\nname = "Hours"\n',
    )
    changed = cli("import", "reference", more, *MINE, "--by", "me", "--json").json
    assert changed == {
        "assetTypes": {"created": 1, "changed": 0, "unchanged": 1},
        "sites": {"created": 0, "changed": 1, "unchanged": 0},
        "meters": {"created": 0, "changed": 1, "unchanged": 0},
        "customFields": {"created": 1, "changed": 0, "unchanged": 0},
    }
    assert query(cli, "SELECT name FROM asset_types ORDER BY name") == [("Bus",), ("Pump",), ("Vehicle",)]
    assert query(cli, "SELECT actor_kind, actor FROM meter_history WHERE actor = 'me'") == [("command", "me")]
    assert "asset types" in cli("import", "reference", file, *MINE).out


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nonsense", ": $: "),
        ("colours = []", ": $: Object contains unknown field `colours`"),
        ("[meters.M]\nname = 'x'", ": $.meters[...]: Object missing required field `unit`"),
        ("asset_types = ['']", ": $.asset_types[0]: Expected `str` of length >= 1"),
    ],
)
def test_a_file_with_a_fault_changes_nothing(cli: Cli, text: str, fault: str) -> None:
    """The place that is wrong is told, and the status is 1."""
    path = write(cli, "wrong.toml", text)
    assert f"{path}{fault}" in cli("import", "reference", path, *MINE, status=1).err
    assert cli("import", "reference", path, status=2).err
    assert query(cli, "SELECT 1 FROM meters") == []


def test_named_things(cli: Cli) -> None:
    """Asset types, sites and custom fields are put, listed and deleted; those in use and unknown ones are told."""
    for group in ("asset-types", "custom-fields"):
        assert cli(group, "put", "Pump", *MINE).out == "Pump: created\n"
        assert cli(group, "put", "Pump", *MINE).out == "Pump: there already\n"
        assert cli(group, "list", *MINE, "--json").json["items"] == [{"name": "Pump"}]
        assert "Pump" in cli(group, "list", *MINE).out
        assert cli(group, "delete", "Pump", *MINE).out == "Pump: deleted\n"
        assert cli(group, "delete", "Pump", *MINE, status=1).err.endswith(" 'Pump'\n")
    cli("sites", "put", "S", "--name", "Yard", *MINE)
    cli("sites", "put", "T", *MINE)
    assert cli("sites", "list", *MINE, "--json").json["items"] == [{"code": "S", "name": "Yard"}, {"code": "T", "name": None}]
    assert "there are more: --limit" in cli("sites", "list", *MINE, "--limit", "1").err
    assert cli("sites", "list", "--organization", OTHER, "--json").json["items"] == []
    body = '{"assets": [{"externalAssetId": "A", "name": "n", "siteCode": "S"}]}'
    cli("sync", "-", *MINE, stdin=body.encode())
    assert cli("sites", "delete", "S", *MINE, status=1).err == "drawbar: there are assets at the site 'S'\n"
    assert cli("sites", "put", "x" * 257, *MINE, status=2).err
    assert cli("sites", "list", status=2).err


def test_meters_and_what_is_missing(cli: Cli, tmp_path: Path) -> None:
    """A missing meter is listed, resolved by making it, and replayed; a meter in use can't be deleted."""
    body = tmp_path / "body.json"
    body.write_text(HISTORY)
    cli("sync", body, *MINE)
    (attempt,) = cli("meters", "missing", "--json").json["items"]
    assert "READINGS" in cli("meters", "missing").out
    assert cli("meters", "replay", attempt["missingMeterId"], status=1).err == "drawbar: there is no meter 'FUEL' yet\n"
    assert cli("meters", "put", "FUEL", "--unit", "GALLON", *MINE).out == "FUEL: created\n"
    assert cli("meters", "missing", "--state", "all", "--meter", "FUEL", "--json").json["items"][0]["state"] == "resolved"
    held = cli("meters", "replay", "--meter", "FUEL", *MINE, status=1)
    assert "Unit mismatch for meter 'FUEL': expected 'GALLON', received 'L'" in held.err
    cli("meters", "put", "FUEL", "--unit", "L", "--name", "Fuel", *MINE)
    assert cli("meters", "replay", "--meter", "FUEL", *MINE, "--json").json[0]["readings"] == 1
    assert cli("meters", "replay", "--meter", "FUEL", *MINE, "--json").json == []
    assert cli("meters", "list", *MINE, "--json").json["items"] == [
        {"code": "FUEL", "unit": "L", "name": "Fuel", "type": None, "subtype": None}
    ]
    assert cli("meters", "delete", "FUEL", *MINE, status=1).err == "drawbar: meter 'FUEL' is assigned or has readings\n"
    cli("meters", "put", "SPARE", "--unit", "L", *MINE)
    assert cli("meters", "delete", "SPARE", *MINE).out == "SPARE: deleted\n"


def test_resolving_by_hand(cli: Cli) -> None:
    """It is said once; afterwards it is resolved already."""
    cli("sync", "-", *MINE, stdin=HISTORY.encode())
    (attempt,) = cli("meters", "missing", "--json").json["items"]
    cli("meters", "resolve", attempt["missingMeterId"], "--by", "me")
    assert cli("meters", "resolve", attempt["missingMeterId"], status=1).err.endswith("resolved already\n")
    (resolved,) = cli("meters", "missing", "--state", "resolved", "--json").json["items"]
    assert resolved["resolvedBy"] == "me"
    assert cli("meters", "replay", status=2).err

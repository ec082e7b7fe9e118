"""Definitions as files: what is refused when one is read, and that secrets stay where they belong."""

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from receiver.pull.definition import check_definition, environment_of, load_definition, parse_definition
from receiver.pull.plan import stream_order
from receiver.pull.secrets import LITERAL, places, resolve_secrets
from schemas.errors import InvalidInputError
from schemas.providers import Definition

TEXT = """
name = "fleet"
organization = "0b9f2f6e-6a0e-4f9a-8a9a-0a8d5f8f3a11"
time_zone = "Europe/Berlin"

[environments.production]
base_url = "https://api.fleet.example/v2"

[environments.staging]
base_url = "https://staging.fleet.example/v2"
auth = { type = "bearer", token = "env:STAGING_TOKEN" }

[auth]
type = "client_credentials"
token_url = "/oauth/token"
client_id = "hub"
client_secret = "file:fleet.secret"

[headers]
X-Tenant = "north"

[schedule]
type = "daily"
at = 02:30:00
time_zone = "Europe/Berlin"

[lookups.kinds]
POWER = "Energy"

[streams.vehicles]
entity = "assets"
path = "/vehicles"
records = "items"
pagination = { type = "cursor", next = "paging.next", parameter = "after" }
fields = { external_id = "id", name = "label" }

[streams.meters]
entity = "meters"
path = "/vehicles/{vehicle}/meters"
parent = { stream = "vehicles", parameters = { vehicle = "id" } }
pagination = { type = "none" }
[streams.meters.fields]
external_id = "id"
asset_id = { parent = "id" }
type = { path = "kind", lookup = "kinds" }
unit = { constant = "kWh" }

[streams.readings]
entity = "readings"
path = "/readings"
pagination = { type = "offset", limit = 500 }
date_range = { start_parameter = "from", end_parameter = "to", first = 2024-01-01, span_days_max = 31 }
fields = { meter_id = "meter", at = "at", value = "value" }
aggregation = { granularity = "day", rollover = 1000000 }
"""


def changed(path: str, value: object) -> Definition:
    """The definition with one value set or, with None, taken out; the path's parts are separated by slashes."""
    tree = tomllib.loads(TEXT)
    *parents, last = path.split("/")
    place: Any = tree
    for name in parents:
        place = place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return msgspec.convert(tree, Definition)


def test_a_sound_definition_is_read(tmp_path: Path) -> None:
    """The file is decoded, its text is named by a digest, and each environment has its address and its own credentials."""
    (tmp_path / "fleet.toml").write_text(TEXT)
    loaded = load_definition(tmp_path / "fleet.toml")
    assert (loaded.definition.name, len(loaded.digest), loaded.folder) == ("fleet", 32, tmp_path)
    assert environment_of(loaded.definition, "production") == ("https://api.fleet.example/v2", loaded.definition.auth)
    staging, auth = environment_of(loaded.definition, "staging")
    assert (staging, type(auth).__name__) == ("https://staging.fleet.example/v2", "BearerAuth")
    (tmp_path / "other.toml").write_text(TEXT + "\n# a remark")
    assert load_definition(tmp_path / "other.toml").digest != loaded.digest


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "fleet.toml: Invalid value"),
        (TEXT.replace('name = "fleet"', ""), "missing required field `name`"),
        (TEXT + "\nretires = 3", "unknown field `retires`"),
        (TEXT.replace("limit = 500", "limit = 500, cursor = 1"), "unknown field `cursor` - at $.streams[...].pagination"),
        (TEXT.replace('type = "offset"', 'type = "guess"'), "Invalid value 'guess' - at $.streams[...].pagination.type"),
        (TEXT.replace("0b9f2f6e", "fleet"), "$.organization"),
        (TEXT.replace("02:30:00", '"2:30"'), "$.schedule.at"),
        ("\xff", "fleet.toml:"),
    ],
)
def test_a_file_of_another_shape_is_refused(text: str, message: str) -> None:
    """What is no TOML, lacks a field, has one too many or a wrong value is refused, with its place."""
    with pytest.raises(InvalidInputError) as caught:
        parse_definition(text.encode("latin-1"), "fleet.toml")
    assert message in caught.value.message


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    """No file is an error like any other, without a path of the machine."""
    with pytest.raises(InvalidInputError, match=r"^none\.toml can't be read: No such file"):
        load_definition(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "path",
    [
        "auth/client_secret",
        "environments/staging/auth/token",
        "auth/token_parameters/client_assertion",
        "headers/X-Api-Key",
        "headers/Authorization",
        "streams/vehicles/query/api_key",
        "streams/vehicles/query/token",
        "streams/vehicles/query/key",
        "headers/X-Auth",
        "headers/Ocp-Apim-Subscription-Key",
    ],
)
def test_a_literal_secret_is_refused_unseen(path: str) -> None:
    """Wherever a secret can stand, the secret itself is refused, and the message doesn't repeat it."""
    problems = check_definition(changed(path, "hunter2-literal"))
    assert [(problem.path, problem.message) for problem in problems] == [("$." + path.replace("/", "."), LITERAL)]
    assert "hunter2" not in repr(problems)
    assert check_definition(changed(path, "env:FLEET_SECRET")) == []


@pytest.mark.parametrize("name", ["author", "keyword", "monkey", "design", "status"])
def test_names_that_only_sound_alike_may_have_literal_values(name: str) -> None:
    """What isn't a secret can be written out."""
    assert check_definition(changed(f"streams/vehicles/query/{name}", "literal")) == []


@pytest.mark.parametrize(
    ("path", "value", "place", "message"),
    [
        ("environments/production/base_url", "http://api.fleet.example", "environments.production.base_url", "in the clear"),
        ("environments/production/base_url", "api.fleet.example", "environments.production.base_url", "absolute address"),
        ("environments/production/base_url", "ftp://api.fleet.example", "environments.production.base_url", "expected https"),
        (
            "environments/production/base_url",
            "https://u:p@api.fleet.example",
            "environments.production.base_url",
            "don't stand in an address",
        ),
        (
            "environments/production/base_url",
            "https://api.fleet.example?k=1",
            "environments.production.base_url",
            "without a query",
        ),
        ("environments/production/base_url", "https://[::1", "environments.production.base_url", "absolute address"),
        ("auth/token_url", "http://login.fleet.example/token", "auth.token_url", "in the clear"),
        ("time_zone", "Europe/Bonn", "time_zone", "no IANA time zone"),
        ("schedule", {"type": "cron", "expression": "0 3 * *"}, "schedule", "five fields"),
        ("schedule", {"type": "cron", "expression": "99 3 * * *"}, "schedule", "no cron expression"),
        ("schedule", {"type": "daily", "at": "02:00:00", "time_zone": "X/Y"}, "schedule", "no IANA time zone"),
        ("streams", {}, "streams", "at least one"),
        ("streams/vehicles/path", None, "streams.vehicles", "either path or derive_from"),
        ("streams/vehicles/derive_from", "meters", "streams.vehicles", "either path or derive_from"),
        ("streams/vehicles/path", "vehicles", "streams.vehicles.path", "begins with /"),
        ("streams/vehicles/path", "/vehicles?all=1", "streams.vehicles.path", "begins with /"),
        ("streams/vehicles/path", "/fleets/{fleet}", "streams.vehicles.path", "no parent"),
        ("streams/vehicles/pagination", None, "streams.vehicles.pagination", "is required"),
        ("streams/vehicles/fields/name", None, "streams.vehicles.fields.name", "is required of assets"),
        ("streams/vehicles/fields/colour", "colour", "streams.vehicles.fields.colour", "no field of assets"),
        ("streams/vehicles/fields/name", "label[", "streams.vehicles.fields.name", "no JMESPath"),
        ("streams/vehicles/records", "items[?", "streams.vehicles.records", "no JMESPath"),
        ("streams/vehicles/key", "id ||", "streams.vehicles.key", "no JMESPath"),
        ("streams/vehicles/metadata/site", "a b", "streams.vehicles.metadata.site", "no JMESPath"),
        ("streams/vehicles/pagination/next", "a..b", "streams.vehicles.pagination.next", "no JMESPath"),
        ("streams/vehicles/pagination/size", 100, "streams.vehicles.pagination", "go together"),
        ("streams/vehicles/query/after", "x", "streams.vehicles", "after is set twice"),
        (
            "streams/vehicles/date_range",
            {"start_parameter": "a", "end_parameter": "b", "first": "2024-01-01"},
            "streams.vehicles.date_range",
            "is for readings",
        ),
        ("streams/vehicles/aggregation", {}, "streams.vehicles.aggregation", "is for readings"),
        ("streams/vehicles/fields/name", {"path": "a", "constant": "b"}, "streams.vehicles.fields.name", "exactly one"),
        ("streams/vehicles/fields/name", {}, "streams.vehicles.fields.name", "exactly one"),
        ("streams/vehicles/fields/name", {"parent": "a"}, "streams.vehicles.fields.name.parent", "has no parent"),
        (
            "streams/vehicles/fields/name",
            {"path": "a", "time_format": "epoch_s"},
            "streams.vehicles.fields.name.time_format",
            "is for at, end, start",
        ),
        (
            "streams/meters/fields/type",
            {"path": "kind", "lookup": "types"},
            "streams.meters.fields.type.lookup",
            "no table of [lookups]",
        ),
        ("streams/meters/parent/stream", "fleets", "streams.meters.parent.stream", "no other stream"),
        ("streams/meters/parent/stream", "meters", "streams.meters.parent.stream", "no other stream"),
        (
            "streams/meters/parent/parameters",
            {"truck": "id"},
            "streams.meters.parent.parameters",
            "must be those of the path: vehicle",
        ),
        ("streams/vehicles/updated_since", {"parameter": "since"}, "streams.meters.parent.stream", "fetched in full"),
        ("streams/readings/updated_since", {"parameter": "since"}, "streams.readings.updated_since", "has a date_range"),
        ("streams/readings/date_range/format", "dd.mm.yyyy", "streams.readings.date_range.format", "strftime"),
        ("streams/readings/date_range/time_zone", "Mars", "streams.readings.date_range.time_zone", "no IANA"),
        ("streams/readings/date_range/end_parameter", "from", "streams.readings", "from is set twice"),
        (
            "streams/readings/fields/at",
            {"path": "at", "time_format": "rfc"},
            "streams.readings.fields.at.time_format",
            "strptime",
        ),
    ],
)
def test_what_no_shape_can_say_is_checked(path: str, value: object, place: str, message: str) -> None:
    """Each rule of a definition names the place that breaks it."""
    problems = {problem.path: problem.message for problem in check_definition(changed(path, value))}
    assert message in problems.get(f"$.{place}", f"only {problems}")


def test_parents_in_a_circle_are_refused() -> None:
    """Two streams can't be each other's parents."""
    tree = tomllib.loads(TEXT)
    tree["streams"]["vehicles"] |= {"path": "/m/{m}", "parent": {"stream": "meters", "parameters": {"m": "id"}}}
    problems = check_definition(msgspec.convert(tree, Definition))
    assert {problem.message for problem in problems} == {"streams are each other's parents"}


def test_plain_http_can_be_allowed_and_is_on_loopback() -> None:
    """Without encryption only where nobody else listens, or where the definition says so."""
    assert check_definition(changed("environments/production/base_url", "http://127.0.0.1:8080")) == []
    assert check_definition(changed("environments/production", {"base_url": "http://10.0.0.5/api", "allow_http": True})) == []


def test_an_environment_that_is_not_stated_is_told() -> None:
    """Asking for staging where there is none is an error."""
    with pytest.raises(InvalidInputError, match="states no environment staging"):
        environment_of(changed("environments/staging", None), "staging")


def test_secrets_are_looked_up_for_one_environment(tmp_path: Path) -> None:
    """Variables and files beside the definition give the values; what the other environment needs isn't asked for."""
    made = msgspec.convert(tomllib.loads(TEXT), Definition)
    (tmp_path / "fleet.secret").write_text("in a file\n")
    secrets = resolve_secrets(made, "production", {}, tmp_path)
    assert (secrets.reveal("file:fleet.secret"), secrets.reveal("hub"), secrets.values()) == ("in a file", "hub", ["in a file"])
    assert "in a file" not in repr(secrets.__dict__)
    staging = resolve_secrets(made, "staging", {"STAGING_TOKEN": "t0ken"}, tmp_path)
    assert staging.values() == ["t0ken"]


def test_missing_secrets_are_all_named(tmp_path: Path) -> None:
    """An unset variable, an empty file and a missing one are each named, by the place that refers to them."""
    made = changed("headers", {"X-Key": "env:NOT_SET", "Authorization": "file:empty", "X-Token": "env:TWO_LINES"})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(InvalidInputError) as caught:
        resolve_secrets(made, "production", {"NOT_SET": "", "TWO_LINES": "one\ntwo"}, tmp_path)
    assert {problem.path: problem.message for problem in caught.value.problems} == {
        "$.auth.client_secret": "the file fleet.secret can't be read: FileNotFoundError",
        "$.headers.X-Key": "the environment variable NOT_SET is not set",
        "$.headers.Authorization": "the file empty is empty",
        "$.headers.X-Token": "the environment variable TWO_LINES holds a control character",
    }


def test_every_text_of_the_credentials_is_a_place_for_a_secret() -> None:
    """Each kind of credentials names all of its texts, those that must be references and those that may."""
    kinds = {
        "api_key": ({"place": "query", "name": "k", "value": "env:A"}, {"value": True}),
        "basic": ({"username": "u", "password": "env:A"}, {"username": False, "password": True}),
        "bearer": ({"token": "env:A"}, {"token": True}),
        "password": (
            {"token_url": "/t", "client_id": "c", "client_secret": "env:A", "username": "u", "password": "env:B"},
            {"client_id": False, "client_secret": True, "username": False, "password": True},
        ),
        "none": ({}, {}),
    }
    for kind, (fields, expected) in kinds.items():
        made = changed("auth", {"type": kind} | fields)
        assert {
            place.path.removeprefix("$.auth."): place.only for place in places(made) if place.path.startswith("$.auth.")
        } == expected


def test_streams_run_parents_first_and_usage_last() -> None:
    """Assets, then meters, then usage; a parent before its children; derived ones with their source."""
    made = msgspec.convert(tomllib.loads(TEXT), Definition)
    assert stream_order(made) == ["vehicles", "meters", "readings"]
    assert stream_order(made, ["meters"]) == ["vehicles", "meters"]
    derived = {"entity": "assets", "derive_from": "readings", "fields": {"external_id": "a", "name": "a"}}
    assert stream_order(changed("streams/sites", derived)) == ["vehicles", "readings", "meters"]

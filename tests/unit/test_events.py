"""Datahub's envelope and events: what is taken, what is refused, and the place that a refusal names."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from handlers.rules.facts import copy_of
from schemas.errors import InvalidInputError, Problem
from schemas.event_decoding import DECODERS, UnknownEventError, decode_envelope, decode_event, decode_payload
from schemas.events import Event, Payload
from schemas.facts import Location, Meaning
from schemas.json_faults import HALF_PAIR, NOT_UTF8, TOO_DEEP, is_json
from tests.support.facts import START_US, body_of, event_of, payloads

ORGANIZATION = "c8c90b90-ad39-4a3d-8b89-c25a22acaa25"
ASSET = "5bca3b72-e006-4cea-bfaa-f5a4dcf3a63c"
NO_VARIANT = "d8d90d90-dd29-3d3d-3b89-c45a22acab34"  # a documented candidate, and no RFC 4122 variant
PLACE = "$.eventsData[3]"
DATA = PLACE + ".eventData"

UNPAIRED: dict[str, Any] = {
    "registeredOn": "2025-05-12T22:20:00.000Z",
    "organizationId": ORGANIZATION,
    "assetId": ASSET,
    "unitId": "tp:890123847562332",
    "assetVIN": "1HGCM82633A000001",
}
MANUAL: dict[str, Any] = UNPAIRED | {"status": "success", "reason": "ManualPair"}
AUTO: dict[str, Any] = MANUAL | {"reason": "AutoPair", "sensorVIN": "F3A000001"}
FAILED: dict[str, Any] = {name: MANUAL[name] for name in ("registeredOn", "organizationId", "unitId")} | {
    "status": "failed",
    "reason": "NotFound",
    "sensorVIN": "F3A000001",
}
SEVERAL: dict[str, Any] = FAILED | {"reason": "MultipleMatchFound", "candidateAssetIds": [NO_VARIANT, ORGANIZATION]}
PLACES = {1: {"lat": 50.869, "lon": 2.8942}, 2: {"latitude": 50.869, "longitude": 2.8942}}


def decode(data: object, version: int = 2, event_type: str = "unit.paired") -> Payload:
    """What one entry says whose eventData is a value, or JSON text as it is; it stands at `PLACE`."""
    text = data if isinstance(data, str) else json.dumps(data)
    entry = f'{{"eventType": "{event_type}", "eventVersion": {version}, "eventData": {text}}}'.encode()
    return decode_payload(decode_event(Raw(entry), PLACE), PLACE)


def refusal(data: object, version: int = 2, event_type: str = "unit.paired") -> Problem:
    """Why an entry is refused, and where."""
    with pytest.raises(InvalidInputError) as caught:
        decode(data, version, event_type)
    (problem,) = caught.value.problems
    assert caught.value.message == f"{problem.message} - at {problem.path}"
    return problem


def without(data: dict[str, Any], name: str) -> dict[str, Any]:
    """The same without one field."""
    return {key: value for key, value in data.items() if key != name}


# Every documented payload and its undocumented twins.


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("reason", ["ManualPair", "AutoPair", "InvalidData", "NotFound", "MultipleMatchFound", "Unknown"])
def test_pairings_of_both_versions_are_one_shape(version: int, reason: str) -> None:
    """A pairing, successful or failed, decodes to the same in version 1 with lat/lon and in version 2 with latitude/longitude."""
    data = {"ManualPair": MANUAL, "AutoPair": AUTO, "MultipleMatchFound": SEVERAL}.get(reason, FAILED | {"reason": reason})
    succeeded = data["status"] == "success"
    assert decode(data | {"location": PLACES[version]}, version) == Payload(
        ORGANIZATION,
        "tp:890123847562332",
        "paired" if succeeded else "failed",
        START_US,
        ASSET if succeeded else None,
        Meaning(
            reason,
            data.get("assetVIN"),
            data.get("sensorVIN"),
            (ORGANIZATION, NO_VARIANT) if reason == "MultipleMatchFound" else (),
            Location(50.869, 2.8942),
        ),
    )


@pytest.mark.parametrize("version", [1, 2])
def test_unpairings_are_alike_in_both_versions(version: int) -> None:
    """An unpairing names its asset and nothing of a pairing."""
    expected = Payload(ORGANIZATION, "tp:890123847562332", "unpaired", START_US, ASSET, Meaning(asset_vin="1HGCM82633A000001"))
    assert decode(UNPAIRED, version, "unit.unpaired") == expected
    assert decode(without(UNPAIRED, "assetVIN"), version, "unit.unpaired").meaning == Meaning()


@pytest.mark.parametrize(
    ("event_type", "version"),
    [("unit.paired", 0), ("unit.paired", 3), ("unit.unpaired", 3), ("unit.moved", 1), ("Unit.Paired", 1), ("unit.paired ", 1)],
)
def test_unknown_types_and_versions_are_told_apart(event_type: str, version: int) -> None:
    """A type or version without a decoder is no invalid input, whatever its eventData is."""
    for data in (json.dumps(MANUAL), "null", "[]", '"text"', "5"):
        with pytest.raises(UnknownEventError, match=f"'{event_type}' version {version}"):
            decode(data, version, event_type)
    assert set(DECODERS) == {(name, number) for name in ("unit.paired", "unit.unpaired") for number in (1, 2)}


# What each rule refuses, with the exact place.

MISSING = "Object missing required field `{}`"
REFUSED: list[tuple[str, int, Any, str, str]] = [
    ("no registeredOn", 2, without(MANUAL, "registeredOn"), DATA, MISSING.format("registeredOn")),
    ("no organizationId", 2, without(MANUAL, "organizationId"), DATA, MISSING.format("organizationId")),
    ("no unitId", 2, without(MANUAL, "unitId"), DATA, MISSING.format("unitId")),
    ("no status", 2, without(MANUAL, "status"), DATA, MISSING.format("status")),
    ("no reason", 2, without(MANUAL, "reason"), DATA, MISSING.format("reason")),
    ("a success without assetId", 2, without(MANUAL, "assetId"), f"{DATA}.assetId", MISSING.format("assetId")),
    ("a success with a null assetId", 1, MANUAL | {"assetId": None}, f"{DATA}.assetId", MISSING.format("assetId")),
    ("a success with a failure's reason", 2, MANUAL | {"reason": "NotFound"}, f"{DATA}.reason", "'NotFound'"),
    ("a failure with a success's reason", 2, FAILED | {"reason": "AutoPair"}, f"{DATA}.reason", "'AutoPair'"),
    ("an unknown reason", 2, FAILED | {"reason": "NoFound"}, f"{DATA}.reason", "'NoFound'"),
    ("a reason in another case", 2, MANUAL | {"reason": "manualPair"}, f"{DATA}.reason", "'manualPair'"),
    ("a null reason", 2, MANUAL | {"reason": None}, f"{DATA}.reason", "null"),
    ("an unknown status", 2, MANUAL | {"status": "succeeded"}, f"{DATA}.status", "'succeeded'"),
    ("a status that is no text", 2, MANUAL | {"status": True}, f"{DATA}.status", "bool"),
    ("candidates of a success", 2, AUTO | {"candidateAssetIds": [ASSET]}, f"{DATA}.candidateAssetIds", "MultipleMatchFound"),
    ("candidates of NotFound", 2, FAILED | {"candidateAssetIds": [ASSET]}, f"{DATA}.candidateAssetIds", "MultipleMatchFound"),
    ("a candidate that is no UUID", 2, SEVERAL | {"candidateAssetIds": [ASSET, "x"]}, f"{DATA}.candidateAssetIds[1]", "regex"),
    ("a null candidate", 2, SEVERAL | {"candidateAssetIds": [None]}, f"{DATA}.candidateAssetIds[0]", "null"),
    ("candidates that are no array", 2, SEVERAL | {"candidateAssetIds": ASSET}, f"{DATA}.candidateAssetIds", "str"),
    ("an assetId that is no UUID", 2, MANUAL | {"assetId": "asset_1"}, f"{DATA}.assetId", "regex"),
    ("a failure's assetId that is no UUID", 2, FAILED | {"assetId": "asset_1"}, f"{DATA}.assetId", "regex"),
    ("a number as organizationId", 2, MANUAL | {"organizationId": 5}, f"{DATA}.organizationId", "int"),
    ("an empty unitId", 2, MANUAL | {"unitId": ""}, f"{DATA}.unitId", "length >= 1"),
    ("a unitId beyond what an index holds", 2, MANUAL | {"unitId": "x" * 257}, f"{DATA}.unitId", "length <= 256"),
    ("a null unitId", 2, MANUAL | {"unitId": None}, f"{DATA}.unitId", "null"),
    ("a VIN that is no text", 2, MANUAL | {"assetVIN": 17}, f"{DATA}.assetVIN", "int"),
    ("version 1 with latitude", 1, AUTO | {"location": PLACES[2]}, f"{DATA}.location", MISSING.format("lat")),
    ("version 2 with lat", 2, AUTO | {"location": PLACES[1]}, f"{DATA}.location", MISSING.format("latitude")),
    ("half a location", 1, AUTO | {"location": {"lat": 5}}, f"{DATA}.location", MISSING.format("lon")),
    ("an empty location", 2, AUTO | {"location": {}}, f"{DATA}.location", MISSING.format("latitude")),
    ("a location that is an array", 2, AUTO | {"location": [50, 2]}, f"{DATA}.location", "array"),
    ("a null latitude", 2, AUTO | {"location": {"latitude": None, "longitude": 2}}, f"{DATA}.location.latitude", "null"),
    ("a latitude as text", 2, AUTO | {"location": {"latitude": "5", "longitude": 2}}, f"{DATA}.location.latitude", "str"),
    ("too far north", 2, AUTO | {"location": {"latitude": 90.1, "longitude": 2}}, f"{DATA}.location.latitude", "<= 90"),
    ("too far south", 1, AUTO | {"location": {"lat": -90.1, "lon": 2}}, f"{DATA}.location.lat", ">= -90"),
    ("too far east", 2, AUTO | {"location": {"latitude": 5, "longitude": 181}}, f"{DATA}.location.longitude", "<= 180"),
    ("too far west", 1, AUTO | {"location": {"lat": 5, "lon": -180.5}}, f"{DATA}.location.lon", ">= -180"),
    ("null", 2, None, DATA, "null"),
    ("an array", 2, [MANUAL], DATA, "array"),
    ("a text that tells a place", 2, FAILED | {"reason": "x - at `$.y`"}, f"{DATA}.reason", "'x - at `$.y`'"),
]


@pytest.mark.parametrize(("version", "data", "path", "message"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refusals_name_their_place(version: int, data: Any, path: str, message: str) -> None:  # noqa: ANN401 - any JSON
    """Each rule refuses with the path of the fault in the whole body and with what is wrong."""
    problem = refusal(json.dumps(data), version)
    assert problem.path == path
    assert message in problem.message


@pytest.mark.parametrize("name", ["registeredOn", "organizationId", "unitId", "assetId"])
def test_an_unpairing_lacks_nothing(name: str) -> None:
    """An unpairing without one of its four required fields is refused."""
    assert refusal(without(UNPAIRED, name), 1, "unit.unpaired") == Problem(DATA, MISSING.format(name))


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        (b'"text"', PLACE),
        (b"null", PLACE),
        (b"[]", PLACE),
        (b"{}", PLACE),
        (b'{"eventType": "unit.paired", "eventVersion": 1}', PLACE),
        (b'{"eventType": "unit.paired", "eventData": {}}', PLACE),
        (b'{"eventType": "", "eventVersion": 1, "eventData": {}}', f"{PLACE}.eventType"),
        (b'{"eventType": null, "eventVersion": 1, "eventData": {}}', f"{PLACE}.eventType"),
        (b'{"eventType": "unit.paired", "eventVersion": "1", "eventData": {}}', f"{PLACE}.eventVersion"),
        (b'{"eventType": "unit.paired", "eventVersion": 1.5, "eventData": {}}', f"{PLACE}.eventVersion"),
        (b'{"eventType": "unit.paired", "eventVersion": true, "eventData": {}}', f"{PLACE}.eventVersion"),
        (b'{"eventType": "unit.paired", "eventVersion": -1, "eventData": {}}', f"{PLACE}.eventVersion"),
        (b'{"eventType": "unit.paired", "eventVersion": 2147483648, "eventData": {}}', f"{PLACE}.eventVersion"),
        (b'{"eventType": "unit.paired", "eventVersion": ' + b"9" * 5000 + b', "eventData": {}}', f"{PLACE}.eventVersion"),
    ],
)
def test_what_is_no_event_is_refused_at_its_place(entry: bytes, path: str) -> None:
    """An entry that isn't an event at all is refused by itself."""
    with pytest.raises(InvalidInputError) as caught:
        decode_event(Raw(entry), PLACE)
    assert [problem.path for problem in caught.value.problems] == [path]


# Absent, null, empty.


@pytest.mark.parametrize("name", ["assetId", "assetVIN", "sensorVIN", "candidateAssetIds", "location"])
def test_null_is_absent(name: str) -> None:
    """An optional field that is null says the same as one that isn't there."""
    assert decode(FAILED | {name: None}) == decode(without(FAILED, name))


def test_empty_candidates_are_absent() -> None:
    """An empty list of candidates is none, with any reason."""
    for data in (MANUAL, AUTO, FAILED, SEVERAL):
        assert decode(data | {"candidateAssetIds": []}) == decode(without(data, "candidateAssetIds"))


def test_candidates_are_sorted_and_each_once() -> None:
    """Candidates come out in lower case, sorted, without repeats, so that equal lists are equal."""
    listed = [NO_VARIANT.upper(), ORGANIZATION, NO_VARIANT, ORGANIZATION.upper()]
    assert decode(SEVERAL | {"candidateAssetIds": listed}).meaning.candidate_asset_ids == (ORGANIZATION, NO_VARIANT)


def test_a_failure_names_no_asset() -> None:
    """An assetId beside a failure is no pairing."""
    assert decode(FAILED | {"assetId": ASSET}).asset_id is None


@pytest.mark.parametrize("vin", ["", " ", "\0", " \0 \0", "\0 "])
def test_an_empty_vin_is_none(vin: str) -> None:
    """A VIN of nothing but NUL and spaces is no VIN, in the meaning and so in the key."""
    payload = decode(FAILED | {"sensorVIN": vin, "assetVIN": vin})
    assert payload.meaning == Meaning("NotFound")
    assert copy_of(payload, 1, "", "", 0).event_key == copy_of(decode(without(FAILED, "sensorVIN")), 1, "", "", 0).event_key


def test_vins_lose_nul_and_outer_spaces_alone() -> None:
    """What stands between is kept as received, and so are case and signs."""
    payload = decode(AUTO | {"sensorVIN": " \0 f3-a 00\0 \0", "assetVIN": "\0a b\0"})
    assert (payload.meaning.sensor_vin, payload.meaning.asset_vin) == ("f3-a 00", "a b")


def test_extra_fields_pass() -> None:
    """Fields that the tables don't name change nothing, at any level, whatever they hold."""
    data = AUTO | {"location": PLACES[2] | {"altitude": 5}, "site": {"a": [1, None]}, "n": 10**400, "assetVin": 5, "f": 1e300}
    assert decode(data) == decode(AUTO | {"location": PLACES[2]})
    entry = json.dumps({"eventType": "unit.paired", "eventVersion": 2, "eventData": MANUAL, "eventId": 5}).encode()
    assert decode_payload(decode_event(Raw(entry), PLACE), PLACE) == decode(MANUAL)
    body = json.loads(body_of([{}])) | {"source": "x"}
    assert len(decode_envelope(json.dumps(body).encode()).events_data) == 1


# UUIDs and texts.


@pytest.mark.parametrize("uuid", [NO_VARIANT, ASSET.upper(), "00000000-0000-0000-0000-000000000000", "F" * 8 + ASSET[8:]])
def test_a_uuid_is_any_8_4_4_4_12_hex_digits(uuid: str) -> None:
    """Neither variant nor version matters; it is used in lower case, so its case makes no second fact."""
    payload = decode(MANUAL | {"assetId": uuid, "organizationId": uuid})
    assert (payload.asset_id, payload.organization_id) == (uuid.lower(), uuid.lower())
    lower = decode(MANUAL | {"assetId": uuid.lower(), "organizationId": uuid.lower()})
    assert copy_of(payload, 1, "", "", 0).event_key == copy_of(lower, 1, "", "", 0).event_key


@pytest.mark.parametrize(
    "uuid",
    [
        ASSET + "\n",
        "\n" + ASSET,
        ASSET + "0",
        ASSET[:-1],
        ASSET.replace("-", ""),
        "{" + ASSET + "}",
        "urn:uuid:" + ASSET,
        ASSET.replace("5", "g"),
        ASSET.replace("5", "٥"),  # noqa: RUF001 - a digit that is none of hexadecimal
        ASSET.replace("-", "–"),  # noqa: RUF001 - a dash that is none
        ASSET + "\0",
        " " + ASSET,
        "",
    ],
)
def test_nothing_else_is_a_uuid(uuid: str) -> None:
    """Other spellings are refused in each place where a UUID stands."""
    for name in ("assetId", "organizationId"):
        assert refusal(MANUAL | {name: uuid}).path == f"{DATA}.{name}"
    for name in ("eventBatchId", "eventSubscriptionId"):
        with pytest.raises(InvalidInputError) as caught:
            decode_envelope(json.dumps(json.loads(body_of([])) | {name: uuid}).encode())
        assert caught.value.problems[0].path == f"$.{name}"


@pytest.mark.parametrize("unit_id", ["tp:1", "no colon", ":", "a:b:c", "tp:\0", "\0", " tp:1 ", "krone:é😀", "x" * 256, "\n"])
def test_a_unit_id_is_kept_as_it_is(unit_id: str) -> None:
    """Any text of 1 to 256 characters is a unit id, NUL included."""
    assert decode(MANUAL | {"unitId": unit_id}).unit_id == unit_id


# Times.

TIMES = [
    ("2025-05-12T22:20:00Z", 0),
    ("2025-05-12T22:20:00.000Z", 0),
    ("2025-05-12t22:20:00z", 0),
    ("2025-05-13T00:20:00+02:00", 0),
    ("2025-05-12T14:50:00.5-07:30", 500_000),
    ("2025-05-12T22:20:00-00:00", 0),
    ("2025-05-12T22:20:00.2017310Z", 201_731),
    ("2025-05-12T22:20:00.0000004Z", 0),
    ("2025-05-12T22:20:00.0000005Z", 1),
    ("2025-05-12T22:20:00.0000015Z", 2),
    ("2025-05-12T22:20:00.1234567890123Z", 123_457),
    ("2025-05-12T22:19:59.9999999Z", 0),
]


@pytest.mark.parametrize(("text", "after_us"), TIMES)
def test_times_are_whole_microseconds_utc(text: str, after_us: int) -> None:
    """Offsets are converted, further digits rounded, half away from zero."""
    assert decode(MANUAL | {"registeredOn": text}).at_us == START_US + after_us


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-31T23:59:59.9999999Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2024-02-28T23:59:59.9999995Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2025-12-31T23:30:00.9999999-01:00", datetime(2026, 1, 1, 0, 30, 1, tzinfo=UTC)),
        ("1969-12-31T23:59:59.9999999Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("1969-12-31T23:59:59.5Z", datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_rounding_carries_over_days_and_years(text: str, expected: datetime) -> None:
    """The last ten-millionth of a year is the next year; times before 1970 are as exact."""
    delta = expected - datetime(1970, 1, 1, tzinfo=UTC)
    assert decode(MANUAL | {"registeredOn": text}).at_us == delta // timedelta(microseconds=1)


@pytest.mark.parametrize(
    "text",
    [
        "2025-05-12T22:20:00",
        "2025-05-12T22:20:00.000",
        "2025-05-12",
        "2025-05-12T22:20Z",
        "2025-02-30T00:00:00Z",
        "2025-05-12T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2025-05-12T22:20:00+24:00",
        "2025-05-12T22:20:00,5Z",
        "2025-05-12T22:20:00.Z",
        "2025-05-12T22:20:00Z\n",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:59.9999999Z",
        "12025-05-12T22:20:00Z",
        "1747088400",
        "",
        1747088400,
        1747088400.5,
        None,
        True,
    ],
)
def test_what_is_no_time_with_a_zone_is_refused(text: object) -> None:
    """No zone, an impossible date, one outside the years 1 to 9999, or no text: refused, and both places are named."""
    assert refusal(MANUAL | {"registeredOn": text}).path == f"{DATA}.registeredOn"
    assert refusal(UNPAIRED | {"registeredOn": text}, 1, "unit.unpaired").path == f"{DATA}.registeredOn"
    with pytest.raises(InvalidInputError) as caught:
        decode_envelope(json.dumps(json.loads(body_of([])) | {"eventBatchTime": text}).encode())
    assert caught.value.problems[0].path == "$.eventBatchTime"


@settings(deadline=None, max_examples=100)
@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001 - the zone is drawn beside it
    st.integers(0, 9_999_999),
    st.integers(-23 * 60, 23 * 60),
)
def test_times_agree_with_decimal_arithmetic(local: datetime, ten_millionths: int, offset: int) -> None:
    """Seven digits of a fraction and any offset give the microsecond that exact arithmetic gives."""
    zone = timezone(timedelta(minutes=offset))
    sign, size = "-" if offset < 0 else "+", abs(offset)
    text = f"{local:%Y-%m-%dT%H:%M:%S}.{ten_millionths:07d}{sign}{size // 60:02d}:{size % 60:02d}"
    seconds = (local.replace(microsecond=0, tzinfo=zone) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    fraction_us = (Decimal(ten_millionths) / 10).quantize(Decimal(1), ROUND_HALF_UP)
    assert decode(MANUAL | {"registeredOn": text}).at_us == seconds * 1_000_000 + int(fraction_us)


# Numbers.


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("number", ["90", "-90", "90.0", "9e1", "-0", "0", "1e-999", "50.86900000000000000000000000001", "-0.0"])
def test_numbers_in_range(number: str, version: int) -> None:
    """The poles and every spelling of a number between are taken; zero has one sign, so equal places have equal JSON."""
    place = ", ".join(f'"{name}": {number}' for name in PLACES[version])
    location = decode(json.dumps(AUTO)[:-1] + f', "location": {{{place}}}}}', version).meaning.location
    assert location == Location(float(number), float(number))
    assert "-0.0" not in str(location)


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 400, "9" * 5000, "90.00000000000002", "1e2"])
def test_latitudes_out_of_range(number: str) -> None:
    """Huge numbers are out of range like any other, and never infinite."""
    text = json.dumps(AUTO)[:-1] + f', "location": {{"latitude": {number}, "longitude": 0}}}}'
    assert refusal(text).path == f"{DATA}.location.latitude"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "0x10", "+5", "05", ".5", "5."])
def test_what_json_has_no_number_for(number: str) -> None:
    """NaN and infinities aren't JSON: nothing that holds one is an envelope."""
    body = body_of([MANUAL]).replace(b'"1HGCM82633A000001"', number.encode())
    assert not is_json(body)
    with pytest.raises(InvalidInputError, match="malformed"):
        decode_envelope(body)


# Hostile bodies.


def test_a_body_that_is_no_envelope_tells_where() -> None:
    """Each of the four fields must be there and of its type."""
    for name in ("eventBatchId", "eventSubscriptionId", "eventBatchTime", "eventsData"):
        body = json.loads(body_of([]))
        with pytest.raises(InvalidInputError) as caught:
            decode_envelope(json.dumps(without(body, name)).encode())
        assert caught.value.problems == (Problem("$", MISSING.format(name)),)
        with pytest.raises(InvalidInputError) as caught:
            decode_envelope(json.dumps(body | {name: None}).encode())
        assert caught.value.problems[0].path == f"$.{name}"


@pytest.mark.parametrize(
    ("body", "is_one"),
    [
        (b"{}", True),
        (b' "text" ', True),
        (b"null", True),
        (b"-0", True),
        (b"[1e999]", True),
        (b"9" * 5000, True),
        (rb'["\ud800"]', True),
        (rb'{"\udc00": "\ud83d\ude00"}', True),
        (rb'["\\ud800"]', True),
        (b"", False),
        (b" ", False),
        (b"{} {}", False),
        (b"{'a': 1}", False),
        (b'{"a": 1,}', False),
        (b"NaN", False),
        (b"01", False),
        (b'["\x01"]', False),
        (rb'["\x"]', False),
        (rb"[\ud800]", False),
        (b'"\xff"', False),
        (b'"\xed\xa0\x80"', False),
        ('"ü"'.encode("utf-16"), False),
        (b"\xef\xbb\xbf{}", False),
        (b"[" * 100_000 + b"]" * 100_000, False),
    ],
)
def test_what_is_json(body: bytes, is_one: bool) -> None:
    """JSON is what RFC 8259 says, large numbers and lone surrogates included; nesting beyond the stack is not taken for it."""
    assert is_json(body) == is_one
    with pytest.raises(InvalidInputError) as caught:
        decode_envelope(body)
    assert caught.value.problems[0].path == "$"


@pytest.mark.parametrize("escape", [r"\ud800", r"\uDFFF", r"\ud800\u0041", r"\udc00\ud800", r"\ud83d\ude00\ud83d", r"\\\ud800"])
def test_a_lone_surrogate_spoils_only_its_own_event(escape: str) -> None:
    """Half of a surrogate pair, which no text can hold, is one event's fault; where nobody reads it, it is nobody's."""
    good = json.dumps(event_of(decode(MANUAL), 2))
    bad, extra = good.replace("tp:", f"tp:{escape}"), good.replace('{"registeredOn"', f'{{"extra": "{escape}", "registeredOn"')
    body = body_of([]).replace(b'"eventsData":[]', f'"eventsData":[{good},{bad},{extra}]'.encode())
    assert is_json(body)
    entries = decode_envelope(body).events_data
    assert decode_payload(decode_event(entries[0], "$"), "$") == decode(MANUAL)
    with pytest.raises(InvalidInputError) as caught:
        decode_payload(decode_event(entries[1], PLACE), PLACE)
    assert caught.value.problems == (Problem(f"{DATA}.unitId", HALF_PAIR),)
    assert decode_payload(decode_event(entries[2], "$"), "$") == decode(MANUAL)


def test_escapes_that_are_whole_stay_beside_a_lone_surrogate() -> None:
    """Where one event has half of a pair, whole pairs and escaped backslashes of its siblings read as they were written."""
    text = '😀\\ud800"\n'
    good = json.dumps(event_of(decode(MANUAL | {"unitId": text}), 2))
    body = body_of([]).replace(b'"eventsData":[]', f'"eventsData":[{good},{{"x": "\\ud800"}}]'.encode())
    assert decode_payload(decode_event(decode_envelope(body).events_data[0], "$"), "$").unit_id == text


def test_bytes_that_are_no_utf8_spoil_only_their_own_event() -> None:
    """Broken UTF-8 in a text that is read is that event's fault."""
    good, bad = event_of(decode(MANUAL), 2), event_of(decode(MANUAL | {"unitId": "krone:1"}), 2)
    entries = decode_envelope(body_of([good, bad]).replace(b"krone", b"kr\xffne")).events_data
    assert decode_payload(decode_event(entries[0], "$"), "$") == decode(MANUAL)
    with pytest.raises(InvalidInputError) as caught:
        decode_payload(decode_event(entries[1], PLACE), PLACE)
    assert caught.value.problems == (Problem(f"{DATA}.unitId", NOT_UTF8),)


def test_an_added_decoder_is_asked_like_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it can't decode is invalid input of that event, also where no shape is known to look for the field in."""
    monkeypatch.setitem(DECODERS, ("trailer.alarm", 1), DECODERS["unit.paired", 2])
    for data in (b"{}", b'{"unitId": "\xff"}'):
        with pytest.raises(InvalidInputError) as caught:
            decode_payload(Event("trailer.alarm", 1, Raw(data)), PLACE)
        assert caught.value.problems[0].path == DATA


def test_deep_nesting_is_refused() -> None:
    """Nesting beyond the stack is refused as input, wherever it stands."""
    deep = "[" * 100_000 + "]" * 100_000
    with pytest.raises(InvalidInputError) as caught:
        decode_envelope(body_of([]).replace(b"[]", deep.encode()))
    assert caught.value.problems == (Problem("$", TOO_DEEP),)
    assert refusal(json.dumps(MANUAL)[:-1] + f', "extra": {deep}}}').path == PLACE


def test_nesting_within_the_stack_passes() -> None:
    """An extra field of some hundred levels is an extra field."""
    assert decode(json.dumps(MANUAL)[:-1] + ', "extra": ' + "[" * 200 + "]" * 200 + "}") == decode(MANUAL)


def test_a_message_is_bounded() -> None:
    """What a refusal quotes of the input is cut, however long the input is."""
    assert len(refusal(MANUAL | {"reason": "x" * 100_000}).message) == 500


def test_the_last_of_equal_names_counts() -> None:
    """A name that comes twice in an object has its last value."""
    assert decode(json.dumps(MANUAL)[:-1] + ', "unitId": "krone:1"}').unit_id == "krone:1"


# For any input.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=100)
@given(payloads(), st.sampled_from((1, 2)))
def test_decoding_is_the_inverse_of_writing(payload: Payload, version: int) -> None:
    """An event written in either version decodes to what it was written from, so both versions are one fact."""
    entry = decode_envelope(body_of([event_of(payload, version)])).events_data[0]
    assert decode_payload(decode_event(entry, "$"), "$") == payload


@settings(deadline=None, max_examples=100)
@given(payloads(), st.sampled_from((1, 2)), st.data())
def test_one_wrong_value_is_taken_or_refused_at_its_place(payload: Payload, version: int, data: st.DataObject) -> None:
    """Whatever stands in one field, the event decodes or is refused with a path inside of its eventData."""
    event = event_of(payload, version)
    event["eventData"][data.draw(st.sampled_from(sorted(MANUAL | SEVERAL | {"location": 0})))] = data.draw(JSON)
    entry = Raw(json.dumps(event).encode())
    decoded, places = None, [DATA]
    try:
        decoded = decode_payload(decode_event(entry, PLACE), PLACE)
    except InvalidInputError as error:
        places = [problem.path for problem in error.problems]
    assert all(place.startswith(DATA) for place in places)
    if decoded:
        assert (decoded.asset_id is None) == (decoded.kind == "failed")
        assert copy_of(decoded, version, "", "", 0).event_key


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_decoding_is_total(body: bytes) -> None:
    """Any bytes are an envelope or invalid input, and as an entry an event or invalid input; nothing else is ever raised."""
    assert isinstance(is_json(body), bool)
    with pytest.raises(InvalidInputError):
        decode_envelope(body)
    with pytest.raises(InvalidInputError):
        decode_event(Raw(body), PLACE)
    assert refusal(body.decode("latin-1")).path.startswith(PLACE)

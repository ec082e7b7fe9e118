"""How a sync is decoded: faults of the body, and faults that stay with one asset."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.asset_sync import ASSETS_MAX, AssetEntry, AssetFailure, CurrentReading, HistoricalReading, MeterEntry
from schemas.asset_sync_decoding import DecodedSync, decode_sync
from schemas.errors import InvalidInputError

TIME = "2024-11-18T10:30:00Z"
METER = {"meterCode": "HOURS"}
READING = {"meterCode": "HOURS", "value": 1}


def _decode(*assets: object, **more: object) -> DecodedSync:
    return decode_sync(msgspec.json.encode({"assets": assets, **more}))


def _failure(asset: object) -> AssetFailure:
    (failure,) = _decode(asset).entries
    assert isinstance(failure, AssetFailure)
    return failure


def _entry(**fields: Any) -> AssetEntry:  # noqa: ANN401 - any field of an asset entry
    (entry,) = _decode({"externalAssetId": "A", **fields}).entries
    assert isinstance(entry, AssetEntry)
    return entry


@pytest.mark.parametrize(
    ("body", "message", "path"),
    [
        pytest.param(b"", "Input data was truncated - at $", "$", id="nothing"),
        pytest.param(b'{"assets":[', "Input data was truncated - at $", "$", id="cut off"),
        pytest.param(b"[]", "Expected `object`, got `array` - at $", "$", id="no object"),
        pytest.param(b"null", "Expected `object`, got `null` - at $", "$", id="null"),
        pytest.param(b"{}", "assets array is required", "$.assets", id="no assets"),
        pytest.param(b'{"assets":null}', "assets array is required", "$.assets", id="null assets"),
        pytest.param(b'{"assets":{}}', "assets array is required", "$.assets", id="assets is an object"),
        pytest.param(b'{"assets":"A"}', "assets array is required", "$.assets", id="assets is a string"),
        pytest.param(b'{"assets":[]}', "assets array cannot be empty", "$.assets", id="empty assets"),
        pytest.param(
            b'{"assets":[{},7]}', "each entry of assets must be an object - at $.assets[1]", "$.assets[1]", id="a number as asset"
        ),
        pytest.param(
            b'{"assets":[ null , {}]}',
            "each entry of assets must be an object - at $.assets[0]",
            "$.assets[0]",
            id="null as asset",
        ),
        pytest.param(
            b'{"syncBatchId":7,"assets":[{}]}',
            "Expected `str | null`, got `int` - at $.syncBatchId",
            "$.syncBatchId",
            id="a number as syncBatchId",
        ),
    ],
)
def test_faults_of_the_body(body: bytes, message: str, path: str) -> None:
    """A body that isn't a sync is refused as a whole, with the documented message or the path."""
    with pytest.raises(InvalidInputError) as caught:
        decode_sync(body)
    assert (caught.value.message, caught.value.problems[0].path) == (message, path)


def test_all_strays_are_named() -> None:
    """Each entry that is no object is named, not just the first."""
    with pytest.raises(InvalidInputError) as caught:
        _decode({}, 1, "two", {}, [])
    assert [problem.path for problem in caught.value.problems] == ["$.assets[1]", "$.assets[2]", "$.assets[4]"]


@pytest.mark.parametrize("body", [b"\xff", b'{"assets":[{"externalAssetId":"\xff"}]}', b'{"assets":' + b"[" * 100_000])
def test_hostile_bodies(body: bytes) -> None:
    """Broken UTF-8 and endless nesting are refused like any other body that isn't JSON."""
    with pytest.raises(InvalidInputError):
        decode_sync(body)


def test_the_limit() -> None:
    """500 assets are taken, 501 are refused with both numbers."""
    asset = {"externalAssetId": "A", "name": "n"}
    assert len(_decode(*[asset] * ASSETS_MAX).entries) == ASSETS_MAX == 500
    with pytest.raises(InvalidInputError) as caught:
        _decode(*[asset] * 501)
    assert caught.value.message == "assets array has 501 assets: at most 500 are taken in one request"


@pytest.mark.parametrize(
    ("sent", "kept"), [({"syncBatchId": "b"}, "b"), ({"syncBatchId": None}, None), ({"syncBatchId": ""}, None), ({}, None)]
)
def test_sync_batch_id(sent: dict[str, object], kept: str | None) -> None:
    """A syncBatchId is optional; null and empty are none."""
    assert _decode({"externalAssetId": "A"}, **sent).sync_batch_id == kept


def test_body_hash() -> None:
    """Equal bodies have equal hashes, others have others."""
    one, two = _decode({"externalAssetId": "A"}), _decode({"externalAssetId": "B"})
    assert one.body_hash == _decode({"externalAssetId": "A"}).body_hash != two.body_hash
    assert len(one.body_hash) == 64


@pytest.mark.parametrize(
    "asset",
    [
        {},
        {"externalAssetId": None},
        {"externalAssetId": ""},
        {"externalAssetId": " \t"},
        {"externalAssetId": "", "name": 7},
        {"name": 7},
        {"externalAssetId": None, "meters": 7},
    ],
)
def test_id_required(asset: dict[str, object]) -> None:
    """Without an externalAssetId the documented message comes before any other fault."""
    assert _failure(asset) == AssetFailure(None, "externalAssetId is required")


NUMBER, NOT_NULL = ("x", "Expected `number`, got `str`"), (None, "Expected `str`, got `null`")
TEXT, CODE = (7, "Expected `str | null`, got `int`"), ("x" * 257, "Expected `str` of length <= 256")
FLAG = ("true", "Expected `bool | null`, got `str`")
OBJECT = (7, "Expected `object | null`, got `int`")
ARRAY = (7, "Expected `array | null`, got `int`")
TIMES = [
    ("2024-11-18", "Invalid RFC3339 encoded datetime"),
    ("2024-11-18T10:30:00", "Expected `datetime` with a timezone component"),
    ("0001-01-01T00:00:00+10:00", "time is outside the years 1 to 9999 in UTC"),
    (1731925800, "Expected `datetime | null`, got `int`"),
]


def _cases(path: str, *faults: tuple[object, str]) -> list[Any]:
    return [pytest.param(path, value, message, id=f"{path}={str(value)[:30]}") for value, message in faults]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        *_cases("externalAssetId", (7, "Expected `str`, got `int`"), ("x" * 257, CODE[1])),
        *_cases("name", TEXT),
        *_cases("code", TEXT, CODE),
        *_cases("assetTypeName", TEXT, CODE),
        *_cases("siteCode", TEXT, CODE),
        *_cases("serial", TEXT, CODE),
        *_cases("status", NOT_NULL, ("active", "Invalid enum value 'active'")),
        *_cases("description", TEXT),
        *_cases("customFields", OBJECT),
        *_cases("metadata", OBJECT),
        *_cases("meters", ARRAY),
        *_cases("meters[1]", (7, "Expected `object`, got `int`"), ({}, "Object missing required field `meterCode`")),
        *_cases("meters[1].meterCode", NOT_NULL, ("", "Expected `str` of length >= 1"), CODE),
        *_cases("meters[1].isActive", FLAG),
        *_cases("meters[1].isApplicable", FLAG),
        *_cases("meters[1].equipmentStatus", ("BROKEN", "Invalid enum value 'BROKEN'")),
        *_cases("meters[1].initialReading", NUMBER),
        *_cases("meters[1].installedAt", *TIMES),
        *_cases("meters[1].expectedFromSync", FLAG),
        *_cases("meters[1].validationThresholds", OBJECT),
        *_cases("meters[1].validationThresholds.maxDeltaPerDay", NUMBER, (-1, "Expected `number` >= 0")),
        *_cases("meters[1].validationThresholds.min", NUMBER, (2, "Expected `number` <= max")),
        *_cases("meters[1].validationThresholds.max", NUMBER),
        *_cases("meters[1].validationThresholds.monotonic", FLAG),
        *_cases(
            "meters[1].currentReading", (7, "Expected `object | null`, got `int`"), ({}, "Object missing required field `value`")
        ),
        *_cases(
            "meters[1].currentReading.value",
            NUMBER,
            (True, "Expected `number`, got `bool`"),
            ([], "Expected `number`, got `array`"),
        ),
        *_cases("meters[1].currentReading.unit", TEXT, CODE),
        *_cases("meters[1].currentReading.recordedAt", *TIMES),
        *_cases("meters[1].currentReading.source", ("MANUAL", "Invalid enum value 'MANUAL'")),
        *_cases("meters[1].currentReading.status", ("SUSPECT", "Invalid enum value 'SUSPECT'")),
        *_cases("meters[1].currentReading.note", TEXT),
        *_cases("meterReadings", ARRAY),
        *_cases(
            "meterReadings[1]",
            ({}, "Object missing required field `meterCode`"),
            (METER, "Object missing required field `value`"),
        ),
        *_cases("meterReadings[1].meterCode", NOT_NULL, ("", "Expected `str` of length >= 1")),
        *_cases("meterReadings[1].value", NUMBER, ("NaN", "Expected `number`, got `str`")),
        *_cases("meterReadings[1].unit", TEXT),
        *_cases("meterReadings[1].recordedAt", *TIMES),
        *_cases("meterReadings[1].source", ("sync", "Invalid enum value 'sync'")),
        *_cases("meterReadings[1].status", ("OK", "Invalid enum value 'OK'")),
        *_cases("meterReadings[1].note", TEXT),
    ],
)
def test_faults_of_one_asset(path: str, value: object, message: str) -> None:
    """A wrong type, enum, time or number anywhere in an asset is that asset's error, with the path; its siblings go on."""
    asset: dict[str, Any] = {
        "externalAssetId": "A",
        "meters": [METER, METER | {"validationThresholds": {"max": 1}, "currentReading": {"value": 1}}],
        "meterReadings": [READING, READING.copy()],
    }
    place: Any = asset
    *parents, last = path.replace("[", ".").replace("]", "").split(".")
    for step in parents:
        place = place[int(step) if step.isdigit() else step]
    place[int(last) if last.isdigit() else last] = value
    before, failure, after = _decode({"externalAssetId": "B"}, asset, {"externalAssetId": "C"}).entries
    assert isinstance(before, AssetEntry)
    assert isinstance(after, AssetEntry)
    expected_id = None if path == "externalAssetId" and value == 7 else asset["externalAssetId"]
    assert failure == AssetFailure(expected_id, f"{message} - at $.assets[1].{path}")


def test_a_number_beyond_the_bound_is_refused_with_its_path() -> None:
    """More than 30 digits before or after the point are one asset's error, however the number is written."""
    for number in ("1e30", "1" * 31, "0." + "1" * 31, "1e1000000", "1e99999999999999999999", "9" * 5000):
        body = b'{"assets":[{"externalAssetId":"A","meterReadings":[{"meterCode":"H","value":%b}]}]}' % number.encode()
        (failure,) = decode_sync(body).entries
        assert isinstance(failure, AssetFailure)
        assert failure.message.endswith(" - at $.assets[0].meterReadings[0].value")


def test_text_that_is_no_text_is_the_assets_own_error() -> None:
    """Half of a surrogate pair spoils the asset that it stands in, not the batch; a whole pair is text."""
    body = b'{"assets":[{"externalAssetId":"A","name":"\\ud800"},{"externalAssetId":"B","name":"\\ud83d\\ude9a"}]}'
    failure, entry = decode_sync(body).entries
    assert isinstance(failure, AssetFailure)
    assert failure.external_asset_id == "A"
    assert isinstance(entry, AssetEntry)
    assert entry.name == "🚚"


def test_absent_and_null_stay_apart() -> None:
    """A field that wasn't sent is UNSET, one that was sent as null is None."""
    absent, null = _entry(), _entry(code=None, serial=None, customFields=None, meters=[{**METER, "isActive": None}, METER])
    assert (absent.code, absent.serial, absent.custom_fields) == (msgspec.UNSET,) * 3
    assert (null.code, null.serial, null.custom_fields) == (None, None, None)
    assert null.meters is not None
    assert [meter.is_active for meter in null.meters] == [None, msgspec.UNSET]


def test_fields_that_are_not_documented_pass() -> None:
    """Unknown fields of the body, an asset, a meter and a reading are ignored."""
    more: dict[str, Any] = {"x": {"y": [1, None]}}
    meter = {**METER, **more, "currentReading": {"value": 1, **more}}
    (entry,) = _decode({"externalAssetId": "A", **more, "meters": [meter], "meterReadings": [READING | more]}, x=1).entries
    assert isinstance(entry, AssetEntry)
    assert entry.meters == [MeterEntry("HOURS", current_reading=CurrentReading(Decimal(1)))]
    assert entry.meter_readings == [HistoricalReading(meter_code="HOURS", value=Decimal(1))]


def test_a_reading_without_equipment_needs_no_value() -> None:
    """Only a NOT_EQUIPPED reading can do without a value."""
    entry = _entry(meterReadings=[{"meterCode": "H", "status": "NOT_EQUIPPED"}])
    assert entry.meter_readings == [HistoricalReading(meter_code="H", status="NOT_EQUIPPED")]


def test_thresholds_that_are_not_known_are_kept() -> None:
    """Threshold objects are kept as sent, with keys that judge nothing, null bounds and exact numbers."""
    given = {"maxDeltaPerDay": None, "min": 1, "ours": {"a": [1]}}
    assert _entry(meters=[METER | {"validationThresholds": given}]).meters == [MeterEntry("HOURS", validation_thresholds=given)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(
    ["externalAssetId", "name", "code", "status", "customFields", "meters", "meterReadings", "meterCode", "value"]
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.dictionaries(NAMES, JSON | st.lists(st.dictionaries(NAMES, JSON, max_size=3), max_size=2), max_size=6),
        min_size=1,
        max_size=3,
    )
)
def test_any_objects_give_one_entry_each(assets: list[dict[str, object]]) -> None:
    """Whatever objects are sent as assets, each is an asset or says why not; none stops the others."""
    entries = _decode(*assets).entries
    assert len(entries) == len(assets)
    for asset, entry in zip(assets, entries, strict=True):
        alone = _decode(asset).entries[0]
        if isinstance(entry, AssetFailure):
            assert isinstance(alone, AssetFailure)
            assert alone.external_asset_id == entry.external_asset_id
        else:
            assert alone == entry

"""Values of a provider's record against the standard form: what is taken, and what is refused with which reason."""

import json
from collections.abc import Mapping
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.provider_mapping import OPTIONAL, REQUIRED, TIME_FIELDS, build_record
from schemas.errors import InvalidInputError
from schemas.provider_records import (
    METER_SUBTYPES,
    METER_TYPES,
    ProviderAsset,
    ProviderConsumption,
    ProviderMeter,
    ProviderReading,
)
from schemas.providers import EntityName
from schemas.wire import parse_time

NOTHING: Mapping[str, object] = {}
BERLIN = ZoneInfo("Europe/Berlin")
GOOD: dict[EntityName, dict[str, object]] = {
    "assets": {"external_id": "A1", "name": "Depot"},
    "meters": {"external_id": 17, "asset_id": "A1", "type": "Energy", "unit": "kWh"},
    "readings": {"meter_id": "17", "at": "2024-03-15T08:00:00+00:00", "value": Decimal("12.50")},
    "consumption": {"meter_id": "17", "start": "2024-03-01", "end": "2024-04-01", "value": 100},
}
entities = st.sampled_from(sorted(GOOD))


def build(entity: str, changed: Mapping[str, object] = NOTHING, zone: ZoneInfo | None = BERLIN) -> object:
    """The record of an entity's good values with some of them changed."""
    name = msgspec.convert(entity, EntityName)
    return build_record(name, {**GOOD[name], **changed}, {"raw": 1}, {}, zone)


def faults(entity: str, changed: Mapping[str, object], zone: ZoneInfo | None = BERLIN) -> dict[str, str]:
    """The faults of an entity's good values with some of them changed, by field."""
    with pytest.raises(InvalidInputError) as caught:
        build(entity, changed, zone)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_the_four_standard_records() -> None:
    """Good values become records: ids are text, times instants, amounts exact, metadata as it came."""
    assert build("assets") == ProviderAsset(external_id="A1", name="Depot", metadata={"raw": 1})
    assert build("meters") == ProviderMeter(external_id="17", asset_id="A1", type="Energy", unit="kWh", metadata={"raw": 1})
    at_us = parse_time("2024-03-15T08:00:00Z", "at")
    assert build("readings") == ProviderReading(meter_id="17", at_us=at_us, value=Decimal("12.5"), metadata={"raw": 1})
    assert build("consumption") == ProviderConsumption(
        meter_id="17",
        start_us=parse_time("2024-02-29T23:00:00Z", "start"),
        end_us=parse_time("2024-03-31T22:00:00Z", "end"),
        value=Decimal(100),
        metadata={"raw": 1},
    )


def test_usage_takes_every_optional_field() -> None:
    """Redelivery, production, cost with its currency and the estimation flag are kept in both forms."""
    extras = {"redelivery": "1.5", "production": 2, "cost": Decimal("9.99"), "currency": "EUR", "estimated": "true"}
    for entity in ("readings", "consumption"):
        record = build(entity, extras)
        assert isinstance(record, ProviderReading | ProviderConsumption)
        assert (record.redelivery, record.production, record.cost) == (Decimal("1.5"), Decimal(2), Decimal("9.99"))
        assert (record.currency, record.estimated) == ("EUR", True)


@pytest.mark.parametrize("entity", sorted(GOOD))
def test_each_required_field_is_required(entity: EntityName) -> None:
    """A required field that is absent, null or empty is named; all that are missing come out at once."""
    for name in REQUIRED[entity]:
        for nothing in (None, ""):
            assert faults(entity, {name: nothing}) == {name: "is required"}
    assert set(faults(entity, dict.fromkeys(REQUIRED[entity]))) == set(REQUIRED[entity])


@pytest.mark.parametrize(
    ("entity", "field", "value", "message"),
    [
        ("meters", "type", "energy", "'energy' is none of the meter types Energy, Water, Waste"),
        ("meters", "unit", "  ", "is empty"),
        ("meters", "external_id", True, "expected text, got True"),
        ("meters", "external_id", ["a"], "expected text, got ['a']"),
        ("assets", "name", "x" * 1025, "is longer than 1024 characters"),
        ("assets", "time_zone", "Mars/Olympus", "no IANA time zone is called 'Mars/Olympus'"),
        ("readings", "value", "12,5", "expected a number, got '12,5'"),
        ("readings", "value", True, "expected a number, got True"),
        ("readings", "value", Decimal("NaN"), "expected a number below 10^18 with at most 18 decimal places, got NaN"),
        (
            "readings",
            "value",
            Decimal("1E+999999"),
            "expected a number below 10^18 with at most 18 decimal places, got 1E+999999",
        ),
        ("readings", "at", "15.03.2024", "expected a time of the format iso, got '15.03.2024'"),
        ("readings", "at", "20240315", "expected a time of the format iso, got '20240315'"),
        ("readings", "at", "2024-02-30", "expected a time of the format iso, got '2024-02-30'"),
        ("readings", "at", "0001-01-01T00:00:00+14:00", "time is outside the years 1 to 9999 in UTC"),
        ("readings", "at", 1710489600, "expected a time of the format iso, got 1710489600"),
        ("readings", "estimated", "maybe", "expected true or false, got 'maybe'"),
        ("consumption", "end", "2024-03-01", "must be after the start"),
        ("consumption", "end", "2024-02-01", "must be after the start"),
        ("consumption", "cost", 12, None),
        ("consumption", "currency", "euro", "'euro' is no ISO 4217 code"),
    ],
)
def test_a_fault_names_its_field_and_what_was_expected(entity: str, field: str, value: object, message: str | None) -> None:
    """A value that isn't in the standard form is refused under the name of its field."""
    assert faults(entity, {field: value}) == ({field: message} if message else {"currency": "is required with a cost"})


def test_times_without_a_zone_need_one_from_the_definition() -> None:
    """A date or a time without an offset has an instant only in the definition's zone; without one it is a fault."""
    assert faults("readings", {"at": "2024-03-15"}, None) == {
        "at": "'2024-03-15' has no time zone, and the definition states none"
    }
    for text, utc in (
        ("2024-07-15", "2024-07-14T22:00:00Z"),
        ("2024-07-15T08:00:00", "2024-07-15T06:00:00Z"),
        ("2024-07-15 08:00", "2024-07-15T06:00:00Z"),
        ("2024-03-31T02:30:00", "2024-03-31T01:30:00Z"),  # the clocks skipped it
        ("2024-10-27T02:30:00", "2024-10-27T00:30:00Z"),  # it came twice
        ("2024-03-15T08:00:00.1234567Z", "2024-03-15T08:00:00.123456Z"),
    ):
        record = build("readings", {"at": text})
        assert isinstance(record, ProviderReading)
        assert record.at_us == parse_time(utc, "at")


@pytest.mark.parametrize(
    ("time_format", "value"),
    [
        ("epoch_s", 1710489600),
        ("epoch_s", "1710489600"),
        ("epoch_ms", Decimal(1710489600000)),
        ("%d.%m.%Y %H:%M", "15.03.2024 09:00"),
    ],
)
def test_other_forms_of_time_are_stated_not_guessed(time_format: str, value: object) -> None:
    """Seconds and milliseconds since 1970 and strptime patterns are read where the definition says so."""
    record = build_record("readings", GOOD["readings"] | {"at": value}, {}, {"at": time_format}, BERLIN)
    assert isinstance(record, ProviderReading)
    assert record.at_us == parse_time("2024-03-15T08:00:00Z", "at")


def test_an_epoch_out_of_range_is_a_fault() -> None:
    """Milliseconds where seconds were stated lead past the year 9999 and are refused."""
    with pytest.raises(InvalidInputError, match="years 1 to 9999"):
        build_record("readings", GOOD["readings"] | {"at": 1710489600000}, {}, {"at": "epoch_s"}, BERLIN)


def test_the_subtypes_of_the_standard_are_those_of_its_table() -> None:
    """There are three types and, as examples, fourteen, three and two subtypes; any other text is taken as a subtype."""
    assert {name: len(subtypes) for name, subtypes in METER_SUBTYPES.items()} == {"Energy": 14, "Water": 3, "Waste": 2}
    assert set(METER_SUBTYPES) == set(METER_TYPES)
    record = build("meters", {"subtype": "Diesel Exhaust Fluid"})
    assert isinstance(record, ProviderMeter)
    assert record.subtype == "Diesel Exhaust Fluid"


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.decimals(), st.text(max_size=30), st.dates().map(str), st.datetimes().map(str)
    ),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


@settings(deadline=None, max_examples=200)
@given(entities, st.data(), st.sampled_from(["iso", "epoch_s", "epoch_ms", "%Y"]), st.sampled_from([None, BERLIN]))
def test_any_values_give_a_record_or_named_faults(
    entity: EntityName, data: st.DataObject, time_format: str, zone: ZoneInfo | None
) -> None:
    """Whatever a provider sends: it becomes a record that survives JSON, or faults that name fields of the entity."""
    names = (*REQUIRED[entity], *OPTIONAL[entity])
    drawn = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, values)))
    try:
        record = build_record(entity, GOOD[entity] | drawn, {}, dict.fromkeys(TIME_FIELDS, time_format), zone)
    except InvalidInputError as error:
        paths = {problem.path for problem in error.problems}
        assert paths
        assert paths <= {*names}
    else:
        assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record
        assert json.loads(msgspec.json.encode(record))["entity"] == entity.removesuffix("s")

"""Numbers stay exact, from the request through a column to the answer."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.asset_views import reading_view
from schemas.asset_sync import AssetEntry
from schemas.asset_sync_decoding import decode_sync
from schemas.assets import Assignment, decode_assignment
from schemas.decimals import decimal_text, exact, same_json
from schemas.registry_records import ReadingRow
from schemas.wire import to_json, to_json_text
from tests.support.registry_model import RegistryModel

DIGITS = st.text("0123456789", max_size=30)
NUMBERS = st.builds(
    lambda sign, whole, fraction: f"{sign}{whole.lstrip('0') or '0'}" + (f".{fraction}" if fraction else ""),
    st.sampled_from(["", "-"]),
    DIGITS,
    DIGITS,
)


def _body(number: str) -> bytes:
    return b'{"assets":[{"externalAssetId":"A","meterReadings":[{"meterCode":"M","value":%s}]}]}' % number.encode()


def _decoded(number: str) -> Decimal:
    (entry,) = decode_sync(_body(number)).entries
    assert isinstance(entry, AssetEntry)
    assert entry.meter_readings
    value = entry.meter_readings[0].value
    assert value is not None
    return value


def _answered(value: Decimal) -> Decimal:
    view = reading_view(ReadingRow("asset", "M", 0, 1, value, "SYNC", None, None, 0, "NORMAL", 1, None), "KM")
    answered: Decimal = json.loads(to_json(view), parse_float=Decimal, parse_int=Decimal)["value"]
    return answered


@settings(max_examples=200, deadline=None)
@given(NUMBERS)
def test_any_number_within_the_bound_comes_back(number: str) -> None:
    """A number of up to 30 digits before and after the point comes back equal, from the answer and from a column of text."""
    value = _decoded(number)
    assert value == _answered(value) == Decimal(decimal_text(value)) == Decimal(number)
    assert value.as_tuple() == exact(Decimal(decimal_text(value))).as_tuple()


@settings(max_examples=200, deadline=None)
@given(st.floats(-1e29, 1e29).filter(lambda number: number == 0 or abs(number) > 1e-12))
def test_numbers_that_programs_print_come_back(number: float) -> None:
    """A double as other programs write it keeps exactly the digits that they wrote."""
    assert _answered(_decoded(repr(number))) == Decimal(repr(number))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("25000.1", "25000.1"),
        ("25000", "25000"),
        ("25000.10", "25000.1"),
        ("25000.0", "25000"),
        ("2.5e4", "25000"),
        ("25E-1", "2.5"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("0e999", "0"),
        ("1" + "0" * 29, "1" + "0" * 29),
        ("0." + "0" * 29 + "1", "0." + "0" * 29 + "1"),
        ("1." + "0" * 500, "1"),
    ],
)
def test_equal_numbers_have_one_text(sent: str, kept: str) -> None:
    """A value has no exponent, no trailing zeros and no negative zero, so equal values have equal texts."""
    assert decimal_text(_decoded(sent)) == kept


@settings(max_examples=100, deadline=None)
@given(NUMBERS, NUMBERS)
def test_equal_means_equal_text(one: str, other: str) -> None:
    """Two values are equal just when their texts are."""
    left, right = _decoded(one), _decoded(other)
    assert (left == right) == (decimal_text(left) == decimal_text(right))


def test_an_assignment_column_keeps_numbers() -> None:
    """The explicit layer survives its column: absent fields stay absent, numbers exact, times whole."""
    fields = Assignment(initial_reading=Decimal("25000.1"), installed_at_us=1, validation_thresholds={"max": Decimal("0.3")})
    text = to_json_text(fields)
    assert text == '{"initialReading":25000.1,"installedAtUs":1,"validationThresholds":{"max":0.3}}'
    assert decode_assignment(text) == fields
    assert decode_assignment("{}") == Assignment()


@settings(max_examples=100, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_custom_fields_keep_numbers(number: Decimal) -> None:
    """Numbers in custom fields keep their digits, whatever their size."""
    registry = RegistryModel()
    body = b'{"assets":[{"externalAssetId":"A","name":"n","customFields":{"x":{"y":[%s]}}}]}' % str(number).encode()
    registry.sync(body)
    stored = registry.asset().custom_fields["x"]["y"][0]
    assert str(stored) == str(number) or stored == number
    registry.sync(body)
    assert registry.plans[0].changes == ()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, True, False),
        (0, False, False),
        (1, Decimal(1), True),
        ("1", 1, False),
        (None, None, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
    ],
)
def test_same_json(left: object, right: object, same: bool) -> None:
    """Two values are the same if their JSON is, keys in any order."""
    assert same_json(left, right) is same

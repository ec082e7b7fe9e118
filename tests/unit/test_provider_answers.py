"""What answers and expressions mean: Retry-After in both forms, documents, and what an expression starts from."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receiver.pull.answers import decode_document, retry_after_s
from receiver.pull.errors import ProviderError
from receiver.pull.expressions import expression, whole_number
from schemas.errors import InvalidInputError
from schemas.wire import EPOCH, MICROSECOND

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
NOW_US = (NOW - EPOCH) // MICROSECOND


def waits(value: str, date: str | None = None) -> float | None:
    """The wait of these headers at noon."""
    headers = {"Retry-After": value} | ({} if date is None else {"Date": date})
    return retry_after_s(httpx2.Headers(headers), NOW_US)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("Mon, 01 Jul 2024 12:00:30 GMT", 30.0),
        ("Monday, 01-Jul-24 12:00:30 GMT", 30.0),
        ("Mon Jul  1 12:00:30 2024", 30.0),
        ("Mon, 01 Jul 2024 11:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("1.5", 1.5),
        ("9" * 400, 366 * 86_400.0),
        ("1e3", None),
        ("Mon, 99 Jul 2024 12:00:30 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, expected: float | None) -> None:
    """Seconds, and dates in each form of HTTP; what is neither is no wait that was asked for."""
    assert waits(value) == expected


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 100_000), st.integers(-86_400, 86_400))
def test_a_date_counts_by_both_clocks(wait: int, skew: int) -> None:
    """However far the provider's clock is off, the wait is never shorter than by its own clock."""
    theirs = NOW + timedelta(seconds=skew)
    found = waits(format_datetime(theirs + timedelta(seconds=wait), usegmt=True), format_datetime(theirs, usegmt=True))
    assert found is not None
    assert found >= wait
    assert found == max(wait, wait + skew, 0)


@given(text=st.text(st.sampled_from('a"\\u\n\x00\ud83d\ude00\udc00é😀'), max_size=8))
def test_half_a_character_is_kept_as_its_escape(text: str) -> None:
    """Whatever stands around it; all other texts are as any reader of JSON reads them, and the other records of a page too."""
    body = json.dumps([{"name": text}, {"name": "plain"}])
    whole = json.loads(body)[0]["name"]  # halves that stand together are one character
    spelled = "".join(f"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in whole)
    assert decode_document(body.encode(), "json") == [{"name": spelled}, {"name": "plain"}]


def test_numbers_keep_their_digits() -> None:
    """Fractions of JSON are exact decimals; large whole numbers stay whole."""
    assert decode_document(b'{"a": 25000.10, "b": 12345678901234567890, "c": 1e-3}', "json") == {
        "a": Decimal("25000.10"),
        "b": 12345678901234567890,
        "c": Decimal("0.001"),
    }


@pytest.mark.parametrize(
    ("body", "format_"),
    [
        (b"", "json"),
        (b'{"a": \xff}', "json"),
        (b"[" * 100_000, "json"),
        (b"[1e9999999999999999999999]", "json"),
        (b"[" + b"9" * 5000 + b"]", "json"),
        (b"", "xml"),
        (b"<a><b></a>", "xml"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "xml"),
        (b"<a>\x00</a>", "xml"),
    ],
)
def test_a_body_that_is_no_document_is_told(body: bytes, format_: str) -> None:
    """Broken text, endless nesting and XML entities are refused as what the provider sent."""
    with pytest.raises(ProviderError, match=format_.upper()):
        decode_document(body, "json" if format_ == "json" else "xml")


@pytest.mark.parametrize(
    ("text", "roots"),
    [
        ("a.b.c", {"a"}),
        ("a[0].b", {"a"}),
        ("a[?x > `2`].y | [0]", {"a"}),
        ("a || b.c", {"a", "b"}),
        ("{x: a, y: b.c}", {"a", "b"}),
        ("[a, b[]]", {"a", "b"}),
        ("join('-', [a.x, b])", {"a", "b"}),
        ("a == 'x' && !b", {"a", "b"}),
        ("'constant'", set()),
        ("@", None),
        ("keys(@)", None),
        ("[0].a", None),
        ("*.a", None),
    ],
)
def test_expressions_know_where_they_start(text: str, roots: set[str] | None) -> None:
    """The fields of a record that an expression starts from; none are known where it can reach all of them."""
    assert expression(text).roots == roots


def test_a_function_that_cannot_take_its_value_says_so() -> None:
    """An expression that fails on a document is an error with the expression's text."""
    with pytest.raises(InvalidInputError, match=r"^'sum\(a\)' failed"):
        expression("sum(a)").search({"a": ["x"]})
    assert expression("a[?x > `1.5`].x").search({"a": [{"x": Decimal("1.6")}, {"x": 1}]}) == [Decimal("1.6")]


def test_counts_come_as_numbers_or_digits() -> None:
    """A total can be a number or its digits, and nothing else."""
    values: list[object] = [7, "7", " 8 ", True, 7.0, "7.5", None, []]
    assert [whole_number(value) for value in values] == [7, 7, 8, None, None, None, None, None]

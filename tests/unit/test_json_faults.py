"""What is wrong with JSON that can't be read, and that it is kept as it came all the same."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from handlers.rules.intake import Arrival, decode_entry, take_in
from schemas.errors import Problem
from schemas.json_faults import EMPTY, HALF_PAIR, MARKED, NOT_UTF8, TOO_DEEP, as_received, json_fault, lone_surrogates_marked
from tests.support.facts import ORGANIZATION, body_of
from tests.support.store import pairing

PIECES = st.sampled_from([r"\ud800", r"\uDFFF", r"\ud83d\ude9a", r"\\", r"\n", "a", "ü", "ud800", '"', r"\udc00"])


@settings(deadline=None, max_examples=200)
@given(st.lists(PIECES, max_size=8).map("".join))
def test_marking_can_be_undone(text: str) -> None:
    """A lone surrogate is marked without moving anything, and what was marked reads as it came."""
    body = text.encode()
    assert len(lone_surrogates_marked(body)) == len(body)
    assert as_received(lone_surrogates_marked(body)) == body


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[" * 100_000 + b"]" * 100_000, TOO_DEEP),
        (b"[" * 100_000, TOO_DEEP),
        (b'{"a": ' * 5000, TOO_DEEP),
        (b'"\xff"', NOT_UTF8),
        ("{}".encode("utf-16"), NOT_UTF8),
        (b'{"eventBatchId": ', "Input data was truncated"),
        (b"", EMPTY),
        (b" \r\n", EMPTY),
        (b"\xef\xbb\xbf{}", MARKED),
        (b"{}x", "JSON is malformed: trailing characters (byte 3)"),
    ],
    ids=[
        "deep",
        "deep and open",
        "deep objects",
        "no UTF-8",
        "UTF-16",
        "cut off",
        "empty",
        "blank",
        "byte order mark",
        "more behind it",
    ],
)
def test_that_a_body_cannot_be_read_comes_first(body: bytes, message: str) -> None:
    """The reason is why it is no JSON, not what an envelope would have to hold."""
    intake = take_in(Arrival("default", "webhook", 0, body))
    assert (intake.is_json, intake.problem) == (False, Problem("$", message))
    assert json_fault(body) == intake.problem


@pytest.mark.parametrize("field", ["unitId", "assetVIN", "assetId"])
@pytest.mark.parametrize("half", [r"\ud800", r"\uDFFF"])
def test_half_of_a_pair_is_kept_as_it_came(field: str, half: str) -> None:
    """The entry waits in quarantine with its text unchanged, its siblings are applied, and trying again tells the same."""
    event = pairing(1)
    bad = json.dumps({**event, "eventData": {**event["eventData"], field: "HERE"}}).replace("HERE", f"x{half}x").encode()
    batch = take_in(Arrival("default", "webhook", 0, body_of([event])[:-2] + b"," + bad + b"]}")).batch
    assert batch
    good, kept = batch.entries
    assert good.copy
    assert kept.problem == Problem(f"$.eventsData[1].eventData.{field}", HALF_PAIR)
    assert kept.raw == bad
    again = decode_entry(Raw(bad), "$.eventsData[1]", "", "", 0)
    assert (again.problem, again.raw, again.organization_id) == (kept.problem, bad, ORGANIZATION)

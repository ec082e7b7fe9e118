"""The validator of bulk patches against the rules as one reads them, written a second time."""

import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.rules.patches import check_patches

TEXTS = {"serialNumber": 30, "location": 256, "locationOfInstallation": 256, "orderNumber": 256, "costCenter": 256}


def wrong_paths(body: Any, assets_max: int) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """The places that a reader of the rules would mark in a request."""
    if not isinstance(body, list) or body == [] or len(body) > assets_max:
        yield "$"
    if not isinstance(body, list):
        return
    looked_at = body[:assets_max]
    for number, entry in enumerate(looked_at):
        place = f"$[{number}]"
        if isinstance(entry, dict):
            yield from wrong_properties(place, entry)
        else:
            yield place
            continue
        if not proper_id(entry.get("assetId")) or any(
            isinstance(other, dict) and same(other.get("assetId"), entry["assetId"]) for other in looked_at[:number]
        ):
            yield f"{place}.assetId"


def wrong_properties(place: str, entry: dict[str, Any]) -> Iterator[str]:
    """The properties of an entry that are wrong, its id aside."""
    for name, value in entry.items():
        if name in TEXTS:
            if value is not None and not (isinstance(value, str) and len(value) <= TEXTS[name] and proper(value)):
                yield f"{place}.{name}"
        elif name == "customerSpecificFields":
            yield from wrong_fields(f"{place}.{name}", value)
        elif name != "assetId":
            yield place + dotted(name)


def wrong_fields(place: str, value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """The places that are wrong in customer-specific fields."""
    if isinstance(value, dict):
        for name, content in value.items():
            if not proper(name) or isinstance(content, list | dict) or (isinstance(content, str) and not proper(content)):
                yield f"{place}{dotted(name)}"
    elif value is not None:
        yield place


def proper_id(value: object) -> bool:
    """A positive integer that 64 bits hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def same(left: object, right: object) -> bool:
    """Both are ids, and equal."""
    return proper_id(left) and proper_id(right) and left == right


def proper(text: str) -> bool:
    """No text may hold markup."""
    return not any(mark in text.lower() for mark in ("<script", "[%", "%]"))


def dotted(name: str) -> str:
    """How a name is written in a path."""
    if re.fullmatch("[A-Za-z_][A-Za-z_0-9]*", name):
        return "." + name
    return "['" + "".join("\\" + letter if letter in "\\'" else letter for letter in name) + "']"


_text = st.one_of(
    st.sampled_from(["", "abc123", "a<SCRIPT b", "[%", "50 %]", "x" * 30, "x" * 31, "ü" * 256, "x" * 257, "it's \\"]),
    st.text(alphabet=st.characters(codec="utf-8"), max_size=8),
)
_scalar = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([1.5, 2**63 - 1, 2**63, 1e300]), _text)
_json = st.one_of(_scalar, st.lists(_scalar, max_size=2), st.dictionaries(_text, _scalar, max_size=2))
_good_text = st.one_of(st.none(), st.text(alphabet="abc 123-Ж", max_size=30))
_good_entry = st.fixed_dictionaries(
    {"assetId": st.integers(1, 12)},
    optional=dict.fromkeys(TEXTS, _good_text) | {"customerSpecificFields": st.dictionaries(st.sampled_from("abc"), _good_text)},
)
_bad_entry = st.one_of(
    _json,
    st.fixed_dictionaries(
        {},
        optional={"assetId": st.one_of(st.integers(-1, 12), _json)}
        | dict.fromkeys(TEXTS, _json)
        | {"customerSpecificFields": st.one_of(_json, st.dictionaries(_text, _json, max_size=3)), "status": _json, "a b": _json},
    ),
    st.dictionaries(_text, _json, max_size=2),
)
_requests = st.one_of(
    _json, st.lists(_good_entry, max_size=5), st.lists(st.one_of(_good_entry, _good_entry, _bad_entry), max_size=7)
)


@settings(max_examples=400, deadline=None)
@given(body=_requests, assets_max=st.integers(1, 6))
def test_the_places_are_those_that_a_reader_of_the_rules_marks(body: Any, assets_max: int) -> None:  # noqa: ANN401 - any JSON
    """For any request, the paths told are exactly those where a rule is broken, and it is accepted exactly if there are none."""
    checked = check_patches(json.dumps(body).encode(), assets_max)
    expected = set(wrong_paths(body, assets_max))
    assert {fault.problem.path for fault in checked.faults} == expected
    assert [patch.asset_id for patch in checked.patches] == ([] if expected else [entry["assetId"] for entry in body])

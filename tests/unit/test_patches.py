"""Bulk patches: what is accepted, and every place that isn't."""

import json
from decimal import Decimal
from typing import Any

import pytest

from handlers.rules.patches import MARKUP, REPEATED, UNDECLARED, UNKNOWN, Fault, check_patches, refusal, undeclared
from schemas.errors import Problem
from schemas.json_faults import EMPTY, MARKED
from schemas.patches import AssetPatch

ASSETS_MAX = 10_000
TEXTS = {"serialNumber": 30, "location": 256, "locationOfInstallation": 256, "orderNumber": 256, "costCenter": 256}


def paths(body: object, assets_max: int = ASSETS_MAX) -> list[str]:
    """The places that are wrong in a request."""
    encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [fault.problem.path for fault in check_patches(encoded, assets_max).faults]


def taken(body: object) -> tuple[AssetPatch, ...]:
    """The patches of a request that has no faults."""
    checked = check_patches(json.dumps(body).encode(), ASSETS_MAX)
    assert not checked.faults
    return checked.patches


def test_the_documented_request_is_taken() -> None:
    """The request of the documentation is three patches, in its order."""
    body = [
        {"assetId": 111, "serialNumber": "abc123"},
        {"assetId": 333, "serialNumber": "abc123"},
        {"assetId": 222, "costCenter": "70998", "customerSpecificFields": {"Employee name": "Hans Peter"}},
    ]
    assert taken(body) == (
        AssetPatch(111, serial_number="abc123"),
        AssetPatch(333, serial_number="abc123"),
        AssetPatch(222, cost_center="70998", customer_specific_fields={"Employee name": "Hans Peter"}),
    )


def test_an_entry_with_its_id_alone_is_a_patch() -> None:
    """An entry that changes nothing is taken."""
    assert taken([{"assetId": 1}]) == (AssetPatch(1),)


def test_null_clears_each_property() -> None:
    """Null is a value of its own for each property, told apart from one that wasn't sent."""
    (patch,) = taken([{"assetId": 1, **dict.fromkeys(TEXTS), "customerSpecificFields": {"a": None}}])
    assert (patch.serial_number, patch.location, patch.cost_center) == (None, None, None)
    assert patch.customer_specific_fields == {"a": None}
    assert taken([{"assetId": 1, "customerSpecificFields": None}])[0].customer_specific_fields is None


@pytest.mark.parametrize(
    "body",
    [b"", b"[", b"[1,]", b"{'a': 1}", b"\xff", b'[{"assetId": 1, "location": "\xc3"}]', b"[" * 100_000, b"[{}] []", b"NaN"],
)
def test_what_is_no_json_is_one_fault_of_the_whole(body: bytes) -> None:
    """Broken JSON, bytes that are no UTF-8 and nesting without end are told at the root."""
    assert paths(body) == ["$"]


def test_a_byte_order_mark_and_an_empty_body_are_told_as_such() -> None:
    """Editors hide the one and show nothing of the other: the message says which it is."""
    told = [check_patches(body, 10).faults[0].problem for body in (b'\xef\xbb\xbf[{"assetId": 1}]', b" \n")]
    assert told == [Problem("$", MARKED), Problem("$", EMPTY)]


def test_half_of_a_surrogate_pair_is_told_as_such() -> None:
    """Text that can't be encoded is refused, and the message says what is wrong with it."""
    (fault,) = check_patches(b'[{"assetId": 1, "location": "\\ud800"}]', ASSETS_MAX).faults
    assert fault.problem == Problem("$", "JSON holds half of a surrogate pair, which is no text")


@pytest.mark.parametrize("body", [{}, {"assetId": 1}, None, 1, "x", [], True])
def test_the_body_is_a_list_with_something_in_it(body: object) -> None:
    """Anything but a list, and a list of nothing, is a fault of the whole."""
    assert paths(body) == ["$"]


def test_the_number_of_assets_is_bounded() -> None:
    """As many assets as the limit are taken, one more is a fault of the whole, beside those in the entries up to the limit."""
    entries: list[dict[str, Any]] = [{"assetId": number} for number in range(1, 5)]
    assert paths(entries, 4) == []
    assert paths([*entries, {"nothing": 1}], 4) == ["$"]
    assert sorted(paths([{"assetId": 0}, *entries], 4)) == ["$", "$[0].assetId"]


def test_the_same_asset_twice() -> None:
    """Each further entry of one asset is named, with the entry that it repeats."""
    faults = check_patches(json.dumps([{"assetId": 7}, {"assetId": 8}, {"assetId": 7}, {"assetId": 7}]).encode(), 10).faults
    assert faults == (
        Fault(2, Problem("$[2].assetId", "the same asset as $[0]")),
        Fault(3, Problem("$[3].assetId", "the same asset as $[0]")),
    )


@pytest.mark.parametrize("value", [None, "111", 1.0, 1.5, True, [], {}, 0, -1, 2**63])
def test_an_asset_id_is_a_positive_integer_of_64_bits(value: object) -> None:
    """Anything else is named at the property."""
    assert paths([{"assetId": value}]) == ["$[0].assetId"]
    assert paths(b'[{"assetId": 1%s}]' % (b"0" * 5000)) == ["$[0].assetId"]
    assert paths([{"assetId": 2**63 - 1}, {"assetId": 1}]) == []


@pytest.mark.parametrize("name", ["status", "code", "serialnumber", "SerialNumber", "serial_number", "id", ""])
def test_a_property_that_is_none_of_those_that_can_be_patched(name: str) -> None:
    """Names compare exactly; the path names the property."""
    (fault,) = check_patches(json.dumps([{"assetId": 1}, {"assetId": 2, name: "x"}]).encode(), 10).faults
    assert fault.problem.message == UNKNOWN
    assert fault.problem.path == (f"$[1].{name}" if name else "$[1]['']")


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        (b'{"assetId": 1, "assetId": 2}', "$[0].assetId"),
        (b'{"assetId": 1, "location": 5, "location": "b"}', "$[0].location"),
        (b'{"assetId": 1, "location": "a", "loca\\u0074ion": "a"}', "$[0].location"),
        (b'{"assetId": 1, "customerSpecificFields": {"a b": 1, "c": 2, "a b": 1}}', "$[0].customerSpecificFields['a b']"),
        (
            b'{"assetId": 1, "customerSpecificFields": {"a": 1, "a": 2}, "customerSpecificFields": null}',
            "$[0].customerSpecificFields",
        ),
    ],
)
def test_a_name_that_stands_twice(entry: bytes, path: str) -> None:
    """Of two members of one name only one could be applied, so the request is refused, and the name is told once."""
    faults = check_patches(b"[%s]" % entry, 10).faults
    assert faults[0] == Fault(0, Problem(path, REPEATED))
    assert [fault.problem.path for fault in faults].count(path) == 1


def test_every_fault_is_told_at_once() -> None:
    """Faults of several entries, and several faults of one entry, all come back, in the order of the list."""
    body = [
        {"assetId": 1, "serialNumber": "x" * 31, "location": 5, "colour": "red"},
        "no entry",
        {"orderNumber": "<SCRIPT>", "customerSpecificFields": {"a": [1], "b c": {}, "d": "%]"}},
    ]
    assert paths(body) == [
        "$[0].serialNumber",
        "$[0].location",
        "$[0].colour",
        "$[1]",
        "$[2].assetId",
        "$[2].orderNumber",
        "$[2].customerSpecificFields.a",
        "$[2].customerSpecificFields['b c']",
        "$[2].customerSpecificFields.d",
    ]


@pytest.mark.parametrize(("name", "longest"), TEXTS.items())
def test_lengths_in_characters(name: str, longest: int) -> None:
    """A text may have so many characters of any script, and not one more."""
    assert paths([{"assetId": 1, name: "Ж" * longest}]) == []
    assert paths([{"assetId": 1, name: "🚚" * longest}]) == []
    assert paths([{"assetId": 1, name: "a" * (longest + 1)}]) == [f"$[0].{name}"]


@pytest.mark.parametrize("text", ["<script", "a<ScRiPt>b", "[%", "a %] b", "[% x %]"])
def test_markup_is_refused_wherever_there_is_text(text: str) -> None:
    """No property, no customer-specific field and no name of one may hold it."""
    body = [{"assetId": 1, **dict.fromkeys(TEXTS, text), "customerSpecificFields": {"a": text, text: "a"}}]
    faults = check_patches(json.dumps(body).encode(), 10).faults
    assert len(faults) == len(TEXTS) + 2
    assert {fault.problem.message for fault in faults} == {MARKUP}


@pytest.mark.parametrize("text", ["< script", "script", "[", "%", "[ %", "% ]", "<scrip", "%[", "]%", ""])
def test_what_is_no_markup_is_taken(text: str) -> None:
    """Its parts are text like any other."""
    assert paths([{"assetId": 1, **dict.fromkeys(TEXTS, text), "customerSpecificFields": {"a": text}}]) == []


def test_customer_specific_fields_hold_single_values_exactly() -> None:
    """Texts, numbers, truth and null are taken, numbers with each of their digits."""
    checked = check_patches(
        b'[{"assetId": 1, "customerSpecificFields": {"a": 25000.10, "b": true, "c": 12345678901234567890}}]', 1
    )
    (patch,) = checked.patches
    assert patch.customer_specific_fields == {"a": Decimal("25000.10"), "b": True, "c": 12345678901234567890}


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e99999999999999999999", "9" * 310, "9" * 5000])
def test_numbers_that_others_could_not_read(number: str) -> None:
    """A number beyond the range of a binary64 is named, however it is written."""
    body = b'[{"assetId": 1, "customerSpecificFields": {"a": 1, "b": %s}, "location": 1}]' % number.encode()
    assert paths(body) == ["$[0].customerSpecificFields.b", "$[0].location"]


def test_undeclared_fields() -> None:
    """Once any field is declared, each one that isn't is named where it stands; while none is, any goes."""
    entries = [{"assetId": 1, "customerSpecificFields": {"Employee name": "x", "b": None}}, {"assetId": 2}]
    names = check_patches(json.dumps(entries).encode(), 10).names
    assert list(undeclared(names, frozenset())) == []
    assert list(undeclared(names, {"Employee name", "b"})) == []
    assert list(undeclared(names, {"employee name", "b"})) == [
        Fault(0, Problem("$[0].customerSpecificFields['Employee name']", UNDECLARED))
    ]


def test_one_error_says_all() -> None:
    """The error's line names the first place and how many more there are; its problems are in the order of the list."""
    error = refusal(
        [Fault(3, Problem("$[3].b", "is wrong")), Fault(-1, Problem("$", "is long")), Fault(0, Problem("$[0]", "no"))]
    )
    assert error.message == "is long - at $, and 2 more"
    assert [problem.path for problem in error.problems] == ["$", "$[0]", "$[3].b"]
    assert refusal([Fault(0, Problem("$[0]", "no"))]).message == "no - at $[0]"


def test_an_endless_list_of_faults_has_an_end() -> None:
    """Beyond a bound the rest is counted."""
    error = refusal([Fault(number, Problem(f"$[{number}]", "no")) for number in range(100_005)])
    assert len(error.problems) == 100_001
    assert error.problems[-1] == Problem("$", "and 5 more")


def test_a_fingerprint_is_of_what_is_said() -> None:
    """Spacing and the order of keys don't count; anything else does."""

    def fingerprint(body: bytes) -> str:
        return check_patches(body, 10).fingerprint

    said = fingerprint(b'[{"assetId":1,"location":"a","customerSpecificFields":{"a":1.0,"b":2}}]')
    assert said == fingerprint(b'[ {"customerSpecificFields": {"b": 2, "a": 1.0},"location":"\\u0061", "assetId":1} ]')
    for other in (b'"a":"1.0","b":2', b'"a":1.0', b'"a":1.0,"b":2,"c":null'):
        assert said != fingerprint(b'[{"assetId":1,"location":"a","customerSpecificFields":{%s}}]' % other)

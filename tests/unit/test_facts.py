"""When two copies are one fact, and what they say together."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.facts import attempts, copy_of, event_key, fact_order, merge, merge_all
from schemas.events import Payload
from schemas.facts import Copy, Kind, Location, Meaning
from tests.support.facts import (
    MINUTE_US,
    ORGANIZATION,
    START_US,
    SUBSCRIPTIONS,
    UNIT,
    A,
    B,
    C,
    copies,
    copy_lists,
    minute,
    payloads,
)

HERE, THERE = Location(50.869, 2.8942), Location(9.0, 2.8942)


def golden_key(*parts: object) -> str:
    """The first 32 hex digits of SHA-256 over the compact UTF-8 JSON array of the parts."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def copy(
    kind: Kind = "paired",
    asset_id: str | None = A,
    reason: str | None = "AutoPair",
    *,
    version: int = 2,
    source: str = SUBSCRIPTIONS[0],
    batch: str = "batch",
    late_us: int = 0,
    **details: Any,  # noqa: ANN401 - fields of Meaning
) -> Copy:
    """A copy of a fact at the start; `late_us` is by how much its clock runs ahead of its batch."""
    payload = Payload(ORGANIZATION, UNIT, kind, START_US, asset_id, Meaning(reason, **details))
    return copy_of(payload, version, source, batch, START_US - late_us)


@pytest.mark.parametrize("unit_id", [UNIT, 'tp:é\u2028\x00\x1f\x7f/"\\😀', ":", "no colon"])
def test_event_key_of_each_kind(unit_id: str) -> None:
    """The key is the hash of [organizationId, unitId, kind, registeredOn in microseconds, what], for any text in the unit id."""
    for kind, what in (("paired", A), ("unpaired", A), ("failed", ["NotFound", "F3A000001"]), ("failed", ["InvalidData", None])):
        asset_id, reason, sensor_vin = (None, *what) if isinstance(what, list) else (what, None, None)
        payload = Payload(ORGANIZATION, unit_id, kind, START_US + 1, asset_id, Meaning(reason, sensor_vin=sensor_vin))  # type: ignore[arg-type]
        expected = golden_key(ORGANIZATION, unit_id, kind, 1747088400000001, what)
        assert copy_of(payload, 1, "", "", 0).event_key == expected


def test_event_key_of_the_documented_pairing() -> None:
    """The key of Datahub's own example is this text's hash, written out."""
    text = (
        '["c8c90b90-ad39-4a3d-8b89-c25a22acaa25","tp:890123847562332","paired",1747088400000000,'
        '"5bca3b72-e006-4cea-bfaa-f5a4dcf3a63c"]'
    )
    key = event_key(ORGANIZATION, UNIT, "paired", START_US, "5bca3b72-e006-4cea-bfaa-f5a4dcf3a63c")
    assert key == hashlib.sha256(text.encode()).hexdigest()[:32]


def test_only_what_names_the_event_is_in_its_key() -> None:
    """Version, source, batch, VINs, reason and location of a success don't make another fact; kind, asset and time do."""
    same = [
        copy(),
        copy(version=1),
        copy(source=SUBSCRIPTIONS[1], batch="other", late_us=5),
        copy(reason="ManualPair", asset_vin="V", sensor_vin="W", location=HERE),
    ]
    assert {each.event_key for each in same} == {copy().event_key}
    other = [copy(asset_id=B), copy("unpaired", reason=None), copy("failed", None, "NotFound"), copy("failed", None, "Unknown")]
    other += [copy("failed", None, "Unknown", sensor_vin="W")]
    assert len({each.event_key for each in [copy(), *other]}) == 6


FIELDS = [
    ("manual wins over auto", [{}, {"reason": "ManualPair"}], {"reason": "ManualPair"}, True),
    ("manual wins in the lower version", [{"version": 1, "reason": "ManualPair"}, {}], {"reason": "ManualPair"}, True),
    ("one reason", [{}, {"version": 1}], {"reason": "AutoPair"}, False),
    ("a field that one copy lacks", [{"asset_vin": "V"}, {}], {"asset_vin": "V"}, False),
    ("a field that the higher version lacks", [{"version": 1, "sensor_vin": "V"}, {}], {"sensor_vin": "V"}, False),
    ("the highest version", [{"version": 1, "asset_vin": "A"}, {"asset_vin": "B"}], {"asset_vin": "B"}, True),
    ("the smallest text of one version", [{"asset_vin": "b"}, {"asset_vin": "a"}], {"asset_vin": "a"}, True),
    ("text by code point", [{"asset_vin": "\uffff"}, {"asset_vin": "\U00010000"}], {"asset_vin": "\uffff"}, True),
    (
        "each field by itself",
        [{"version": 1, "asset_vin": "A", "sensor_vin": "S"}, {"asset_vin": "B"}],
        {"asset_vin": "B", "sensor_vin": "S"},
        True,
    ),
    ("the same location in both versions", [{"version": 1, "location": HERE}, {"location": HERE}], {"location": HERE}, False),
    (
        "the location is one value, by its JSON and not by its numbers",
        [{"location": THERE}, {"location": HERE}],
        {"location": HERE},
        True,
    ),
    ("the location of the highest version", [{"version": 1, "location": HERE}, {"location": THERE}], {"location": THERE}, True),
    (
        "the same three times",
        [{"asset_vin": "V"}, {"asset_vin": "V", "batch": "2"}, {"asset_vin": "V", "version": 1}],
        {"asset_vin": "V"},
        False,
    ),
]


@pytest.mark.parametrize(("details", "expected", "contradiction"), [row[1:] for row in FIELDS], ids=[row[0] for row in FIELDS])
def test_merge_of_fields(details: list[dict[str, Any]], expected: dict[str, Any], contradiction: bool) -> None:
    """Each field comes from the highest version that has it, then the smallest JSON; two values are a contradiction."""
    for ordered in (details, details[::-1]):
        fact = merge([copy(**each) for each in ordered])
        assert fact.meaning == replace(Meaning("AutoPair"), **expected)
        assert fact.flags == (("contradiction",) if contradiction else ())


def test_candidates_are_united() -> None:
    """The candidates are the sorted union over the copies; lists that differ are a contradiction, a missing one is not."""
    listed = [copy("failed", None, "MultipleMatchFound", candidate_asset_ids=ids) for ids in ((B, C), (A, B), ())]
    assert merge(listed).meaning.candidate_asset_ids == (A, B, C)
    assert merge(listed).flags == ("contradiction",)
    assert merge(listed[::2]).meaning.candidate_asset_ids == (B, C)
    assert merge(listed[::2]).flags == ()


@pytest.mark.parametrize(
    ("late_us", "skewed"),
    [
        ([10 * MINUTE_US], False),
        ([10 * MINUTE_US + 1], True),
        ([-MINUTE_US], False),
        ([0, 11 * MINUTE_US], True),
        ([9 * MINUTE_US, 10 * MINUTE_US], False),
    ],
)
def test_clock_skew_is_judged_by_the_smallest_batch_time(late_us: list[int], skewed: bool) -> None:
    """More than 10 minutes after the smallest batch time of its copies is flagged; 10 minutes to the microsecond are not."""
    fact = merge([copy(late_us=us, batch=str(n)) for n, us in enumerate(late_us)])
    assert fact.flags == (("clockSkew",) if skewed else ())


def test_both_flags_stand_in_order() -> None:
    """A fact can be flagged for its clock and for a contradiction."""
    assert merge([copy(late_us=11 * MINUTE_US), copy(reason="ManualPair")]).flags == ("clockSkew", "contradiction")


ATTEMPTS = [
    ("one copy", [(1, 0, "a")], 1),
    ("a redelivery", [(1, 0, "a"), (1, 0, "a")], 1),
    ("an hourly re-send", [(1, 0, "a"), (1, 0, "b")], 2),
    ("its twin of the other version", [(1, 0, "a"), (2, 0, "a")], 1),
    ("its twin in another batch", [(1, 0, "a"), (2, 0, "b")], 1),
    ("a second subscription", [(2, 0, "a"), (2, 1, "b")], 1),
    ("the most of any", [(1, 0, "a"), (1, 0, "b"), (2, 0, "c"), (2, 1, "d"), (2, 1, "e"), (2, 1, "f")], 3),
]


@pytest.mark.parametrize(("rows", "expected"), [row[1:] for row in ATTEMPTS], ids=[row[0] for row in ATTEMPTS])
def test_attempts(rows: list[tuple[int, int, str]], expected: int) -> None:
    """Attempts are the most distinct batches within one (source, version)."""
    copied = [copy("failed", None, "NotFound", version=v, source=SUBSCRIPTIONS[s], batch=b) for v, s, b in rows]
    assert attempts(copied) == attempts(copied[::-1]) == merge(copied).attempts == expected


def test_facts_are_sorted_by_time_then_key() -> None:
    """Facts come out by (time, key), whatever order their copies came in."""
    late = copy_of(Payload(ORGANIZATION, UNIT, "paired", minute(1), A, Meaning("ManualPair")), 1, "", "", 0)
    facts = merge_all([late, copy(asset_id=C), copy(asset_id=B), copy(), copy(version=1)])
    assert [fact_order(fact) for fact in facts] == sorted(fact_order(fact) for fact in facts)
    assert len(facts) == 4
    assert facts[-1].event_key == late.event_key
    assert merge_all([]) == []


@settings(deadline=None, max_examples=100)
@given(copy_lists(units=(UNIT,)), st.data())
def test_order_and_repeats_of_copies_never_matter(listed: list[Copy], data: st.DataObject) -> None:
    """Any order, any grouping and any duplication of copies merge to the same facts."""
    again = data.draw(st.lists(st.sampled_from(listed), max_size=5))
    assert merge_all(data.draw(st.permutations([*listed, *again]))) == merge_all(listed)


@settings(deadline=None, max_examples=100)
@given(copy_lists(versions=(1,)), st.data())
def test_twins_in_the_other_version_change_nothing(listed: list[Copy], data: st.DataObject) -> None:
    """Who gets version 1 and then version 2 too has the same facts; only some of it changes no key, attempts or flags."""
    some = data.draw(st.lists(st.sampled_from(listed)))
    twins = [replace(each, version=2) for each in some]
    echoes = [replace(each, source="another subscription of " + each.source) for each in some]
    expected = merge_all(listed)
    merged = merge_all([*listed, *twins, *echoes])
    assert [fact.event_key for fact in merged] == [fact.event_key for fact in expected]
    assert [(fact.attempts, fact.flags) for fact in merged] == [(fact.attempts, fact.flags) for fact in expected]
    whole = merge_all([*listed, *(replace(each, version=2) for each in listed)])
    assert whole == expected


@settings(deadline=None, max_examples=100)
@given(st.lists(copies(), min_size=1, max_size=8))
def test_a_merge_is_what_its_copies_say(listed: list[Copy]) -> None:
    """Every value of a merged fact is one that a copy has, and a fact loses no field that any of its copies has."""
    for fact in merge_all(listed):
        mine = [each for each in listed if each.event_key == fact.event_key]
        for field in ("reason", "asset_vin", "sensor_vin", "location"):
            said = {getattr(each.meaning, field) for each in mine} - {None}
            assert getattr(fact.meaning, field) in (said or {None})
            assert len(said) <= 1 or "contradiction" in fact.flags
        assert set(fact.meaning.candidate_asset_ids) == {asset for each in mine for asset in each.meaning.candidate_asset_ids}
        assert 1 <= fact.attempts <= len({each.batch_key for each in mine})


@settings(deadline=None, max_examples=100)
@given(payloads(), payloads())
def test_two_facts_that_differ_both_survive(one: Payload, other: Payload) -> None:
    """Two events have one key only if they agree in organization, unit, kind, time and what happened."""

    def named(payload: Payload) -> tuple[object, ...]:
        failure = (payload.meaning.reason, payload.meaning.sensor_vin) if payload.kind == "failed" else None
        return payload.organization_id, payload.unit_id, payload.kind, payload.at_us, payload.asset_id, failure

    keys = {copy_of(payload, 1, "", "", 0).event_key for payload in (one, other)}
    assert (len(keys) == 1) == (named(one) == named(other))

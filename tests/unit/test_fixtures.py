"""The fixtures are what their README says, and the stories agree with themselves."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from schemas.errors import InvalidInputError
from schemas.event_decoding import UnknownEventError, decode_envelope, decode_event, decode_payload
from schemas.events import Envelope, Payload
from schemas.wire import microseconds, parse_time, time_text
from tests.support.facts import ORGANIZATION
from tests.support.stories import FIXTURES, About, ExpectedCase, ExpectedUnit, FactName, Story, load_stories

STORIES = load_stories()
DOCUMENTED = sorted((FIXTURES / "datahub").glob("v*/*.json"))
DOCUMENTED_NAMES = {
    "paired_manual",
    "paired_auto",
    "failed_invalid_data",
    "failed_not_found",
    "failed_multiple_match_found",
    "failed_unknown",
    "unpaired",
}
# The id under which Datahub documents all of its examples: for one conflict story alone.
DOCUMENTED_BATCH_ID = "31fccdce-725e-4c87-a91b-3a8e66144641"

each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
each_payload = pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: f"{path.parent.name}/{path.stem}")

FactKey = tuple[str, str, str, int, str | None, str | None, str | None]


def payload_of(path: Path) -> tuple[int, Payload]:
    """The version and the meaning of the one event of a documented batch."""
    (entry,) = decode_envelope(path.read_bytes()).events_data
    event = decode_event(entry, "$.eventsData[0]")
    return event.event_version, decode_payload(event, "$.eventsData[0]")


def key_of(payload: Payload) -> FactKey:
    """What identifies a fact: for a failure its reason and sensor VIN, else its asset."""
    failed = payload.kind == "failed"
    reason, sensor_vin = (payload.meaning.reason, payload.meaning.sensor_vin) if failed else (None, None)
    return (payload.organization_id, payload.unit_id, payload.kind, payload.at_us, payload.asset_id, reason, sensor_vin)


def outcomes(envelope: Envelope) -> Iterator[Payload | str]:
    """For each entry of a batch its payload, or what keeps it from having one."""
    for index, entry in enumerate(envelope.events_data):
        path = f"$.eventsData[{index}]"
        try:
            yield decode_payload(decode_event(entry, path), path)
        except UnknownEventError:
            yield "ignored"
        except InvalidInputError:
            yield "quarantined"


def facts_of(story: Story) -> set[FactKey]:
    """The keys of all facts that a story's batches bring."""
    entries = (entry for _, body in story.batches for entry in outcomes(decode_envelope(body)))
    return {key_of(entry) for entry in entries if not isinstance(entry, str)}


def key_of_about(about: About) -> FactKey:
    """The same of a fact that a statement is about; an assertion has `asserted` for a reason."""
    reason = "asserted" if about.asserted else about.reason
    return (ORGANIZATION, about.unit_id, about.kind, us(about.registered_on), about.asset_id, reason, about.sensor_vin)


def assertions_of(story: Story) -> set[FactKey]:
    """The keys of what operators assert in a story."""
    return {key_of_about(said.about) for said in story.statements if said.kind in {"paired", "unpaired"}}


def void_of(story: Story) -> set[FactKey]:
    """The keys that are void in the end."""
    latest: dict[FactKey, str] = {}
    for said in story.statements:
        if said.kind in {"void", "restore", "paired", "unpaired"}:
            latest[key_of_about(said.about)] = said.kind
    return {key for key, kind in latest.items() if kind == "void"}


def us(text: str) -> int:
    """A time of an `expected.toml`, which must be written exactly as the interface writes it."""
    value = parse_time(text, "$")
    assert time_text(value) == text
    return value


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_each_version_has_every_documented_payload(version: str) -> None:
    """Six outcomes of a pairing and the unpairing, in either version."""
    assert {path.stem for path in DOCUMENTED if path.parent.name == version} == DOCUMENTED_NAMES


@each_payload
def test_documented_payload_decodes(path: Path) -> None:
    """A documented batch holds one event, of its folder's version, that says what the file's name says."""
    version, payload = payload_of(path)
    assert f"v{version}" == path.parent.name
    reason = re.sub(r"(?<!^)([A-Z])", r"_\1", payload.meaning.reason or "").lower()
    told = {"manual_pair": "manual", "auto_pair": "auto"}.get(reason, reason)
    assert f"{payload.kind}_{told}".rstrip("_") == path.stem


@pytest.mark.parametrize("name", sorted(DOCUMENTED_NAMES))
def test_both_versions_say_the_same(name: str) -> None:
    """Apart from the version and the names of a location's fields, the twins are equal."""
    one, two = (payload_of(FIXTURES / "datahub" / version / f"{name}.json")[1] for version in ("v1", "v2"))
    assert one == two


def test_every_batch_has_an_id_of_its_own() -> None:
    """An eventBatchId comes again only within a story that is about that, and the documented one in a single story."""
    seen: dict[str, str] = {}
    for path in DOCUMENTED:
        name = f"{path.parent.name}/{path.stem}"
        assert seen.setdefault(decode_envelope(path.read_bytes()).event_batch_id, name) == name
    for story in STORIES:
        ids = [decode_envelope(body).event_batch_id for _, body in story.batches]
        assert len(set(ids)) == story.expected.batches.accepted
        assert all(seen.setdefault(batch_id, story.name) == story.name for batch_id in ids)
    assert seen[DOCUMENTED_BATCH_ID] == "documented_batch_id_conflict"


def test_stories_share_no_unit_and_no_asset() -> None:
    """Replaying the whole folder into one store gives every story its own result."""
    owners: dict[str, str] = {}
    for story in STORIES:
        units = {f"{unit.organization_id} {unit.unit_id}" for unit in story.expected.units}
        assets = {pairing.asset_id for unit in story.expected.units for pairing in unit.pairings}
        assert all(owners.setdefault(name, story.name) == story.name for name in units | assets)


@each_story
def test_story_holds_numbered_batches_and_what_must_come_out(story: Story) -> None:
    """A story's folder holds `01_….json`, `02_….json` and so on, `expected.toml`, and what is said and done besides, if any."""
    names = [name for name, _ in story.batches]
    assert names
    files = {path.name for path in (FIXTURES / "stories" / story.name).iterdir()}
    assert files - {"statements.toml", "registry.toml"} == {*names, "expected.toml"}
    assert ("statements.toml" in files) == bool(story.statements)
    assert ("registry.toml" in files) == (story.steps is not None)
    assert all(re.fullmatch(rf"{number:02}_[a-z0-9_]+\.json", name) for number, name in enumerate(names, 1))


def test_stories_of_the_registry_share_no_vin_and_no_asset() -> None:
    """Their assets are found by VINs: no other story tells one of theirs, nor brings an asset of the same id."""
    owners: dict[str, str] = {}
    for story in STORIES:
        vins = set(re.findall(rb'"assetVIN": "([^"]+)"', b"".join(body for _, body in story.batches)))
        for name in {vin.decode() for vin in vins} | {one.external_asset_id for one in story.expected.assets}:
            owner = owners.setdefault(name, story.name)
            assert story.steps is None or owner == story.name
        told = (story.expected.assets, story.expected.missing, story.expected.waiting, story.expected.cases)
        assert story.steps is not None or not any(told)


@each_story
def test_steps_follow_batches_of_the_story(story: Story) -> None:
    """Each step is done before the first batch or after one that there is, in the order of these."""
    places = [["", *(name for name, _ in story.batches)].index(step.after) for step in story.steps or ()]
    assert places == sorted(places)


def test_every_reason_and_every_end_of_a_case_has_a_story() -> None:
    """Cases of each reason are open, dismissed and resolved in some story, those of a doubtful pairing by its end too."""
    seen = {
        (case.reason, case.state, case.resolved_by) for story in STORIES for unit in story.expected.units for case in unit.cases
    }
    reasons = get_args(ExpectedCase.__annotations__["reason"])
    ends = (("open", None), ("dismissed", "dismissed"), ("resolved", "paired"))
    assert seen == {(reason, *end) for reason in reasons for end in ends} | {("VinMismatch", "resolved", "unpaired")}


@each_story
def test_statements_are_about_what_is_known(story: Story) -> None:
    """Each follows a batch of the story, in time and in order; what is judged or remarked on came before it, or is asserted."""
    names = [name for name, _ in story.batches]
    places = [names.index(said.after) for said in story.statements]
    assert places == sorted(places)
    assert [us(said.at) for said in story.statements] == sorted(us(said.at) for said in story.statements)
    asserted: set[FactKey] = set()
    for said, place in zip(story.statements, places, strict=True):
        key = key_of_about(said.about)
        if said.kind in {"paired", "unpaired"}:
            assert said.about.asserted
            assert said.kind == said.about.kind
            asserted.add(key)
        assert key in asserted | facts_of(story._replace(batches=story.batches[: place + 1]))


@each_story
@pytest.mark.parametrize("backwards", [False, True], ids=["in order", "backwards"])
def test_counts_are_those_of_the_batches(story: Story, backwards: bool) -> None:
    """The expected answers add up from the batches, in either order: what is the same batch, what decodes, what is known."""
    lists: dict[str, list[object]] = {}
    batches = {"accepted": 0, "duplicate": 0, "conflict": 0}
    events = {"applied": 0, "duplicate": 0, "quarantined": 0, "ignored": 0}
    known: set[FactKey] = set()
    for _, body in reversed(story.batches) if backwards else story.batches:
        envelope = decode_envelope(body)
        entries = msgspec.json.decode(body)["eventsData"]
        before = lists.setdefault(envelope.event_batch_id, [])
        answer = "duplicate" if entries in before else "conflict" if before else "accepted"
        before.append(entries)
        batches[answer] += 1
        for outcome in outcomes(envelope):
            if answer == "duplicate":
                events["duplicate"] += 1
            elif isinstance(outcome, str):
                events[outcome] += 1
            else:
                events["duplicate" if key_of(outcome) in known else "applied"] += 1
                known.add(key_of(outcome))
    assert msgspec.to_builtins(story.expected.batches) == batches
    assert msgspec.to_builtins(story.expected.events) == events


@each_story
def test_expected_units_are_those_of_the_batches(story: Story) -> None:
    """Every unit that a decodable event or an operator names is expected, and no other."""
    named = [(unit.organization_id, unit.unit_id) for unit in story.expected.units]
    assert len(set(named)) == len(named)
    assert set(named) == {key[:2] for key in facts_of(story) | assertions_of(story)}


@each_story
def test_named_facts_come_in_the_batches(story: Story) -> None:
    """A fact that is expected with flags or with its merged fields is one that the story brings and that isn't void."""
    counting = (facts_of(story) | assertions_of(story)) - void_of(story)
    brought = {(unit, kind, time, asset) for _, unit, kind, time, asset, *_ in counting}
    named: list[FactName] = [*story.expected.flags, *story.expected.facts]
    assert all((fact.unit_id, fact.kind, us(fact.registered_on), fact.asset_id) in brought for fact in named)
    assert all(list(fact.flags) == sorted(set(fact.flags)) for fact in story.expected.flags)


@each_story
def test_clock_skew_is_expected_where_a_clock_is_skewed(story: Story) -> None:
    """An event more than ten minutes after the earliest batch that brought it is flagged, and no other."""
    earliest: dict[FactKey, int] = {}
    for _, body in story.batches:
        envelope = decode_envelope(body)
        for entry in outcomes(envelope):
            if not isinstance(entry, str):
                made_at_us = microseconds(envelope.event_batch_time)
                earliest[key_of(entry)] = min(made_at_us, earliest.get(key_of(entry), made_at_us))
    skewed = {key[1:5] for key, made_at_us in earliest.items() if key[3] - made_at_us > 600_000_000}
    told = [fact for fact in story.expected.flags if "clockSkew" in fact.flags]
    assert {(fact.unit_id, fact.kind, us(fact.registered_on), fact.asset_id) for fact in told} == skewed


@each_story
def test_every_pairing_fact_is_accounted_for(story: Story) -> None:
    """What isn't void is evidence of one interval, or it lost a tie, was stale or replaced: the numbers add up."""
    idle = [fact.unit_id for fact in story.expected.flags if {"tie", "staleUnpair", "replaced"} & set(fact.flags)]
    counting = (facts_of(story) | assertions_of(story)) - void_of(story)
    pairing_facts = [(key[0], key[1]) for key in counting if key[2] != "failed"]
    for unit in story.expected.units:
        evidence = sum(pairing.evidence for pairing in unit.pairings)
        assert evidence + idle.count(unit.unit_id) == pairing_facts.count((unit.organization_id, unit.unit_id))


@each_story
def test_expected_histories_are_possible(story: Story) -> None:
    """Intervals are in order, don't overlap, and end as they say; cases are in order; the state follows from both."""
    for unit in story.expected.units:
        check_pairings(unit)
        check_cases(unit)
        is_open = any(pairing.unpaired_at is None for pairing in unit.pairings)
        has_case = any(case.state == "open" and case.reason != "VinMismatch" for case in unit.cases)
        assert unit.state == ("paired" if is_open else "unmatched" if has_case else "unpaired")


def check_pairings(unit: ExpectedUnit) -> None:
    """The intervals of one unit."""
    for pairing in unit.pairings:
        assert (pairing.unpaired_at is None) == (pairing.ended_by is None)
        if pairing.paired_at is None:
            assert pairing.reason in {None, "Asserted"}
            assert pairing.ended_by == "unpaired"
        else:
            assert pairing.reason is not None
            assert pairing.paired_after is None
            assert pairing.unpaired_at is None or us(pairing.paired_at) <= us(pairing.unpaired_at)
    for earlier, later in pairwise(unit.pairings):
        assert earlier.unpaired_at is not None
        start = later.paired_at or later.paired_after
        assert start is not None
        assert us(earlier.unpaired_at) <= us(start)
        if later.paired_at is None:
            assert later.paired_after == earlier.unpaired_at


def check_cases(unit: ExpectedUnit) -> None:
    """The cases of one unit: those of each kind follow each other."""
    for case in unit.cases:
        assert us(case.first_seen_at) <= us(case.last_seen_at)
        assert (case.state != "open") == (case.resolved_at is not None) == (case.resolved_by is not None)
        assert (case.state == "dismissed") == (case.resolved_by == "dismissed")
        assert case.state != "resolved" or us(case.last_seen_at) <= us(case.resolved_at or "")
        assert (case.reason == "VinMismatch") == (case.asset_id is not None) == (case.asset_vin is not None)
        assert case.resolved_by != "unpaired" or case.reason == "VinMismatch"
    for of_kind in (True, False):
        cases = [case for case in unit.cases if (case.reason == "VinMismatch") == of_kind]
        for earlier, later in pairwise(cases):
            assert earlier.state == "resolved"
            assert us(earlier.resolved_at or "") <= us(later.first_seen_at)

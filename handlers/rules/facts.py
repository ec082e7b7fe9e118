"""When are two copies the same fact, and what does the fact say?"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from schemas.events import Payload
from schemas.facts import Copy, Fact, Flag, Meaning
from schemas.wire import canonical_json

ASSERTED = "Asserted"
CLOCK_SKEW_US = 10 * 60 * 1_000_000
_CONTESTED = ("asset_vin", "sensor_vin", "location")


def digest_id(prefix: str, parts: Sequence[object], digits: int) -> str:
    """`prefix` and the first hex digits of SHA-256 over the compact JSON array of `parts`: the same parts, the same id."""
    return prefix + hashlib.sha256(msgspec.json.encode(parts)).hexdigest()[:digits]


def event_key(organization_id: str, unit_id: str, kind: str, at_us: int, what: object) -> str:
    """The identity of a fact: 32 hex digits. `what` is the assetId, or `[reason, sensorVIN]` for a failure.

    Redeliveries, the same event in another batch, and its v1 and v2 copies share it. What an operator asserts is told from what
    Datahub says by `what` alone (see `handlers.rules.statements.asserted_key`).
    """
    return digest_id("", (organization_id, unit_id, kind, at_us, what), 32)


def copy_of(payload: Payload, version: int, source: str, batch_key: str, batch_time_us: int) -> Copy:
    """One decoded event as a copy that came from `source` in the batch `batch_key`, made at `batch_time_us`."""
    what: object = payload.asset_id
    if payload.kind == "failed":
        what = (payload.meaning.reason, payload.meaning.sensor_vin)
    return Copy(
        event_key(payload.organization_id, payload.unit_id, payload.kind, payload.at_us, what),
        payload.organization_id,
        payload.unit_id,
        payload.kind,
        payload.at_us,
        payload.asset_id,
        version,
        payload.meaning,
        source,
        batch_key,
        batch_time_us,
    )


def merge(copies: Sequence[Copy]) -> Fact:
    """The fact that copies of one event key say together; neither their order nor repeats matter.

    ManualPair wins as the reason, candidates are united, and any other field is that of the highest event version which
    has it, then the smallest canonical JSON. `contradiction` says that two copies hold different values of one field.
    """
    first = copies[0]
    meaning, contradicted, attempted, earliest_us = first.meaning, False, 1, first.batch_time_us
    if len(copies) > 1:
        meaning, contradicted = _merged_meaning(copies)
        attempted, earliest_us = attempts(copies), min(copy.batch_time_us for copy in copies)
    flags: list[Flag] = []
    if first.at_us - earliest_us > CLOCK_SKEW_US:
        flags.append("clockSkew")
    if contradicted:
        flags.append("contradiction")
    return Fact(
        first.event_key,
        first.organization_id,
        first.unit_id,
        first.kind,
        first.at_us,
        first.asset_id,
        meaning,
        attempted,
        tuple(flags),
    )


def attempts(copies: Iterable[Copy]) -> int:
    """How often Datahub tried: the most distinct batches that one (source, event version) brought this fact in.

    So hourly re-sends count, and redeliveries, v1/v2 twins, a second subscription and the Feed don't.
    """
    batches: dict[tuple[str, int], set[str]] = {}
    for copy in copies:
        batches.setdefault((copy.source, copy.version), set()).add(copy.batch_key)
    return max(map(len, batches.values()))


def merge_all(copies: Iterable[Copy]) -> list[Fact]:
    """All facts in copies of one unit, sorted by time, then key."""
    by_key: dict[str, list[Copy]] = {}
    for copy in copies:
        by_key.setdefault(copy.event_key, []).append(copy)
    return sorted(map(merge, by_key.values()), key=fact_order)


def fact_order(fact: Fact) -> tuple[int, str]:
    """Facts are sorted by time, then by key."""
    return fact.at_us, fact.event_key


def _merged_meaning(copies: Sequence[Copy]) -> tuple[Meaning, bool]:
    meaning = copies[0].meaning
    if all(copy.meaning == meaning for copy in copies):
        return meaning, False
    reasons = {reason for copy in copies if (reason := copy.meaning.reason)}
    candidates = {copy.meaning.candidate_asset_ids for copy in copies} - {()}
    contradicted = len(reasons) > 1 or len(candidates) > 1
    chosen: dict[str, object] = {}
    for field in _CONTESTED:
        held = [
            (-copy.version, canonical_json(value), value)
            for copy in copies
            if (value := getattr(copy.meaning, field)) is not None
        ]
        chosen[field] = min(held, key=lambda row: row[:2])[2] if held else None
        contradicted = contradicted or len({row[1] for row in held}) > 1
    meaning = Meaning(
        reason="ManualPair" if "ManualPair" in reasons else min(reasons, default=None),
        candidate_asset_ids=tuple(sorted({asset for listed in candidates for asset in listed})),
    )
    return msgspec.structs.replace(meaning, **chosen), contradicted

"""Facts of one unit in few words, and strategies that make facts, copies and deliveries which collide often.

For tables: `paired(A, 0)`, `unpaired(A, 5)`, `failed(7)`, `asserted(paired(B, 5))` are facts of `UNIT` at a minute after
`START_US`; the assets sort as `A < B < C`.

For properties: `payloads()`, `copies()`, `unit_facts()` and `deliveries()` draw from two units, three assets, six instants and
few texts, so that the same fact comes again, in another batch, in the other version and with other details, and several facts
share an instant. `event_of` and `body_of` give the JSON that Datahub would send.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from handlers.rules.facts import ASSERTED, copy_of, merge, merge_all
from handlers.rules.statements import asserted_key
from schemas.events import Payload
from schemas.facts import Copy, Fact, Kind, Location, Meaning
from schemas.wire import time_text

ORGANIZATION = "c8c90b90-ad39-4a3d-8b89-c25a22acaa25"
UNIT = "tp:890123847562332"
UNITS = (UNIT, "krone:890123847562332")
A, B, C = ASSETS = (
    "1aaaaaaa-e006-4cea-bfaa-f5a4dcf3a63c",
    "5bbbbbbb-e006-4cea-bfaa-f5a4dcf3a63c",
    "dccccccc-dd29-3d3d-3b89-c45a22acab34",
)
SUBSCRIPTIONS = ("41634ca6-a7fb-4dc2-9461-7e9b24be885e", "51634ca6-a7fb-4dc2-9461-7e9b24be885e")

START_US = 1_747_088_400_000_000  # 2025-05-12T22:20:00Z
MINUTE_US = 60_000_000

# The first two go together, the third goes with neither.
_VINS = (None, "1HGCM82633A000001", "F3A000001", "WDB96340310500042")
_PLACES = (None, Location(50.869, 2.8942), Location(0.0, -180.0))
_Details = tuple[str | None, str | None, Location | None]
_DETAILS: list[_Details] = list(product(_VINS, _VINS, _PLACES))


class _What(NamedTuple):
    kind: Kind
    reason: str | None = None
    asset_id: str | None = None
    candidate_asset_ids: tuple[str, ...] = ()


_WHATS = (
    *(_What("paired", reason, asset_id) for asset_id in ASSETS for reason in ("ManualPair", "AutoPair")),
    *(_What("unpaired", None, asset_id) for asset_id in ASSETS for _ in range(2)),
    *(_What("failed", reason) for reason in ("InvalidData", "NotFound", "Unknown")),
    *(_What("failed", "MultipleMatchFound", None, candidates) for candidates in ((A,), (A, C))),
)


def minute(number: float) -> int:
    """Microseconds of a minute after the start."""
    return START_US + round(number * MINUTE_US)


def paired(asset_id: str, at: float, reason: str = "ManualPair", **details: Any) -> Fact:  # noqa: ANN401 - fields of Meaning
    """A successful pairing at minute `at`."""
    return _fact(Payload(ORGANIZATION, UNIT, "paired", minute(at), asset_id, Meaning(reason, **details)))


def unpaired(asset_id: str, at: float, **details: Any) -> Fact:  # noqa: ANN401 - fields of Meaning
    """An unpairing at minute `at`."""
    return _fact(Payload(ORGANIZATION, UNIT, "unpaired", minute(at), asset_id, Meaning(**details)))


def failed(at: float, reason: str = "NotFound", sensor_vin: str | None = "F3A000001", **details: Any) -> Fact:  # noqa: ANN401 - fields of Meaning
    """A failed pairing at minute `at`."""
    return _fact(Payload(ORGANIZATION, UNIT, "failed", minute(at), None, Meaning(reason, sensor_vin=sensor_vin, **details)))


def asserted(fact: Fact) -> Fact:
    """The same said by an operator: `asserted` stands in place of a reason, and the key tells it from Datahub's fact."""
    key = asserted_key(fact.organization_id, fact.unit_id, fact.kind, fact.at_us, fact.asset_id or "")
    return replace(fact, event_key=key, meaning=Meaning(ASSERTED), flags=())


def _fact(payload: Payload) -> Fact:
    return merge([copy_of(payload, 2, SUBSCRIPTIONS[0], "batch", payload.at_us)])


def payloads(units: Sequence[str] = UNITS, minutes: int = 6) -> st.SearchStrategy[Payload]:
    """What one event says, as decoding gives it; only the details that its kind can have."""
    return st.builds(
        _payload, st.sampled_from(units), st.sampled_from(_WHATS), st.integers(0, minutes - 1), st.sampled_from(_DETAILS)
    )


def _payload(unit_id: str, what: _What, at: int, details: _Details) -> Payload:
    asset_vin, sensor_vin, location = details
    meaning = Meaning(what.reason, asset_vin, candidate_asset_ids=what.candidate_asset_ids)
    if what.kind != "unpaired":
        meaning = replace(meaning, sensor_vin=sensor_vin, location=location)
    return Payload(ORGANIZATION, unit_id, what.kind, minute(at), what.asset_id, meaning)


def copies(units: Sequence[str] = (UNIT,), versions: Sequence[int] = (1, 2)) -> st.SearchStrategy[Copy]:
    """One copy: a payload in one of two versions, of two subscriptions, of three batches; some clocks run ahead of the batch."""
    ways = list(product(versions, SUBSCRIPTIONS, ("batch 1", "batch 2", "batch 3"), (0, -1, 10, 11)))
    return st.builds(_copy, payloads(units), st.sampled_from(ways))


def _copy(payload: Payload, way: tuple[int, str, str, int]) -> Copy:
    version, source, batch, ahead = way
    return copy_of(payload, version, source, batch, payload.at_us - ahead * MINUTE_US)


def copy_lists(max_size: int = 12, **options: Any) -> st.SearchStrategy[list[Copy]]:  # noqa: ANN401 - options of copies
    """Copies of one unit, at least one."""
    return st.lists(copies(**options), min_size=1, max_size=max_size)


@st.composite
def unit_facts(draw: st.DrawFn, max_size: int = 10, *, assertions: bool = True) -> list[Fact]:
    """Facts of one unit by (time, key), each key once; some of them asserted by an operator."""
    facts = merge_all(draw(st.lists(copies(), max_size=max_size)))
    if not assertions:
        return facts
    by_hand = draw(st.just(0) | st.integers(0, (1 << len(facts)) - 1))
    facts = [asserted(fact) if fact.asset_id and by_hand >> n & 1 else fact for n, fact in enumerate(facts)]
    return sorted(facts, key=lambda fact: (fact.at_us, fact.event_key))


class Delivery(NamedTuple):
    """A delivery and what is in it: `body` is the JSON of these payloads, each in its version."""

    event_batch_id: str
    event_subscription_id: str
    batch_time_us: int
    entries: tuple[tuple[Payload, int], ...]

    @property
    def body(self) -> bytes:
        """The bytes that Datahub would send."""
        return body_of(
            [event_of(payload, version) for payload, version in self.entries],
            event_batch_id=self.event_batch_id,
            event_subscription_id=self.event_subscription_id,
            batch_time_us=self.batch_time_us,
        )


@st.composite
def deliveries(draw: st.DrawFn, units: Sequence[str] = UNITS, max_size: int = 6) -> list[Delivery]:
    """Deliveries in the order of their arrival: batches of up to four events, some of which come again."""
    numbers = st.integers(1, max_size)
    entries = st.lists(st.tuples(payloads(units), st.sampled_from((1, 2))), max_size=4)
    made = [
        Delivery(
            f"31fccdce-725e-4c87-a91b-{draw(numbers):012x}",
            draw(st.sampled_from(SUBSCRIPTIONS)),
            minute(draw(st.integers(0, 20)) - 10),
            tuple(draw(entries)),
        )
        for _ in range(draw(numbers))
    ]
    return draw(st.permutations([*made, *draw(st.lists(st.sampled_from(made), max_size=2))]))


def event_of(payload: Payload, version: int) -> dict[str, Any]:
    """One entry of `eventsData` as Datahub would write it in this version."""
    meaning = payload.meaning
    latitude, longitude = ("lat", "lon") if version == 1 else ("latitude", "longitude")
    place = meaning.location and {latitude: meaning.location.latitude, longitude: meaning.location.longitude}
    data = {
        "registeredOn": time_text(payload.at_us),
        "organizationId": payload.organization_id,
        "assetId": payload.asset_id,
        "unitId": payload.unit_id,
        "status": {"paired": "success", "failed": "failed"}.get(payload.kind),
        "reason": meaning.reason,
        "assetVIN": meaning.asset_vin,
        "sensorVIN": meaning.sensor_vin,
        "candidateAssetIds": list(meaning.candidate_asset_ids) or None,
        "location": place,
    }
    event_type = "unit.unpaired" if payload.kind == "unpaired" else "unit.paired"
    present = {name: value for name, value in data.items() if value is not None}
    return {"eventType": event_type, "eventVersion": version, "eventData": present}


def body_of(
    events: Sequence[Any],
    *,
    event_batch_id: str = "31fccdce-725e-4c87-a91b-3a8e66144641",
    event_subscription_id: str = SUBSCRIPTIONS[0],
    batch_time_us: int = START_US,
) -> bytes:
    """The bytes of a delivery with these entries."""
    return msgspec.json.encode(
        {
            "eventBatchId": event_batch_id,
            "eventSubscriptionId": event_subscription_id,
            "eventBatchTime": time_text(batch_time_us),
            "eventsData": events,
        }
    )

"""The Datahub envelope and its events, v1 and v2: decoded from JSON, checked, and brought to one shape.

Source: the Datahub asset event group, tables "Standard event envelope", "unit.paired event data" (v1 and v2) and
"unit.unpaired event data". The envelope is decoded first, each entry of `eventsData` by itself after it, and `eventData`
in a third, typed step by (eventType, eventVersion). Fields that the tables don't name pass.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal, NamedTuple, TypeVar

import msgspec
from msgspec import Meta, Raw, Struct

from schemas.errors import DrawbarError, InvalidInputError, Problem
from schemas.facts import Kind, Location, Meaning
from schemas.json_faults import DECODE_ERRORS, fault, lone_surrogates_marked
from schemas.wire import ZonedTime, microseconds

# Any 8-4-4-4-12 hex digits: the documented examples hold ids that are no RFC 4122 variant.
UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"
Uuid = Annotated[str, Meta(pattern=UUID_PATTERN)]
# An index of PostgreSQL holds keys of up to 2,704 bytes; 256 characters stay below it in any script.
UnitId = Annotated[str, Meta(min_length=1, max_length=256)]
Latitude = Annotated[float, Meta(ge=-90, le=90)]
Longitude = Annotated[float, Meta(ge=-180, le=180)]

Reason = Literal["ManualPair", "AutoPair", "InvalidData", "NotFound", "MultipleMatchFound", "Unknown"]
SUCCESS_REASONS = ("ManualPair", "AutoPair")


class Envelope(Struct, frozen=True, rename="camel"):
    """The four top-level fields of a batch; the entries stay raw, since each stands for itself."""

    event_batch_id: Uuid
    event_subscription_id: Uuid
    event_batch_time: ZonedTime
    events_data: list[Raw]


class FeedBody(Struct, frozen=True, rename="camel"):
    """An answer of the Feed API; its items are what the entries of `eventsData` are. Source: ZF SCALAR, "Feed API"."""

    items: list[Raw]
    has_next: bool = False


class Event(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of `eventsData`; the payload stays raw until its type and version are known."""

    event_type: Annotated[str, Meta(min_length=1)]
    event_version: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    event_data: Raw


# `+ 0.0` below leaves one of the two zeros of IEEE 754: equal places have equal JSON.
class LocationV1(Struct, frozen=True, gc=False):
    """`location` of version 1."""

    lat: Latitude
    lon: Longitude

    def common(self) -> Location:
        """The one shape for both versions."""
        return Location(self.lat + 0.0, self.lon + 0.0)


class LocationV2(Struct, frozen=True, gc=False):
    """`location` of version 2."""

    latitude: Latitude
    longitude: Longitude

    def common(self) -> Location:
        """The one shape for both versions."""
        return Location(self.latitude + 0.0, self.longitude + 0.0)


class _Paired(Struct, frozen=True, gc=False, rename={"asset_vin": "assetVIN", "sensor_vin": "sensorVIN"}):
    registered_on: ZonedTime = msgspec.field(name="registeredOn")
    organization_id: Uuid = msgspec.field(name="organizationId")
    unit_id: UnitId = msgspec.field(name="unitId")
    status: Literal["success", "failed"]
    reason: Reason
    asset_id: Uuid | None = msgspec.field(name="assetId", default=None)
    asset_vin: str | None = None
    sensor_vin: str | None = None
    candidate_asset_ids: list[Uuid] | None = msgspec.field(name="candidateAssetIds", default=None)


class PairedV1(_Paired, frozen=True, gc=False):
    """`eventData` of unit.paired, version 1."""

    location: LocationV1 | None = None


class PairedV2(_Paired, frozen=True, gc=False):
    """`eventData` of unit.paired, version 2."""

    location: LocationV2 | None = None


class Unpaired(Struct, frozen=True, gc=False, rename={"asset_vin": "assetVIN"}):
    """`eventData` of unit.unpaired, alike in both versions."""

    registered_on: ZonedTime = msgspec.field(name="registeredOn")
    organization_id: Uuid = msgspec.field(name="organizationId")
    asset_id: Uuid = msgspec.field(name="assetId")
    unit_id: UnitId = msgspec.field(name="unitId")
    asset_vin: str | None = None


class Payload(NamedTuple):
    """What an event says, the same for every version."""

    organization_id: str
    unit_id: str
    kind: Kind
    at_us: int
    asset_id: str | None
    meaning: Meaning


class UnknownEventError(DrawbarError):
    """An event type or version that has no decoder: kept, and decoded later, once there is one."""


def clean_vin(text: str | None) -> str | None:
    """A VIN as received, without NUL and outer spaces; nothing left is None."""
    return (text.replace("\x00", "").strip() or None) if text else None


def _refuse(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(message, (Problem(f"$.{field}", message),))


def _time(value: datetime, field: str) -> int:
    try:
        return microseconds(value)
    except InvalidInputError as error:
        raise _refuse(field, error.message) from error


def _paired(event: PairedV1 | PairedV2) -> Payload:
    succeeded = event.status == "success"
    if succeeded and event.asset_id is None:
        raise _refuse("assetId", "Object missing required field `assetId`: a successful pairing names its asset")
    if succeeded != (event.reason in SUCCESS_REASONS):
        raise _refuse("reason", f"Invalid reason {event.reason!r} for status {event.status!r}")
    candidates = event.candidate_asset_ids or ()
    if candidates and event.reason != "MultipleMatchFound":
        raise _refuse("candidateAssetIds", "Only reason 'MultipleMatchFound' has candidateAssetIds")
    return Payload(
        event.organization_id.lower(),
        event.unit_id,
        "paired" if succeeded else "failed",
        _time(event.registered_on, "registeredOn"),
        event.asset_id.lower() if succeeded and event.asset_id else None,
        Meaning(
            event.reason,
            clean_vin(event.asset_vin),
            clean_vin(event.sensor_vin),
            tuple(sorted({candidate.lower() for candidate in candidates})),
            event.location.common() if event.location else None,
        ),
    )


def _unpaired(event: Unpaired) -> Payload:
    return Payload(
        event.organization_id.lower(),
        event.unit_id,
        "unpaired",
        _time(event.registered_on, "registeredOn"),
        event.asset_id.lower(),
        Meaning(asset_vin=clean_vin(event.asset_vin)),
    )


_Shape = TypeVar("_Shape")


def _decoder(shape: type[_Shape], common: Callable[[_Shape], Payload]) -> Callable[[Raw], Payload]:
    decode = msgspec.json.Decoder(shape).decode
    return lambda raw: common(decode(raw))


SHAPES: dict[tuple[str, int], type[Struct]] = {
    ("unit.paired", 1): PairedV1,
    ("unit.paired", 2): PairedV2,
    ("unit.unpaired", 1): Unpaired,
    ("unit.unpaired", 2): Unpaired,
}

DECODERS: dict[tuple[str, int], Callable[[Raw], Payload]] = {
    ("unit.paired", 1): _decoder(PairedV1, _paired),
    ("unit.paired", 2): _decoder(PairedV2, _paired),
    ("unit.unpaired", 1): _decoder(Unpaired, _unpaired),
    ("unit.unpaired", 2): _decoder(Unpaired, _unpaired),
}

_envelope = msgspec.json.Decoder(Envelope)
_feed = msgspec.json.Decoder(FeedBody)
_event = msgspec.json.Decoder(Event)


def decode_envelope(body: bytes) -> Envelope:
    """The envelope of a delivery. Raises InvalidInputError with the path of the first fault."""
    try:
        try:
            envelope = _envelope.decode(body)
        except msgspec.DecodeError:
            envelope = _envelope.decode(lone_surrogates_marked(body))
        _time(envelope.event_batch_time, "eventBatchTime")
    except DECODE_ERRORS as error:
        raise fault(error, "$", lone_surrogates_marked(body), Envelope) from error
    return envelope


def decode_feed_body(body: bytes) -> FeedBody:
    """An answer of the Feed. Raises InvalidInputError with the path of the first fault."""
    try:
        try:
            return _feed.decode(body)
        except msgspec.DecodeError:
            return _feed.decode(lone_surrogates_marked(body))
    except DECODE_ERRORS as error:
        raise fault(error, "$") from error


def decode_event(entry: Raw, path: str) -> Event:
    """The outer fields of one entry of `eventsData`, which stands at `path`. Raises InvalidInputError."""
    try:
        try:
            return _event.decode(entry)
        except msgspec.DecodeError:
            entry = Raw(lone_surrogates_marked(bytes(entry)))
            return _event.decode(entry)
    except DECODE_ERRORS as error:
        raise fault(error, path, entry, Event) from error


def decode_payload(event: Event, path: str) -> Payload:
    """What the event says. Raises UnknownEventError for a type or version without a decoder, InvalidInputError for a bad one."""
    decode = DECODERS.get((event.event_type, event.event_version))
    if decode is None:
        raise UnknownEventError(f"no decoder for {event.event_type!r} version {event.event_version}")
    try:
        return decode(event.event_data)
    except DECODE_ERRORS as error:
        raise fault(error, f"{path}.eventData", event.event_data, SHAPES[event.event_type, event.event_version]) from error

"""Decodes the Datahub envelope and its events, checks them, and brings them to one shape.

The envelope is decoded first, each entry of `eventsData` by itself after it, and `eventData` in a third, typed step by
(eventType, eventVersion).
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec import Raw, Struct

from schemas.errors import DrawbarError, InvalidInputError, Problem
from schemas.events import Envelope, Event, FeedBody, PairedV1, PairedV2, Payload, Unpaired, clean_vin
from schemas.facts import Meaning
from schemas.json_faults import DECODE_ERRORS, fault, lone_surrogates_marked
from schemas.wire import microseconds

SUCCESS_REASONS = ("ManualPair", "AutoPair")


class UnknownEventError(DrawbarError):
    """An event type or version that has no decoder: kept, and decoded later, once there is one."""


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
        raise fault(error, f"{path}.eventData", event.event_data, SHAPES.get((event.event_type, event.event_version))) from error

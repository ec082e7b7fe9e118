"""One delivery as received -> what to keep of it: its envelope, and for each entry a copy, or the reason why it is none.

A delivery is a request to the webhook, a file, or an answer of the Feed, which has no envelope.
"""

import hashlib
from collections.abc import Collection, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec.structs import replace

from handlers.rules.facts import copy_of, digest_id
from schemas.errors import InvalidInputError, Problem
from schemas.event_decoding import UnknownEventError, decode_envelope, decode_event, decode_feed_body, decode_payload
from schemas.events import UUID_PATTERN
from schemas.facts import Copy
from schemas.json_faults import DECODE_ERRORS, as_received, is_json, json_fault, lone_surrogates_marked
from schemas.wire import canonical_json, microseconds

Source = Literal["webhook", "feed", "replay"]
# Datahub's batches have 500 at most. All of a delivery is one transaction, and takes some kilobytes of memory an event.
EVENTS_MAX = 20_000


class Arrival(Struct, frozen=True, gc=False):
    """A delivery as it came: bytes, and all that is known of their way here. `headers` is a JSON object of the kept ones."""

    subscription: str
    source: Source
    received_at_us: int
    body: bytes
    remote: str | None = None
    headers: str = "{}"
    content_type_is_json: bool = True


class Entry(Struct, frozen=True, gc=False):
    """One entry of `eventsData`: a copy of a fact, or `problem` says why not; `ignored` is a type or version without a decoder.

    `bound` marks what the subscription's binding to organizations refused. `organization_id` is '' where it can't be read.
    """

    organization_id: str
    event_type: str | None
    event_version: int | None
    copy: Copy | None
    problem: Problem | None = None
    ignored: bool = False
    bound: bool = False
    raw: bytes | None = None


class Batch(Struct, frozen=True, gc=False):
    """A decoded batch. `batch_key` names eventBatchId and events, `content_key` the whole envelope; equal content, equal key."""

    event_batch_id: str
    event_subscription_id: str
    event_batch_time_us: int
    batch_key: str
    content_key: str
    entries: tuple[Entry, ...]


class Intake(Struct, frozen=True, gc=False):
    """A delivery with its batch, or with the problem for which the body is no batch."""

    arrival: Arrival
    batch: Batch | None
    problem: Problem | None = None
    is_json: bool = True


class _Peek(Struct, rename="camel"):
    organization_id: Annotated[str, Meta(pattern=UUID_PATTERN)]


class _PeekEvent(Struct, rename="camel"):
    event_data: _Peek


_peek = msgspec.json.Decoder(_PeekEvent)
_anything = msgspec.json.Decoder()


def take_in(arrival: Arrival, organizations: Collection[str] = (), events_max: int = EVENTS_MAX) -> Intake:
    """Decode a delivery; every entry stands for itself. `organizations` (lower case) binds the subscription, empty = to none.

    Total: whatever the bytes are, there is an answer. One with more events than `events_max` is no batch, as a whole.
    """
    if not arrival.content_type_is_json:
        return Intake(arrival, None, Problem("$", "expected Content-Type application/json"), is_json=is_json(arrival.body))
    try:
        envelope = decode_envelope(arrival.body)
    except InvalidInputError as error:
        return _no_batch(arrival, error.problems[0])
    if problem := _too_many(len(envelope.events_data), events_max, "$.eventsData"):
        return Intake(arrival, None, problem)
    batch_id, source = envelope.event_batch_id.lower(), envelope.event_subscription_id.lower()
    batch_time_us = microseconds(envelope.event_batch_time)
    batch_key = _batch_key(batch_id, envelope.events_data)
    entries = tuple(
        decode_entry(raw, entry_path("webhook", index), source, batch_key, batch_time_us, organizations)
        for index, raw in enumerate(envelope.events_data)
    )
    content_key = digest_id("", (batch_key, source, batch_time_us), 32)
    return Intake(arrival, Batch(batch_id, source, batch_time_us, batch_key, content_key, entries))


def _no_batch(arrival: Arrival, problem: Problem) -> Intake:
    """That a body can't be read comes before what it would have to say."""
    unreadable = json_fault(arrival.body)
    return Intake(arrival, None, unreadable or problem, is_json=unreadable is None)


def _too_many(number: int, events_max: int, path: str) -> Problem | None:
    return Problem(path, f"has {number} events: at most {events_max} are taken in one delivery") if number > events_max else None


def take_in_feed(arrival: Arrival, feed_id: str, organizations: Collection[str] = (), events_max: int = EVENTS_MAX) -> Intake:
    """Decode an answer of the Feed: a batch of its own, whose source is the feed and whose time is that of its receipt.

    Reading consumes, so no two answers are one batch, whatever is in them; but the same answer offered twice is. Total, as
    `take_in` is.
    """
    try:
        items = decode_feed_body(arrival.body).items
    except InvalidInputError as error:
        return _no_batch(arrival, error.problems[0])
    if problem := _too_many(len(items), events_max, "$.items"):
        return Intake(arrival, None, problem)
    received_at_us = arrival.received_at_us
    batch_id = digest_id("feed_", (feed_id, received_at_us, hashlib.sha256(arrival.body).hexdigest()), 24)
    batch_key = _batch_key(batch_id, items)
    entries = tuple(
        decode_entry(raw, entry_path("feed", index), feed_id, batch_key, received_at_us, organizations)
        for index, raw in enumerate(items)
    )
    content_key = digest_id("", (batch_key, feed_id, received_at_us), 32)
    return Intake(arrival, Batch(batch_id, feed_id, received_at_us, batch_key, content_key, entries))


def entry_path(source: str, index: int) -> str:
    """Where an entry stands in the body of a delivery from such a source."""
    return f"$.items[{index}]" if source == "feed" else f"$.eventsData[{index}]"


def refused(intake: Intake, reason: str) -> Intake:
    """The same delivery with every entry in quarantine for `reason`: for one that decodes but can't be applied."""
    if intake.batch is None:
        return intake
    source, body = intake.arrival.source, intake.arrival.body
    raws = decode_feed_body(body).items if source == "feed" else decode_envelope(body).events_data
    entries = tuple(
        replace(entry, copy=None, ignored=False, problem=Problem(entry_path(source, index), reason), raw=as_received(bytes(raw)))
        for index, (entry, raw) in enumerate(zip(intake.batch.entries, raws, strict=True))
    )
    return replace(intake, batch=replace(intake.batch, entries=entries))


def decode_entry(
    raw: Raw, path: str, source: str, batch_key: str, batch_time_us: int, organizations: Collection[str] = ()
) -> Entry:
    """One entry of a batch, which stands at `path` of the body."""
    event_type: str | None = None
    event_version: int | None = None
    try:
        event = decode_event(raw, path)
        event_type, event_version = event.event_type, event.event_version
        payload = decode_payload(event, path)
    except UnknownEventError:
        return Entry(organization_of(raw), event_type, event_version, None, ignored=True, raw=as_received(bytes(raw)))
    except InvalidInputError as error:
        return Entry(organization_of(raw), event_type, event_version, None, error.problems[0], raw=as_received(bytes(raw)))
    if organizations and payload.organization_id not in organizations:
        problem = Problem(
            f"{path}.eventData.organizationId", f"organization {payload.organization_id} is not one of this subscription's"
        )
        return Entry(payload.organization_id, event_type, event_version, None, problem, bound=True, raw=as_received(bytes(raw)))
    copy = copy_of(payload, event.event_version, source, batch_key, batch_time_us)
    return Entry(payload.organization_id, event_type, event_version, copy)


def organization_of(raw: Raw) -> str:
    """The organization that an entry names, in lower case; '' where none can be read."""
    try:
        return _peek.decode(lone_surrogates_marked(bytes(raw))).event_data.organization_id.lower()
    except DECODE_ERRORS:
        return ""


def _batch_key(event_batch_id: str, entries: Sequence[Raw]) -> str:
    """Batches are compared as decoded JSON, so neither white space nor the order of keys makes two of one."""
    try:
        events = canonical_json(_anything.decode(b"[%s]" % b",".join(entries)))
    except DECODE_ERRORS:  # one by one: an entry that isn't text is compared by its bytes
        events = b"[%s]" % b",".join(map(_canonical, entries))
    return hashlib.sha256(event_batch_id.encode() + events).hexdigest()[:32]


def _canonical(raw: Raw) -> bytes:
    try:
        return canonical_json(_anything.decode(raw))
    except DECODE_ERRORS:
        return bytes(raw)

"""Readings by unit on the wire: what is sent, reading by reading, and what is answered."""

import hashlib
from typing import Any, Literal

from msgspec import UNSET, Raw, Struct, UnsetType

from schemas.asset_sync import Code, HistoricalReading
from schemas.asset_sync_decoding import check_time
from schemas.decimals import decoder
from schemas.errors import at
from schemas.events import UnitId
from schemas.json_faults import DECODE_ERRORS, fault
from schemas.raw_entries import decode_body, raw_entries

READINGS_MAX = 10_000


class UnitReadingEntry(HistoricalReading, frozen=True, gc=False, kw_only=True, rename="camel"):
    """One entry of `readings`: a historical reading of Asset Sync, with a unit's id in place of an asset."""

    unit_id: UnitId


class UnitReadingsRequest(Struct, frozen=True, rename="camel"):
    """The body. With a `syncBatchId`, the same body sent again by the same client adds nothing."""

    readings: list[UnitReadingEntry]
    sync_batch_id: Code | None = None


class UnitReadingFault(Struct, frozen=True, rename="camel"):
    """A reading that wasn't taken, and why; `index` is its place in the request."""

    unit_id: str | None
    message: str
    index: int
    status: Literal["FAILED"] = "FAILED"


class UnitReadingResult(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What became of one reading. `hints` say how a refused value might fit."""

    unit_id: str | None
    status: Literal["ATTRIBUTED", "WAITING", "FAILED"]
    registry_asset_id: str | None
    warnings: tuple[str, ...]
    hints: tuple[str, ...] = ()


class UnitReadingsAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """One result for each reading in the order sent; those that failed stand in `errors` too, with the reason."""

    sync_batch_id: str | UnsetType = UNSET
    results: tuple[UnitReadingResult, ...]
    errors: tuple[UnitReadingFault, ...]


class DecodedReadings(Struct, frozen=True):
    """A request whose body is sound. Each entry is a reading, or says why it isn't one. `body_hash` is SHA-256 in hex."""

    sync_batch_id: str | None
    body_hash: str
    entries: tuple[UnitReadingEntry | UnitReadingFault, ...]


class _Body(Struct, frozen=True, rename="camel"):
    sync_batch_id: Code | None = None
    readings: Raw = Raw(b"null")


class _Identity(Struct, frozen=True, rename="camel"):
    unit_id: Any = None


_decode_body = decoder(_Body).decode
_decode_entry = decoder(UnitReadingEntry).decode
_decode_identity = decoder(_Identity).decode


def decode_readings(body: bytes) -> DecodedReadings:
    """The readings of a request body. InvalidInputError where the body itself is at fault; else a fault is that entry's own."""
    sent = decode_body(body, _decode_body)
    entries = raw_entries(sent.readings, "readings", READINGS_MAX)
    decoded = tuple(_entry(raw, index) for index, raw in enumerate(entries))
    return DecodedReadings(sent.sync_batch_id or None, hashlib.sha256(body).hexdigest(), decoded)


def _entry(raw: Raw, index: int) -> UnitReadingEntry | UnitReadingFault:
    try:
        entry = _decode_entry(raw)
        if entry.value is None and entry.status != "NOT_EQUIPPED":
            raise at("$", "Object missing required field `value`")
        check_time(entry.recorded_at, "$.recordedAt")
    except DECODE_ERRORS as error:
        return UnitReadingFault(_identity(raw), fault(error, f"$.readings[{index}]", raw, UnitReadingEntry).message, index)
    return entry


def _identity(raw: Raw) -> str | None:
    try:
        unit_id = _decode_identity(raw).unit_id
    except DECODE_ERRORS:
        return None
    return unit_id if isinstance(unit_id, str) else None

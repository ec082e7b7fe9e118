"""Decoding a sync: the body by itself, then each asset by itself, so that a fault in one leaves its siblings alone."""

import hashlib
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct

from schemas.asset_sync import ASSETS_MAX, AssetEntry, AssetFailure, Code, CurrentReading, HistoricalReading
from schemas.decimals import decode_hook, decoder
from schemas.errors import InvalidInputError, at
from schemas.json_faults import DECODE_ERRORS, fault
from schemas.raw_entries import decode_body, raw_entries
from schemas.readings import NO_THRESHOLDS, JsonObject, Thresholds
from schemas.wire import microseconds

ID_REQUIRED = "externalAssetId is required"
_LAST_YEAR = 9999  # of a datetime


class DecodedSync(Struct, frozen=True):
    """A sync whose body is sound. Each entry is an asset, or says why it isn't one. `body_hash` is SHA-256 in hex."""

    sync_batch_id: str | None
    body_hash: str
    entries: tuple[AssetEntry | AssetFailure, ...]


class _Body(Struct, frozen=True, rename="camel"):
    sync_batch_id: Code | None = None
    assets: Raw = Raw(b"null")


class _Identity(Struct, frozen=True, rename="camel"):
    external_asset_id: Any = None


_decode_body = decoder(_Body).decode
_decode_entry = decoder(AssetEntry).decode
_decode_identity = decoder(_Identity).decode


def decode_sync(body: bytes, assets_max: int = ASSETS_MAX) -> DecodedSync:
    """The assets of a request body.

    Raises InvalidInputError where the body itself is at fault: no JSON, no object, `assets` missing, empty or longer than
    `assets_max`, or with an entry that is no object. Any other fault is that entry's own.
    """
    sync = decode_body(body, _decode_body)
    assets = raw_entries(sync.assets, "assets", assets_max)
    entries = tuple(_entry(raw, f"$.assets[{index}]") for index, raw in enumerate(assets))
    return DecodedSync(sync.sync_batch_id or None, hashlib.sha256(body).hexdigest(), entries)


def _entry(raw: Raw, path: str) -> AssetEntry | AssetFailure:
    try:
        entry = _decode_entry(raw)
        _check(entry)
    except DECODE_ERRORS as error:
        return _failure(_identity(raw), fault(error, path, raw, AssetEntry).message)
    return entry if entry.external_asset_id.strip() else AssetFailure(None, ID_REQUIRED)


def _failure(identity: object, message: str) -> AssetFailure:
    """Why an entry didn't decode; without an id the documented message comes before any other."""
    if isinstance(identity, str) and identity.strip():
        return AssetFailure(identity, message)
    return AssetFailure(None, ID_REQUIRED if identity is None or isinstance(identity, str) else message)


def _identity(raw: Raw) -> object:
    """What stands as externalAssetId in an entry that doesn't decode; False where even that can't be read."""
    try:
        return _decode_identity(raw).external_asset_id
    except DECODE_ERRORS:
        return False


def _check(entry: AssetEntry) -> None:
    """What the types can't say. Raises InvalidInputError with the path in the entry."""
    for index, meter in enumerate(entry.meters or ()):
        if meter.current_reading is not None:
            _check_reading(meter.current_reading, "$.meters[{}].currentReading", index)
        if meter.installed_at:
            check_time(meter.installed_at, f"$.meters[{index}].installedAt")
        if isinstance(meter.validation_thresholds, dict):
            thresholds_of(meter.validation_thresholds, f"$.meters[{index}].validationThresholds")
    for index, reading in enumerate(entry.meter_readings or ()):
        _check_reading(reading, "$.meterReadings[{}]", index)


def _check_reading(reading: CurrentReading | HistoricalReading, place: str, index: int) -> None:
    """The place is spelt out only for a fault: there are many readings, and nearly none has one."""
    if reading.value is None and reading.status != "NOT_EQUIPPED":
        raise at(place.format(index), "Object missing required field `value`")
    if reading.recorded_at is not None and not 1 < reading.recorded_at.year < _LAST_YEAR:
        check_time(reading.recorded_at, f"{place.format(index)}.recordedAt")


def check_time(time: object, path: str) -> None:
    """Times whose offset takes them out of the years that can be shown in UTC."""
    if isinstance(time, datetime) and not 1 < time.year < _LAST_YEAR:
        try:
            microseconds(time)
        except InvalidInputError as error:
            raise at(path, error.message) from error


def thresholds_of(given: JsonObject, path: str = "$.validationThresholds") -> Thresholds:
    """The bounds that are known among those given. Raises InvalidInputError that names the one that is no bound, under `path`."""
    if not given:
        return NO_THRESHOLDS
    try:
        bounds = msgspec.convert(given, Thresholds, dec_hook=decode_hook)
    except msgspec.ValidationError as error:
        raise fault(error, path) from error
    if bounds.max_delta_per_day is not None and bounds.max_delta_per_day < 0:
        raise at(f"{path}.maxDeltaPerDay", "Expected `number` >= 0")
    if bounds.min is not None and bounds.max is not None and bounds.min > bounds.max:
        raise at(f"{path}.min", "Expected `number` <= max")
    return bounds

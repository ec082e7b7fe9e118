"""Asset Sync on the wire: what is sent, entry by entry, and what is answered.

Source: the Asset Sync tables "Asset Fields", "Meter Assignment", "Current Reading", "Historical Meter Readings" and
"Response Schema". UNSET is a field that wasn't sent, None one that was sent as null: the first leaves what is stored, the
second clears it. Fields that the tables don't name pass.
"""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.assets import AssetStatus, EquipmentStatus
from schemas.decimals import Number
from schemas.readings import JsonObject, ReadingStatus, Source
from schemas.wire import ZonedTime

ASSETS_MAX = 500
# An index of PostgreSQL holds keys of up to 2,704 bytes; 256 characters stay below it in any script.
Code = Annotated[str, Meta(max_length=256)]
RequiredCode = Annotated[str, Meta(min_length=1, max_length=256)]


class CurrentReading(Struct, frozen=True, gc=False, rename="camel"):
    """`currentReading` of a meter. Null is the same as absent. Only a NOT_EQUIPPED reading needs no value: it carries none."""

    value: Number | None = None
    unit: Code | None = None
    recorded_at: ZonedTime | None = None
    source: Source | None = None
    status: ReadingStatus | None = None
    note: str | None = None


class HistoricalReading(CurrentReading, frozen=True, gc=False, kw_only=True, rename="camel"):
    """One entry of `meterReadings`: the fields of CurrentReading, and the meter's code."""

    meter_code: RequiredCode


class MeterEntry(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of `meters`: an assignment, with or without a current reading."""

    meter_code: RequiredCode
    is_active: bool | UnsetType | None = UNSET
    is_applicable: bool | UnsetType | None = UNSET
    equipment_status: EquipmentStatus | UnsetType | None = UNSET
    initial_reading: Number | UnsetType | None = UNSET
    installed_at: ZonedTime | UnsetType | None = UNSET
    expected_from_sync: bool | UnsetType | None = UNSET
    validation_thresholds: JsonObject | UnsetType | None = UNSET
    current_reading: CurrentReading | None = None


class AssetEntry(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of `assets`. `name` is required for an asset that doesn't exist yet; a null `status` is an error."""

    external_asset_id: RequiredCode
    name: str | UnsetType | None = UNSET
    code: Code | UnsetType | None = UNSET
    asset_type_name: Code | UnsetType | None = UNSET
    site_code: Code | UnsetType | None = UNSET
    serial: Code | UnsetType | None = UNSET
    status: AssetStatus | UnsetType = UNSET
    description: str | UnsetType | None = UNSET
    custom_fields: JsonObject | UnsetType | None = UNSET
    meters: list[MeterEntry] | None = None
    meter_readings: list[HistoricalReading] | None = None
    metadata: JsonObject | UnsetType | None = UNSET


class AssetSyncRequest(Struct, frozen=True, rename="camel"):
    """The body of a sync, as documented. It is decoded entry by entry (`schemas.asset_sync_decoding`)."""

    assets: Annotated[list[AssetEntry], Meta(min_length=1, max_length=ASSETS_MAX)]
    sync_batch_id: Code | None = None


class AssetResult(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """What became of one asset. `hints` say how a refused value might fit; they stand beside the documented warnings."""

    external_asset_id: str
    status: Literal["CREATED", "UPDATED", "DISABLED"]
    asset_id: str
    warnings: tuple[str, ...]
    lease_asset_id: int
    hints: tuple[str, ...] = ()


class AssetFailure(Struct, frozen=True, gc=False, rename="camel"):
    """An asset that failed, and why; nothing of it was applied."""

    external_asset_id: str | None
    message: str
    status: Literal["FAILED"] = "FAILED"


class AssetSyncAnswer(Struct, frozen=True, kw_only=True, rename="camel"):
    """The answer of a sync: each entry of the request stands in `results` or in `errors`, in the order sent."""

    sync_batch_id: str | UnsetType = UNSET
    results: tuple[AssetResult, ...]
    errors: tuple[AssetFailure, ...]

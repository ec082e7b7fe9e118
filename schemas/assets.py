"""Assets, meters and the assignments between them: what is stored, and what is shown."""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

from schemas.decimals import Number, decoder
from schemas.readings import JsonObject, ReadingView

AssetStatus = Literal["ACTIVE", "INACTIVE", "RETIRED"]
EquipmentStatus = Literal["UNKNOWN", "EQUIPPED", "NOT_EQUIPPED"]
Origin = Literal["sync", "datahub", "provider"]


class Asset(Struct, frozen=True, gc=False, kw_only=True):
    """An asset of the registry.

    `code_given` tells an explicit code from one that defaulted to the externalAssetId. `retired_at_us` is set while the
    status is RETIRED: the time of the sync that began the retirement. `origin` `datahub` is a provisional asset.
    """

    asset_id: str
    lease_asset_id: int
    external_asset_id: str
    aliases: tuple[str, ...] = ()
    code: str
    code_given: bool = False
    name: str
    asset_type_name: str | None = None
    site_code: str | None = None
    serial: str | None = None
    status: AssetStatus = "ACTIVE"
    description: str | None = None
    custom_fields: JsonObject = field(default_factory=dict)
    metadata: JsonObject | None = None
    location: str | None = None
    location_of_installation: str | None = None
    order_number: str | None = None
    cost_center: str | None = None
    time_zone: str | None = None
    origin: Origin = "sync"
    retired_at_us: int | None = None
    created_at_us: int = 0
    updated_at_us: int = 0


class Meter(Struct, frozen=True, rename="camel"):
    """A meter of an organization: reference data. `code` and `unit` compare exactly."""

    code: str
    unit: str
    name: str | None = None
    type: str | None = None
    subtype: str | None = None


class Assignment(Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    """The explicit layer of an assignment: only the fields that were literally given. UNSET is not given.

    This is the JSON of a column, so that "false" and "nobody said" stay apart.
    """

    is_active: bool | UnsetType = UNSET
    is_applicable: bool | UnsetType = UNSET
    equipment_status: EquipmentStatus | UnsetType = UNSET
    initial_reading: Number | UnsetType = UNSET
    installed_at_us: int | UnsetType = UNSET
    expected_from_sync: bool | UnsetType = UNSET
    validation_thresholds: JsonObject | UnsetType = UNSET


class Explicit(Struct, frozen=True, gc=False):
    """What is stored of an assignment: the explicit layer, and the journal sequence that last set `equipmentStatus` in it."""

    fields: Assignment = Assignment()
    equipment_seq: int | None = None


class EffectiveAssignment(Struct, frozen=True, gc=False):
    """An assignment in its effective values: explicit, else implied, else the default; nothing is active on an inactive asset."""

    is_active: bool = True
    is_applicable: bool = True
    equipment_status: EquipmentStatus = "UNKNOWN"
    initial_reading: Number | None = None
    installed_at_us: int | None = None
    expected_from_sync: bool = False
    validation_thresholds: JsonObject | None = None


class Telematics(Struct, frozen=True, gc=False):
    """Health of a meter that is expected from sync. `counted_seq` is the latest sync, by journal sequence, that counted."""

    last_seen_us: int | None = None
    missing: int = 0
    counted_seq: int = 0


class Change(Struct, frozen=True, gc=False, omit_defaults=True):
    """One field before and after; with a meter code, a field of that assignment. Times are in ISO 8601."""

    name: str = field(name="field")
    before: Any = field(name="from")
    after: Any = field(name="to")
    meter_code: str | None = field(name="meterCode", default=None)


class AssetView(Struct, frozen=True, kw_only=True, rename="camel"):
    """An asset in an answer."""

    organization_id: str
    registry_asset_id: str
    lease_asset_id: int
    external_asset_id: str
    aliases: tuple[str, ...]
    code: str
    name: str
    asset_type_name: str | None
    site_code: str | None
    serial: str | None
    status: AssetStatus
    description: str | None
    custom_fields: JsonObject
    metadata: JsonObject | None
    location: str | None
    location_of_installation: str | None
    order_number: str | None
    cost_center: str | None
    time_zone: str | None
    origin: Origin
    datahub_asset_ids: tuple[str, ...]
    created_at: str
    updated_at: str


class AssetMeterView(Struct, frozen=True, kw_only=True, rename="camel"):
    """A meter of an asset in an answer: the assignment's effective values, and how it is doing."""

    meter_code: str
    unit: str
    is_active: bool
    is_applicable: bool
    equipment_status: EquipmentStatus
    initial_reading: Number | None
    installed_at: str | None
    expected_from_sync: bool
    validation_thresholds: JsonObject | None
    implied_by: tuple[str, ...]
    last_seen_in_sync_at: str | None
    consecutive_missing_syncs: int
    latest_reading: ReadingView | None


decode_assignment = decoder(Assignment).decode

"""What came for meters that didn't exist, as it is shown, and what became of it once they did."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.asset_plans import SyncType
from schemas.assets import EquipmentStatus
from schemas.decimals import Number
from schemas.readings import JsonObject, ReadingStatus, Source
from schemas.references import ReferenceCode
from schemas.registry_records import AttemptState


class HeldReading(Struct, frozen=True, rename="camel"):
    """A reading that is held back; its unit is as sent."""

    value: Number | None
    unit: str | None
    recorded_at: str
    source: Source
    status: ReadingStatus
    note: str | None


class HeldAssignment(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was said of the assignment, and nothing else."""

    is_active: bool | UnsetType = UNSET
    is_applicable: bool | UnsetType = UNSET
    equipment_status: EquipmentStatus | UnsetType = UNSET
    initial_reading: Number | UnsetType = UNSET
    installed_at: str | UnsetType = UNSET
    expected_from_sync: bool | UnsetType = UNSET
    validation_thresholds: JsonObject | UnsetType = UNSET


class MissingMeter(Struct, frozen=True, kw_only=True, rename="camel"):
    """An attempt on a meter that didn't exist; of type PAIRING, which has no id, a meter that units on assets would deliver.

    `units` are how many of those there are. `replayedAt` is when what was held back was applied.
    """

    missing_meter_id: str | None
    organization_id: str
    meter_code: str
    sync_type: SyncType
    state: AttemptState
    registry_asset_id: str | None = None
    external_asset_id: str | None = None
    asset_name: str | None = None
    unit_id: str | None = None
    client_id: str | None = None
    sync_batch_id: str | None = None
    received_at: str | None = None
    resolved_at: str | None = None
    resolved_by: str | None = None
    replayed_at: str | None = None
    assignment: HeldAssignment | None = None
    readings: tuple[HeldReading, ...] = ()
    units: int | UnsetType = UNSET


class Replayed(Struct, frozen=True, rename="camel"):
    """What applying an attempt did: how many readings were taken, and what was warned of.

    `replayed` is false where readings were refused for their unit: they stay held back, and can be tried again.
    """

    missing_meter_id: str
    replayed: bool
    registry_asset_id: str | None
    readings: int
    warnings: tuple[str, ...]


class ReplayRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """The meter whose attempts are applied, oldest first; `cursor` goes on behind those that were tried."""

    meter_code: ReferenceCode
    limit: Annotated[int, Meta(ge=1, le=1000)] = 1000
    cursor: str | None = None


class ReplayAnswer(Struct, frozen=True, rename="camel"):
    """What became of each attempt; `nextCursor` goes on with those behind them."""

    items: tuple[Replayed, ...]
    next_cursor: str | None

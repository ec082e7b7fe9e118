"""What a write to the registry comes to, decided before anything is written."""

from typing import Literal

from msgspec import Struct

from schemas.assets import Asset, Assignment, Change, Explicit, Telematics
from schemas.readings import Reading

SyncType = Literal["ASSIGNMENT", "READINGS", "PAIRING"]
Outcome = Literal["CREATED", "UPDATED", "DISABLED"]


class HeldMeter(Struct, frozen=True, gc=False):
    """What was sent for a meter that doesn't exist, kept so that it can be applied once the meter does.

    `fields` is None where only readings came; `cleared` are the names of those sent as null. A reading's `unit` is as sent.
    `applied`: the fields were, though some reading is still held back.
    """

    meter_code: str
    fields: Assignment | None = None
    readings: tuple[Reading, ...] = ()
    cleared: tuple[str, ...] = ()
    applied: bool = False

    @property
    def sync_type(self) -> SyncType:
        """What kind of attempt it was."""
        return "READINGS" if self.fields is None else "ASSIGNMENT"


class MeterPlan(Struct, frozen=True, gc=False):
    """An assignment whose explicit layer is new or another."""

    meter_code: str
    explicit: Explicit


class MeterCount(Struct, frozen=True, gc=False):
    """The telematics of a meter, counted anew."""

    meter_code: str
    telematics: Telematics


class AssetPlan(Struct, frozen=True, gc=False, kw_only=True):
    """All that one entry writes, and what is answered. `number` is its place in the request.

    `asset` is written if `asset_changed`; `before` is None if it is created, whose ids are then new. `changes` is the audit.
    Warnings on SUSPECT readings are added once the series have been judged.
    """

    number: int
    external_asset_id: str
    outcome: Outcome
    before: Asset | None
    asset: Asset
    asset_changed: bool
    meters: tuple[MeterPlan, ...] = ()
    readings: tuple[Reading, ...] = ()
    counts: tuple[MeterCount, ...] = ()
    held: tuple[HeldMeter, ...] = ()
    changes: tuple[Change, ...] = ()
    warnings: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

"""What the stories of fixtures/stories say of the registry: what is done to it between deliveries, and what must come out.

fixtures/README.md describes the format.
"""

from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from schemas.assets import EquipmentStatus, Origin
from schemas.vin import Advice, Tier


class ExpectedMeter(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A meter of an asset as it holds: what a sync said, else what pairings imply; `readings` are those that count."""

    meter_code: str
    equipment_status: EquipmentStatus
    expected_from_sync: bool
    implied_by: tuple[str, ...] = ()
    readings: tuple[float, ...] = ()


class ExpectedAsset(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An asset of the registry. `former_ids` are the provisional ones that find it as the story is told."""

    external_asset_id: str
    name: str
    origin: Origin
    serial: str | None = None
    datahub_asset_ids: tuple[str, ...] = ()
    former_ids: tuple[str, ...] = ()
    meters: tuple[ExpectedMeter, ...] = ()


class ExpectedMissing(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A meter that doesn't exist, and how many units on assets deliver it."""

    meter_code: str
    units: int


class ExpectedWaiting(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A reading of a unit that no pairing covers."""

    unit_id: str
    meter_code: str
    recorded_at: str


class ExpectedCandidate(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An asset that the sensor of an open case could mean; without `external_asset_id` the registry holds none."""

    tier: Tier
    advice: Advice
    external_asset_id: str | None = None
    asset_id: str | None = None
    named: bool = False


class ExpectedCandidates(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The candidates of a unit's open case, best first."""

    unit_id: str
    suggestion: str | None = None
    candidates: tuple[ExpectedCandidate, ...] = ()


class SyncStep(Struct, frozen=True, kw_only=True, rename="camel", tag="sync", tag_field="kind", forbid_unknown_fields=True):
    """An asset comes by Asset Sync, with null for what is `cleared`; `outcome` and `warnings` say how that is answered."""

    asset: dict[str, Any]
    cleared: tuple[str, ...] = ()
    outcome: Literal["CREATED", "UPDATED"]
    warnings: tuple[str, ...] = ()
    after: str = ""


class _Word(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which asset a Datahub asset is."""

    asset_id: str
    external_asset_id: str
    after: str = ""


class LinkStep(_Word, frozen=True, kw_only=True, rename="camel", tag="link", tag_field="kind", forbid_unknown_fields=True):
    """An operator says which asset a Datahub asset is."""


class UnlinkStep(_Word, frozen=True, kw_only=True, rename="camel", tag="unlink", tag_field="kind", forbid_unknown_fields=True):
    """An operator takes that back."""


class MeterStep(Struct, frozen=True, kw_only=True, rename="camel", tag="meter", tag_field="kind", forbid_unknown_fields=True):
    """A meter is made."""

    code: str
    unit: str
    after: str = ""


class ReadingStep(Struct, frozen=True, kw_only=True, rename="camel", tag="reading", tag_field="kind", forbid_unknown_fields=True):
    """A unit brings a reading; `outcome` is how it is answered."""

    unit_id: str
    meter_code: str
    value: float
    unit: str
    recorded_at: str
    outcome: Literal["ATTRIBUTED", "WAITING"]
    after: str = ""


# What is done to the registry once the batch `after` has arrived; before the first one where none is named. Answers are those of
# the story in its own order: in another one, other things are new and known already.
Step = SyncStep | LinkStep | UnlinkStep | MeterStep | ReadingStep


class Steps(Struct, frozen=True, forbid_unknown_fields=True):
    """All of `registry.toml`, in the order in which it was done."""

    steps: tuple[Step, ...] = ()


class Setting(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """All of `stories/registry.toml`: the meters that there are at first, with their units, and which a type of unit delivers."""

    meters: dict[str, str]
    unit_meters: dict[str, tuple[str, ...]]


class RegistrySeen(Struct):
    """What the registry says: assets by externalAssetId, missing meters by code, waiting readings, and cases by unit."""

    assets: dict[str, ExpectedAsset]
    missing: dict[str, ExpectedMissing]
    waiting: list[ExpectedWaiting]
    cases: dict[str, ExpectedCandidates]

    def apart_from_ids(self) -> "RegistrySeen":
        """The same whatever ids assets got (equal candidates stand in their order) and what was known provisionally."""
        assets = {name: replace(asset, former_ids=()) for name, asset in self.assets.items()}
        cases = {
            unit_id: replace(case, candidates=tuple(sorted(case.candidates, key=repr))) for unit_id, case in self.cases.items()
        }
        return RegistrySeen(assets, self.missing, self.waiting, cases)

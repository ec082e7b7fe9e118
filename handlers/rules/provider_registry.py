"""What a provider's assets and meters are in the registry: names of ours, and entries for its one entrance.

Source: "API integration requirements", "Assets" and "Meters".
"""

from collections.abc import Iterable

from msgspec import UNSET
from msgspec.structs import replace

from handlers.rules.asset_changes import asset_changes
from schemas.asset_plans import AssetPlan
from schemas.asset_sync import AssetEntry
from schemas.assets import Change, Meter
from schemas.provider_records import ProviderAsset, ProviderMeter

# What an index of the registry holds.
CHARACTERS_MAX = 256


def registry_name(provider: str, external_id: str) -> str:
    """The externalAssetId of an asset, and the code of a meter: `provider:external_id`."""
    return f"{provider}:{external_id}"


def is_too_long(provider: str, external_id: str) -> bool:
    """Whether the registry can't hold a thing of this name."""
    return len(registry_name(provider, external_id)) > CHARACTERS_MAX


def asset_entry(provider: str, record: ProviderAsset, before: ProviderAsset | None, *, revived: bool = False) -> AssetEntry:
    """An asset as its provider gives it now. A serial that it gave before and doesn't give any more is cleared.

    `revived` undoes a deactivation. The address stands among the metadata.
    """
    gone = before is not None and before.serial is not None
    address = {} if record.address is None else {"address": record.address}
    return AssetEntry(
        external_asset_id=registry_name(provider, record.external_id),
        name=record.name,
        serial=record.serial or (None if gone else UNSET),
        status="ACTIVE" if revived else UNSET,
        metadata=address | record.metadata,
    )


def provided(plan: AssetPlan, time_zone: str | None, now_us: int) -> AssetPlan:
    """The plan of an entry of a provider: a new asset is the provider's, and it has the time zone that the provider says."""
    asset = replace(plan.asset, time_zone=time_zone)
    if plan.before is None or plan.before.origin == "datahub":
        asset = replace(asset, origin="provider")
    if asset == plan.asset:
        return plan
    # What was planned of assignments stays; what changes of the asset itself is told anew.
    changes = (*asset_changes(plan.before, asset), *(change for change in plan.changes if change.meter_code is not None))
    return replace(plan, asset=replace(asset, updated_at_us=now_us), asset_changed=True, changes=changes)


def meter_of(provider: str, record: ProviderMeter) -> Meter:
    """A meter as reference data of its organization."""
    return Meter(
        code=registry_name(provider, record.external_id),
        unit=record.unit,
        name=record.description,
        type=record.type,
        subtype=record.subtype,
    )


def meter_changes(before: Meter | None, after: Meter) -> list[Change]:
    """What is new of a meter."""
    fields = ("unit", "name", "type", "subtype")
    pairs: Iterable[tuple[str, object, object]] = ((name, getattr(before, name, None), getattr(after, name)) for name in fields)
    return [Change(name, old, new) for name, old, new in pairs if old != new]


def is_own(actor: str, provider: str) -> bool:
    """Whether an actor of kind `provider` is a run of this one."""
    return actor.split(" ", 1)[0] == provider

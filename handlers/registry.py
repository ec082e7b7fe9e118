"""The one entrance to the registry: whoever writes assets, meters or readings (syncs, patches, providers, pairings) does it here.

A write begins with `begin`, which makes it the only one of its organization, plans on a `RegistryView`, and is applied by
`apply`. Everything that changes an asset or an assignment is told in its history, with who did it.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from handlers.links import follow_vins
from handlers.ports import Transaction
from handlers.registry_view import RegistryView
from handlers.registry_writing import Actor, Writing, begin, bounds_of, history_row
from handlers.rules.asset_index import AssetIndex
from handlers.rules.effective import expectation
from handlers.rules.links import vin_of
from handlers.rules.recording import IDS_PER_COMMIT
from handlers.rules.series_change import SeriesChange, numbered, reading_no
from handlers.rules.series_rows import Arrival
from handlers.rules.vin_index import key_changes
from handlers.series import change_series
from schemas.asset_plans import AssetPlan
from schemas.assets import Asset
from schemas.errors import InvalidInputError
from schemas.readings import Mark
from schemas.registry_records import AssetMeterRow, AttemptRow, SeriesKey
from schemas.vin_records import Touched
from schemas.wire import to_json_text

__all__ = ["Actor", "Marks", "Origin", "Writing", "apply", "assignment_row", "begin", "bounds_of"]

# By the (seq, position) of a reading.
Marks = dict[tuple[int, int], Mark]


class Origin(Struct, frozen=True):
    """What a write came in, for the log of missing meters."""

    seq: int
    client_id: str
    sync_batch_id: str | None = None


async def apply(
    tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], view: RegistryView, origin: Origin | None = None
) -> Marks:
    """Write all that plans say, which were made on `view` in their order; what the series make of their readings.

    `origin` is where attempts on meters that don't exist came from.
    """
    final = {plan.asset.asset_id: plan.asset for plan in plans}
    await _write_assets(tx, writing, plans, final)
    await tx.registry.meters.put(writing.organization_id, list(_assignments(plans, view, final)))
    marks = await _write_readings(tx, writing, plans, view)
    if origin is not None:
        await tx.registry.missing_meters.add(list(_attempts(writing, plans, origin)))
    await tx.registry.journal.add_asset_changes(
        writing.organization_id,
        [history_row(writing, plan.asset.asset_id, to_json_text(plan.changes)) for plan in plans if plan.changes],
    )
    vins = sorted(_changed_vins(plans))
    await follow_vins(tx, writing, vins)
    await tx.rescoring.note([Touched(writing.organization_id, "vin", vin) for vin in vins])
    return marks


def _changed_vins(plans: Sequence[AssetPlan]) -> set[str]:
    """The VINs that assets have from now on, or don't have any more."""
    vins: set[str | None] = set()
    for plan in plans:
        before, after = plan.before, plan.asset
        if before is None or (before.serial, before.origin) != (after.serial, after.origin):
            vins |= {vin_of(after.serial), vin_of(before.serial) if before else None}
    return {vin for vin in vins if vin is not None}


async def _write_assets(tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], final: dict[str, Asset]) -> None:
    changed = {plan.asset.asset_id for plan in plans if plan.asset_changed}
    await tx.registry.assets.put(
        writing.organization_id,
        [(asset, vin_of(asset.serial)) for asset_id, asset in final.items() if asset_id in changed],
    )
    identities = {
        identity: plan.asset.asset_id for plan in plans for identity in _identities(plan.asset) - _identities(plan.before)
    }
    await tx.registry.assets.add_identities(writing.organization_id, list(identities.items()))
    await tx.vin_keys.change(writing.organization_id, *key_changes(plans))


def _identities(asset: Asset | None) -> set[str]:
    return {asset.external_asset_id, *asset.aliases} if asset else set()


def _assignments(plans: Sequence[AssetPlan], view: RegistryView, final: dict[str, Asset]) -> Iterator[AssetMeterRow]:
    """The rows that differ: what was said or counted, and whether a meter is expected, which the asset's status decides too."""
    said: dict[str, set[str]] = {}
    counted: dict[str, set[str]] = {}
    for plan in plans:
        said.setdefault(plan.asset.asset_id, set()).update(meter.meter_code for meter in plan.meters)
        counted.setdefault(plan.asset.asset_id, set()).update(count.meter_code for count in plan.counts)
    for asset_id, asset in final.items():
        stored = view.meters.get(asset_id, {})
        for code in sorted(stored.keys() | view.index.explicit(asset_id).keys() | counted[asset_id]):
            row = assignment_row(asset, code, view.index)
            if row != stored.get(code) or code in said[asset_id]:
                yield row


def assignment_row(asset: Asset, code: str, index: AssetIndex) -> AssetMeterRow:
    """What is to be stored of a meter of an asset. Pairings have no say in it: what they imply is looked up when it is asked."""
    layer = index.explicit(asset.asset_id).get(code)
    return AssetMeterRow(asset.asset_id, code, layer, index.telematics(asset.asset_id, code), expectation(layer, asset.status))


async def _write_readings(tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], view: RegistryView) -> Marks:
    changes: dict[SeriesKey, SeriesChange] = {}
    for plan in plans:
        for reading in plan.readings:
            if reading.position >= IDS_PER_COMMIT - 2:
                raise InvalidInputError("more readings than one request can bring")
            change = _change(changes, (plan.asset.asset_id, reading.meter_code), view)
            change.arrivals.append(Arrival(numbered(reading), writing.received_at_us(reading)))
        for meter in plan.meters:
            key = (plan.asset.asset_id, meter.meter_code)
            row = view.meters.get(key[0], {}).get(key[1])
            if bounds_of(row.explicit if row else None) != bounds_of(view.index.explicit(key[0]).get(key[1])):
                _change(changes, key, view).anew = True
    marks = await change_series(tx, writing.organization_id, changes)
    return {(reading.seq, reading.position): marks[reading_no(reading)] for plan in plans for reading in plan.readings}


def _change(changes: dict[SeriesKey, SeriesChange], key: SeriesKey, view: RegistryView) -> SeriesChange:
    if key not in changes:
        changes[key] = SeriesChange(bounds_of(view.index.explicit(key[0]).get(key[1])))
    return changes[key]


def _attempts(writing: Writing, plans: Sequence[AssetPlan], origin: Origin) -> Iterator[AttemptRow]:
    for plan in plans:
        for held in plan.held:
            yield AttemptRow(
                organization_id=writing.organization_id,
                attempt_id=writing.new_number(),
                sync_seq=origin.seq,
                entry=plan.number,
                meter_code=held.meter_code,
                sync_type=held.sync_type,
                state="open",
                asset_id=plan.asset.asset_id,
                external_asset_id=plan.external_asset_id,
                asset_name=plan.asset.name,
                unit_id=None,
                client_id=origin.client_id,
                sync_batch_id=origin.sync_batch_id,
                received_at_us=writing.now_us,
                resolved_at_us=None,
                resolved_by=None,
                replayed_at_us=None,
                held=to_json_text(held),
            )

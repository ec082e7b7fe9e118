"""The one entrance to the registry: whoever writes assets, meters or readings (syncs, patches, providers, pairings) does it here.

A write begins with `begin`, which makes it the only one of its organization, plans on a `RegistryView`, and is applied by
`apply`. Everything that changes an asset or an assignment is told in its history, with who did it.
"""

from collections.abc import Iterator, Sequence

from msgspec import Struct

from handlers.links import follow_assets
from handlers.ports import Transaction
from handlers.registry_view import RegistryView
from handlers.registry_writing import Actor, Writing, begin, bounds_of, history_row
from handlers.rules.asset_index import AssetIndex
from handlers.rules.effective import expectation
from handlers.rules.links import provisional_of, vin_of
from handlers.rules.recording import IDS_PER_COMMIT
from handlers.rules.series_change import SeriesChange, numbered
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

# By the number of a reading.
Marks = dict[int, Mark]


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
    await follow_assets(tx, writing, vins, _taken_over(plans))
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


def _taken_over(plans: Sequence[AssetPlan]) -> list[str]:
    """The Datahub assets whose provisional assets are others now, whatever they were found by."""
    ended = [plan.before for plan in plans if plan.before is not None and plan.before.origin != plan.asset.origin]
    return [datahub_asset_id for asset in ended if (datahub_asset_id := provisional_of(asset)) is not None]


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
    """The rows that can differ: what was said or counted, and all of an asset whose status decides anew what is expected."""
    touched: dict[SeriesKey, None] = {}
    for plan in plans:
        asset_id = plan.asset.asset_id
        if plan.before is None or plan.before.status != plan.asset.status:
            touched.update([((asset_id, code), None) for code in view.meters.get(asset_id, ())])
        touched.update([((asset_id, meter.meter_code), None) for meter in plan.meters])
        touched.update([((asset_id, count.meter_code), None) for count in plan.counts])
    for asset_id, code in touched:
        yield assignment_row(final[asset_id], code, view.index)


def assignment_row(asset: Asset, code: str, index: AssetIndex) -> AssetMeterRow:
    """What is to be stored of a meter of an asset. Pairings have no say in it: what they imply is looked up when it is asked."""
    layer = index.explicit(asset.asset_id).get(code)
    return AssetMeterRow(asset.asset_id, code, layer, index.telematics(asset.asset_id, code), expectation(layer, asset.status))


async def _write_readings(tx: Transaction, writing: Writing, plans: Sequence[AssetPlan], view: RegistryView) -> Marks:
    changes: dict[SeriesKey, SeriesChange] = {}
    for plan in plans:
        asset_id = plan.asset.asset_id
        for reading in plan.readings:
            if reading.position >= IDS_PER_COMMIT - 2:
                raise InvalidInputError("more readings than one request can bring")
            change = _change(changes, (asset_id, reading.meter_code), view)
            change.arrivals.append(Arrival(numbered(reading), writing.received_at_us(reading)))
        for meter in plan.meters:
            key = (asset_id, meter.meter_code)
            row = view.meters.get(asset_id, {}).get(meter.meter_code)
            if bounds_of(row.explicit if row else None) != bounds_of(view.index.explicit(asset_id).get(meter.meter_code)):
                _change(changes, key, view).anew = True
    return await change_series(tx, writing.organization_id, changes)


def _change(changes: dict[SeriesKey, SeriesChange], key: SeriesKey, view: RegistryView) -> SeriesChange:
    change = changes.get(key)
    if change is None:
        change = changes[key] = SeriesChange(bounds_of(view.index.explicit(key[0]).get(key[1])))
    return change


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

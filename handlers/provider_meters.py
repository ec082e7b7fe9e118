"""A provider's meters into the registry: meters of the organization, assigned to their assets. Units come with them."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET, UnsetType

from handlers.asset_sync import new_ids
from handlers.ports import Transaction
from handlers.provider_assets import sync_context
from handlers.provider_context import RunContext, was_deactivated_here
from handlers.registry import Writing, apply
from handlers.registry_view import RegistryView, view_for_entries
from handlers.rules.asset_sync import plan_batch
from handlers.rules.provider_registry import CHARACTERS_MAX, is_too_long, meter_changes, meter_of, registry_name
from schemas.asset_plans import AssetPlan
from schemas.asset_sync import AssetEntry, MeterEntry
from schemas.assets import Meter
from schemas.provider_pages import Outcome, Refusal
from schemas.provider_records import ProviderMeter
from schemas.provider_rows import EntityRow
from schemas.registry_records import HistoryRow
from schemas.wire import canonical_json, to_json_text


async def store_meters(
    tx: Transaction, writing: Writing, run: RunContext, stream: str, records: Sequence[ProviderMeter]
) -> list[Outcome]:
    """What became of each record. One whose asset the provider hasn't delivered waits for it."""
    ids = [record.external_id for record in records]
    entities = tx.providers.entities
    rows = await entities.of_ids(run.organization_id, run.provider, "meters", ids)
    known = {row.external_id: row for row in rows}
    asset_ids = [record.asset_id for record in records]
    assets = {row.external_id for row in await entities.of_ids(run.organization_id, run.provider, "assets", asset_ids)}
    codes = sorted({registry_name(run.provider, external_id) for external_id in ids})
    registered = {meter.code: meter for meter in await tx.registry.references.meters(run.organization_id, codes)}
    said = {row.external_id: row.record for row in rows if row.state == "active"}
    outcomes: list[Outcome] = []
    latest: dict[str, ProviderMeter] = {}
    for record in records:
        refusal = await _refuse(tx, run, record, assets, registered)
        if refusal is not None:
            outcomes.append(refusal)
        elif said.get(record.external_id) == _text(record):
            outcomes.append("unchanged")
        else:
            outcomes.append("updated" if record.external_id in known or record.external_id in said else "created")
            said[record.external_id] = _text(record)
            latest[record.external_id] = record
    await _register(tx, writing, run, registered, latest.values())
    await _assign(tx, writing, run, known, latest)
    await entities.put([_row(run, stream, record, known.get(key)) for key, record in sorted(latest.items())])
    await entities.see(run.organization_id, run.provider, "meters", ids, run.run_id, run.now_us)
    return outcomes


async def deactivate_meters(tx: Transaction, writing: Writing, run: RunContext, rows: Sequence[EntityRow]) -> int:
    """Make meters inactive on their assets that aren't listed any more; how many were active until now."""
    entries = [
        AssetEntry(
            registry_name(run.provider, row.parent_id),
            meters=[MeterEntry(registry_name(run.provider, row.external_id), is_active=False)],
        )
        for row in rows
    ]
    view = await view_for_entries(tx, run.organization_id, entries, run.rules)
    active = [entry for entry in entries if not _is_off(view, entry)]
    plans = plan_batch(active, view.index, sync_context(writing, run), await new_ids(tx, 0))
    await apply(tx, writing, [plan for plan in plans if isinstance(plan, AssetPlan)], view)
    ids = [row.external_id for row in rows]
    await tx.providers.entities.make_absent(run.organization_id, run.provider, "meters", ids, run.now_us)
    return len(active)


async def _refuse(
    tx: Transaction, run: RunContext, record: ProviderMeter, assets: set[str], registered: Mapping[str, Meter]
) -> Refusal | None:
    if is_too_long(run.provider, record.external_id):
        return Refusal(
            "external_id", f"is longer than the registry can hold, {CHARACTERS_MAX} characters with the provider's name"
        )
    if record.asset_id not in assets:
        return Refusal("asset_id", f"the provider has delivered no asset {record.asset_id!r}", waits_for=record.asset_id)
    code = registry_name(run.provider, record.external_id)
    before = registered.get(code)
    if before is not None and before.unit != record.unit and await _has_values(tx, run, code):
        return Refusal(
            "unit", f"is {record.unit!r}, but what is stored of this meter is in {before.unit!r}: nothing is converted"
        )
    return None


async def _has_values(tx: Transaction, run: RunContext, code: str) -> bool:
    return await tx.registry.references.meter_in_use(
        run.organization_id, code, assigned=False
    ) or await tx.providers.usage.has_any(run.organization_id, code)


async def _register(
    tx: Transaction, writing: Writing, run: RunContext, registered: Mapping[str, Meter], records: Iterable[ProviderMeter]
) -> None:
    """Meters that are new or other than they were, with their units."""
    changed: list[HistoryRow] = []
    for record in records:
        meter = meter_of(run.provider, record)
        changes = meter_changes(registered.get(meter.code), meter)
        if not changes:
            continue
        await tx.registry.references.put_meter(run.organization_id, meter)
        number, actor = writing.new_number(), writing.actor
        changed.append(HistoryRow(meter.code, number, run.now_us, actor.kind, actor.name, to_json_text(changes)))
    await tx.registry.journal.add_meter_changes(run.organization_id, changed)


async def _assign(
    tx: Transaction, writing: Writing, run: RunContext, known: Mapping[str, EntityRow], latest: Mapping[str, ProviderMeter]
) -> None:
    """Assign meters to their assets; one that has moved is turned off where it was."""
    wanted = [(registry_name(run.provider, record.asset_id), _code(run, key)) for key, record in latest.items()]
    left = [
        (registry_name(run.provider, known[key].parent_id), _code(run, key))
        for key, record in latest.items()
        if key in known and known[key].parent_id != record.asset_id
    ]
    if not wanted:
        return
    view = await view_for_entries(
        tx, run.organization_id, [AssetEntry(asset, meters=[MeterEntry(code)]) for asset, code in (*wanted, *left)], run.rules
    )
    entries: dict[str, list[MeterEntry]] = {}
    for asset, code in left:
        entries.setdefault(asset, []).append(MeterEntry(code, is_active=False))
    for asset, code in wanted:
        entries.setdefault(asset, []).append(MeterEntry(code, is_active=await _turned_on(tx, run, view, asset, code)))
    plans = plan_batch(
        [AssetEntry(asset, meters=meters) for asset, meters in entries.items()],
        view.index,
        sync_context(writing, run),
        await new_ids(tx, 0),
    )
    await apply(tx, writing, [plan for plan in plans if isinstance(plan, AssetPlan)], view)


async def _turned_on(tx: Transaction, run: RunContext, view: RegistryView, external_asset_id: str, code: str) -> UnsetType | None:
    """None, which takes the word back, where the meter is off on this asset because this provider once said so."""
    asset = view.index.with_identity(external_asset_id)
    if asset is None or not _is_off(view, AssetEntry(external_asset_id, meters=[MeterEntry(code)])):
        return UNSET
    return None if await was_deactivated_here(tx, run, asset.asset_id, code) else UNSET


def _is_off(view: RegistryView, entry: AssetEntry) -> bool:
    """Whether the meters of an entry are explicitly inactive on their asset."""
    asset = view.index.with_identity(entry.external_asset_id)
    layers = view.index.explicit(asset.asset_id) if asset else {}
    return all(meter.meter_code in layers and layers[meter.meter_code].fields.is_active is False for meter in entry.meters or ())


def _row(run: RunContext, stream: str, record: ProviderMeter, before: EntityRow | None) -> EntityRow:
    return EntityRow(
        run.organization_id,
        run.provider,
        "meters",
        record.external_id,
        stream,
        record.asset_id,
        _text(record),
        "active",
        run.run_id,
        run.now_us,
        before.created_at_us if before else run.now_us,
        run.now_us,
        None,
    )


def _code(run: RunContext, external_id: str) -> str:
    return registry_name(run.provider, external_id)


def _text(record: ProviderMeter) -> str:
    return canonical_json(record).decode()

"""A provider's assets into the registry."""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec.structs import replace

from handlers.asset_sync import new_ids
from handlers.ports import Transaction
from handlers.provider_context import RunContext, was_deactivated_here
from handlers.registry import Writing, apply
from handlers.registry_view import view_for_entries
from handlers.rules.asset_sync import plan_batch
from handlers.rules.provider_registry import CHARACTERS_MAX, asset_entry, is_too_long, provided, registry_name
from handlers.rules.sync_context import SyncContext
from schemas.asset_plans import AssetPlan
from schemas.asset_sync import AssetEntry, AssetFailure
from schemas.provider_pages import Outcome, Refusal
from schemas.provider_records import ProviderAsset
from schemas.provider_rows import EntityRow
from schemas.wire import canonical_json

_decode = msgspec.json.Decoder(ProviderAsset).decode


async def store_assets(
    tx: Transaction, writing: Writing, run: RunContext, stream: str, records: Sequence[ProviderAsset]
) -> list[Outcome]:
    """What became of each record. An asset is written when its provider says something new of it, or lists it again."""
    ids = [record.external_id for record in records]
    rows = await tx.providers.entities.of_ids(run.organization_id, run.provider, "assets", ids)
    known = {row.external_id: row for row in rows}
    said = {row.external_id: row.record for row in rows if row.state == "active"}
    outcomes: list[Outcome] = []
    latest: dict[str, ProviderAsset] = {}
    for given in records:
        record = replace(given, time_zone=given.time_zone or run.time_zone)
        outcome = _judge(run, record, said, known)
        outcomes.append(outcome)
        if not isinstance(outcome, Refusal):
            said[record.external_id] = _text(record)
            if outcome != "unchanged":
                latest[record.external_id] = record
    failures = await _write(tx, writing, run, known, latest)
    await _remember(tx, run, stream, known, {key: record for key, record in latest.items() if key not in failures})
    await tx.providers.entities.see(run.organization_id, run.provider, "assets", ids, run.run_id, run.now_us)
    return [
        Refusal("external_id", failures[record.external_id]) if record.external_id in failures else outcome
        for record, outcome in zip(records, outcomes, strict=True)
    ]


async def deactivate_assets(tx: Transaction, writing: Writing, run: RunContext, rows: Sequence[EntityRow]) -> int:
    """Make assets INACTIVE that aren't listed any more; how many were active until now."""
    identities = [registry_name(run.provider, row.external_id) for row in rows]
    assets = await tx.registry.assets.with_identities(run.organization_id, identities)
    active = {identity for asset in assets if asset.status == "ACTIVE" for identity in (asset.external_asset_id, *asset.aliases)}
    entries = [AssetEntry(identity, status="INACTIVE") for identity in identities if identity in active]
    if entries:
        view = await view_for_entries(tx, run.organization_id, entries, run.rules)
        plans = plan_batch(entries, view.index, sync_context(writing, run), await new_ids(tx, 0))
        await apply(tx, writing, [plan for plan in plans if isinstance(plan, AssetPlan)], view)
    ids = [row.external_id for row in rows]
    await tx.providers.entities.make_absent(run.organization_id, run.provider, "assets", ids, run.now_us)
    return len(entries)


def sync_context(writing: Writing, run: RunContext) -> SyncContext:
    """A provider's records are written as those of a sync are, but nothing is missed by them."""
    return SyncContext(writing.seq, run.now_us, run.now_us, "assume", counting=False)


def _judge(run: RunContext, record: ProviderAsset, said: Mapping[str, str], known: Mapping[str, EntityRow]) -> Outcome:
    if is_too_long(run.provider, record.external_id):
        return Refusal(
            "external_id", f"is longer than the registry can hold, {CHARACTERS_MAX} characters with the provider's name"
        )
    if record.serial is not None and len(record.serial) > CHARACTERS_MAX:
        return Refusal("serial", f"is longer than {CHARACTERS_MAX} characters")
    if said.get(record.external_id) == _text(record):
        return "unchanged"
    return "updated" if record.external_id in known or record.external_id in said else "created"


async def _write(
    tx: Transaction,
    writing: Writing,
    run: RunContext,
    known: Mapping[str, EntityRow],
    latest: Mapping[str, ProviderAsset],
) -> dict[str, str]:
    """Write the assets; why some can't be, by their ids."""
    if not latest:
        return {}
    before = {key: _decode(row.record) for key, row in known.items()}
    entries = {key: asset_entry(run.provider, record, before.get(key)) for key, record in latest.items()}
    view = await view_for_entries(tx, run.organization_id, entries.values(), run.rules)
    for key, entry in entries.items():
        asset = view.index.with_identity(entry.external_asset_id)
        was_absent = key in known and known[key].state == "absent"
        if was_absent and asset and asset.status == "INACTIVE" and await was_deactivated_here(tx, run, asset.asset_id):
            entries[key] = replace(entry, status="ACTIVE")
    planned = plan_batch(list(entries.values()), view.index, sync_context(writing, run), await new_ids(tx, view.unknown))
    plans: list[AssetPlan] = []
    failures: dict[str, str] = {}
    for key, plan in zip(entries, planned, strict=True):
        if isinstance(plan, AssetFailure):
            failures[key] = plan.message
        else:
            plans.append(provided(plan, latest[key].time_zone, run.now_us))
    await apply(tx, writing, plans, view)
    return failures


async def _remember(
    tx: Transaction, run: RunContext, stream: str, known: Mapping[str, EntityRow], latest: Mapping[str, ProviderAsset]
) -> None:
    await tx.providers.entities.put(
        [
            EntityRow(
                run.organization_id,
                run.provider,
                "assets",
                key,
                stream,
                "",
                _text(record),
                "active",
                run.run_id,
                run.now_us,
                known[key].created_at_us if key in known else run.now_us,
                run.now_us,
                None,
            )
            for key, record in sorted(latest.items())
        ]
    )


def _text(record: ProviderAsset) -> str:
    return canonical_json(record).decode()

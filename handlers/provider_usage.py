"""A provider's usage into the store: readings and consumption as they were given, readings into the registry's series too."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from handlers.asset_sync import new_ids
from handlers.ports import Transaction
from handlers.provider_assets import sync_context
from handlers.provider_context import RunContext
from handlers.registry import Writing, apply
from handlers.registry_view import view_for_entries
from handlers.rules.asset_sync import plan_batch
from handlers.rules.provider_registry import registry_name
from schemas.asset_plans import AssetPlan
from schemas.asset_sync import AssetEntry, AssetFailure, HistoricalReading
from schemas.errors import DrawbarError
from schemas.provider_pages import CounterKnowledge, Kept, Outcome, Refusal
from schemas.provider_records import ProviderConsumption, ProviderReading
from schemas.provider_rows import CounterRow, UsageKind, UsageRow
from schemas.wire import EPOCH, MICROSECOND, canonical_json

UsageRecord = ProviderReading | ProviderConsumption
Span = tuple[str, int, int]


class _Place(Struct, frozen=True):
    """Where the usage of a meter belongs: its code, and the registry's id of the asset that it is on."""

    code: str
    asset_id: str


async def store_usage(
    tx: Transaction,
    writing: Writing,
    run: RunContext,
    kind: UsageKind,
    records: Sequence[UsageRecord],
    counter: CounterKnowledge | None = None,
    known_until_us: Sequence[int] | None = None,
) -> list[Outcome]:
    """What became of each record. A value that comes again as another one is a revision; what it was stays in the history.

    A span stays with the asset that its meter was on when it was first delivered: a meter that has moved takes nothing along.
    A record whose meter isn't known waits for it. `known_until_us` says of each when it was last delivered: one that is tried
    again doesn't replace what came after that.
    """
    places = await _places(tx, run, records)
    spans = [_span(places[record.meter_id].code, record) for record in records if record.meter_id in places]
    rows = await tx.providers.usage.of_spans(run.organization_id, kind, sorted(set(spans)))
    stored: dict[Span, UsageRow] = {(row.meter_code, row.start_us, row.end_us): row for row in rows}
    current = dict(stored)
    replaced: list[UsageRow] = []
    written: dict[Span, UsageRow] = {}
    outcomes: list[Outcome] = []
    for number, record in enumerate(records):
        place = places.get(record.meter_id)
        if place is None:
            waits = record.meter_id
            outcomes.append(Refusal("meter_id", f"the provider has delivered no meter {waits!r}", waits_for=waits))
            continue
        span = _span(place.code, record)
        before = current.get(span)
        row = _row(run, kind, place.asset_id, span, record, before)
        outcomes.append(_outcome(before, row, None if known_until_us is None else known_until_us[number]))
        if outcomes[-1] == "unchanged":
            continue
        if before is not None:
            replaced.append(before)
        current[span] = written[span] = row
    await tx.providers.usage.add_history(replaced, run.now_us)
    await tx.providers.usage.put([written[span] for span in sorted(written)])
    if kind == "reading":
        await _into_series(tx, writing, run, stored, written)
    if counter is not None:
        await _keep_counters(tx, run, sorted({place.code for place in places.values()}), counter)
    return outcomes


def _outcome(before: UsageRow | None, row: UsageRow, known_until_us: int | None) -> Kept:
    if before is None:
        return "created"
    outdated = known_until_us is not None and before.recorded_at_us > known_until_us
    return "unchanged" if before.said == row.said or outdated else "updated"


async def _places(tx: Transaction, run: RunContext, records: Sequence[UsageRecord]) -> dict[str, _Place]:
    """By the provider's ids of meters: those that are known, with their assets."""
    ids = sorted({record.meter_id for record in records})
    meters = await tx.providers.entities.of_ids(run.organization_id, run.provider, "meters", ids)
    names = sorted({registry_name(run.provider, row.parent_id) for row in meters})
    assets = await tx.registry.assets.with_identities(run.organization_id, names) if names else []
    by_name = {name: asset.asset_id for asset in assets for name in (asset.external_asset_id, *asset.aliases)}
    return {
        row.external_id: _Place(registry_name(run.provider, row.external_id), by_name[name])
        for row in meters
        if (name := registry_name(run.provider, row.parent_id)) in by_name
    }


def _span(code: str, record: UsageRecord) -> Span:
    if isinstance(record, ProviderReading):
        return code, record.at_us, record.at_us
    return code, record.start_us, record.end_us


def _row(run: RunContext, kind: UsageKind, asset_id: str, span: Span, record: UsageRecord, before: UsageRow | None) -> UsageRow:
    return UsageRow(
        run.organization_id,
        span[0],
        kind,
        span[1],
        span[2],
        1 if before is None else before.revision + 1,
        asset_id if before is None else before.asset_id,
        record.value,
        record.redelivery,
        record.production,
        record.cost,
        record.currency,
        None if record.estimated is None else int(record.estimated),
        canonical_json(record.metadata).decode(),
        run.run_id,
        run.now_us,
    )


async def _into_series(
    tx: Transaction,
    writing: Writing,
    run: RunContext,
    stored: Mapping[Span, UsageRow],
    written: Mapping[Span, UsageRow],
) -> None:
    """Readings whose value is new go into the series of their asset."""
    assets = await tx.registry.assets.of_ids(run.organization_id, sorted({row.asset_id for row in written.values()}))
    names = {asset.asset_id: asset.external_asset_id for asset in assets}
    readings: dict[str, list[HistoricalReading]] = {}
    for span in sorted(written):
        row, before = written[span], stored.get(span)
        if before is None or before.value != row.value:
            note = "estimated" if row.estimated else None
            readings.setdefault(names[row.asset_id], []).append(
                HistoricalReading(
                    meter_code=row.meter_code, value=row.value, recorded_at=_time(row.start_us), source="SYNC", note=note
                )
            )
    if not readings:
        return
    entries = [AssetEntry(name, meter_readings=given) for name, given in readings.items()]
    view = await view_for_entries(tx, run.organization_id, entries, run.rules)
    plans = plan_batch(entries, view.index, sync_context(writing, run), await new_ids(tx, 0))
    for plan in plans:
        if isinstance(plan, AssetFailure):
            raise DrawbarError(f"readings of {plan.external_asset_id}: {plan.message}")
    await apply(tx, writing, [plan for plan in plans if isinstance(plan, AssetPlan)], view)


def _time(at_us: int) -> datetime:
    return EPOCH + at_us * MICROSECOND


async def _keep_counters(tx: Transaction, run: RunContext, codes: Sequence[str], counter: CounterKnowledge) -> None:
    await tx.providers.usage.put_counters(
        [
            CounterRow(run.organization_id, code, counter.rollover, counter.reset_to, counter.gap_us_max, counter.granularity)
            for code in codes
        ]
    )

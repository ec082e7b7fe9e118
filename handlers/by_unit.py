"""Readings by unit: kept as the unit's, and put into the series of the asset that the unit was on at their time."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import UNSET

from handlers.ports import Transaction
from handlers.registry import Actor, Writing, assignment_row, begin
from handlers.registry_view import RegistryRules, RegistryView
from handlers.rules.effective import effective
from handlers.rules.series_change import reading_no
from handlers.rules.sync_context import SyncContext
from handlers.rules.sync_messages import inspection_after_retirement, suspect
from handlers.rules.telematics import is_seen_by_unit, seen
from handlers.rules.unit_readings import Taken, take
from handlers.sync_receipts import first_receipt
from handlers.unit_store import Attributed, attribute, kept, locked_units, store_unit_readings
from schemas.asset_plans import HeldMeter, MeterCount
from schemas.readings import Mark
from schemas.registry_records import AttemptRow, SyncRow
from schemas.unit_readings import (
    DecodedReadings,
    UnitReadingEntry,
    UnitReadingFault,
    UnitReadingResult,
    UnitReadingsAnswer,
)
from schemas.wire import to_json_text


async def take_readings(
    tx: Transaction, organization_id: str, sent: DecodedReadings, actor: Actor, rules: RegistryRules, now_us: int
) -> UnitReadingsAnswer:
    """Keep readings of units, and attribute those that a pairing covers.

    A request that came before (same client, syncBatchId and body) adds nothing.
    """
    sound = {index: entry for index, entry in enumerate(sent.entries) if isinstance(entry, UnitReadingEntry)}
    async with locked_units(tx, organization_id, (entry.unit_id for entry in sound.values())):
        writing = await begin(tx, organization_id, actor, now_us)
        first = await first_receipt(tx, writing, sent.sync_batch_id, sent.body_hash)
        taken = await _take(tx, sound, SyncContext(first.seq, first.received_at_us, now_us, rules.missing_unit), organization_id)
        accepted = [index for index, one in taken.items() if one.refused is None]
        attributed, view = await attribute(tx, organization_id, [taken[index].reading for index in accepted], rules)
        belongs = dict(zip(accepted, attributed, strict=True))
        refused = await refusals(tx, writing, attributed)
        for index, one in list(belongs.items()):
            if (why := refused.get(reading_no(one.reading))) is not None:
                taken[index] = taken[index]._replace(refused=why)
                del belongs[index]
        marks = await store_unit_readings(tx, writing, list(belongs.values()), view)
        await _count(tx, view, first, belongs.values())
        await _hold_back(tx, writing, first, [(index, one) for index, one in taken.items() if one.held])
    return _answer(sent, taken, belongs, marks)


async def _take(
    tx: Transaction, entries: Mapping[int, UnitReadingEntry], context: SyncContext, organization_id: str
) -> dict[int, Taken]:
    codes = sorted({entry.meter_code for entry in entries.values()})
    found = await tx.registry.references.meters(organization_id, codes) if codes else []
    meters = {meter.code: meter for meter in found}
    return {index: take(entry, index, meters, context) for index, entry in entries.items()}


async def refusals(tx: Transaction, writing: Writing, attributed: Sequence[Attributed]) -> dict[int, str]:
    """Why readings are refused, by number, since their assets take no new inspections.

    That is judged when they come. What was taken once stays so, wherever it stands now, also when it comes again.
    """
    found = {reading_no(one.reading): why for one in attributed if (why := _refusal(one)) is not None}
    if not found:
        return {}
    known = await kept(tx, writing, [one.reading for one in attributed if reading_no(one.reading) in found])
    return {number: why for number, why in found.items() if number not in known}


def _refusal(one: Attributed) -> str | None:
    retired_at_us = one.asset.retired_at_us if one.asset else None
    if one.reading.source == "INSPECTION" and retired_at_us is not None and one.reading.at_us > retired_at_us:
        return inspection_after_retirement(one.reading, retired_at_us)
    return None


async def _count(tx: Transaction, view: RegistryView, first: SyncRow, kept: Iterable[Attributed]) -> None:
    """What is attributed counts as seen where only a pairing makes the meter expected."""
    rows = {}
    for one in kept:
        if one.asset is None:
            continue
        asset, code = one.asset, one.reading.meter_code
        layer = view.index.explicit(asset.asset_id).get(code)
        values = effective(layer, asset.status, implied=code in view.index.implied(asset.asset_id))
        if is_seen_by_unit(values, layer):
            state = seen(view.index.telematics(asset.asset_id, code), first.seq, first.received_at_us)
            view.index.count(asset.asset_id, MeterCount(code, state))
            rows[asset.asset_id, code] = assignment_row(asset, code, view.index)
    await tx.registry.meters.put(first.organization_id, list(rows.values()))


async def _hold_back(tx: Transaction, writing: Writing, first: SyncRow, held: Sequence[tuple[int, Taken]]) -> None:
    await tx.registry.missing_meters.add(
        [
            AttemptRow(
                organization_id=writing.organization_id,
                attempt_id=writing.new_number(),
                sync_seq=first.seq,
                entry=index,
                meter_code=one.reading.meter_code,
                sync_type="READINGS",
                state="open",
                asset_id=None,
                external_asset_id=None,
                asset_name=None,
                unit_id=one.reading.unit_id,
                client_id=writing.actor.name,
                sync_batch_id=first.sync_batch_id or None,
                received_at_us=writing.now_us,
                resolved_at_us=None,
                resolved_by=None,
                replayed_at_us=None,
                held=to_json_text(HeldMeter(one.reading.meter_code, readings=(one.reading,))),
            )
            for index, one in held
        ]
    )


def _answer(
    sent: DecodedReadings, taken: dict[int, Taken], belongs: dict[int, Attributed], marks: dict[int, Mark]
) -> UnitReadingsAnswer:
    results: list[UnitReadingResult] = []
    errors: list[UnitReadingFault] = []
    for index, entry in enumerate(sent.entries):
        if isinstance(entry, UnitReadingFault):
            results.append(UnitReadingResult(entry.unit_id, "FAILED", None, ()))
            errors.append(entry)
            continue
        _, refused, hint, _ = taken[index]
        if refused is not None:
            results.append(UnitReadingResult(entry.unit_id, "FAILED", None, (refused,), (hint,) if hint else ()))
            errors.append(UnitReadingFault(entry.unit_id, refused, index))
            continue
        reading, asset = belongs[index]
        mark = marks.get(reading_no(reading))
        warnings = (suspect(reading, mark.reason),) if mark and mark.status == "SUSPECT" and mark.reason else ()
        asset_id = asset.asset_id if asset else None
        results.append(UnitReadingResult(entry.unit_id, "ATTRIBUTED" if asset_id else "WAITING", asset_id, warnings))
    return UnitReadingsAnswer(sync_batch_id=sent.sync_batch_id or UNSET, results=tuple(results), errors=tuple(errors))

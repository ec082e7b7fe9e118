"""Missing meters: resolved by hand or by the meter's creation, and what was held back applied once there is the meter."""

from collections.abc import Sequence
from typing import NamedTuple

from msgspec.structs import replace

from handlers.by_unit import refusals
from handlers.ports import Transaction
from handlers.queries.lists import Number, PageAsked, Viewer, cursor_key
from handlers.queries.missing_meters import decode_held, find_attempt, show_attempt
from handlers.references import get_meter
from handlers.registry import Actor, Writing, apply, begin
from handlers.registry_view import RegistryRules, RegistryView, view_of_assets
from handlers.rules.asset_sync import asset_result, plan_held
from handlers.rules.held_meters import LastWords, fields_said, still_said
from handlers.rules.series_change import reading_no
from handlers.rules.sync_context import SyncContext
from handlers.rules.unit_readings import with_unit
from handlers.unit_store import attribute, locked_units, store_unit_readings
from schemas.asset_plans import AssetPlan, HeldMeter
from schemas.assets import Meter
from schemas.errors import ConflictError
from schemas.ids import attempt_text
from schemas.missing_meters import MissingMeter, ReplayAnswer, Replayed, ReplayRequest
from schemas.readings import Reading
from schemas.registry_records import AttemptRow
from schemas.wire import encode_cursor, to_json_text

# So many are in memory at once.
ATTEMPTS_AT_A_TIME = 1000


class _Held(NamedTuple):
    """An attempt with what it held back; `sound` are those of its readings whose unit is right."""

    row: AttemptRow
    held: HeldMeter
    sound: tuple[Reading, ...]
    refused: tuple[str, ...]


async def resolve(tx: Transaction, viewer: Viewer, missing_meter_id: str, actor: Actor, now_us: int) -> MissingMeter:
    """Say that an attempt needs no more looking at; what it held back is kept. NotFoundError, ConflictError if it is resolved."""
    row = await find_attempt(tx, viewer, missing_meter_id)
    await tx.registry.assets.lock(row.organization_id)
    row = await find_attempt(tx, viewer, missing_meter_id)
    if row.state == "resolved":
        raise ConflictError("the missing meter is resolved already")
    await tx.registry.missing_meters.resolve(row.organization_id, row.attempt_id, now_us, actor.name)
    return show_attempt(await find_attempt(tx, viewer, missing_meter_id))


async def replay(
    tx: Transaction, viewer: Viewer, missing_meter_id: str, actor: Actor, rules: RegistryRules, now_us: int
) -> Replayed:
    """Apply what one attempt held back; doing it again changes nothing. NotFoundError, ConflictError without the meter."""
    row = await find_attempt(tx, viewer, missing_meter_id)
    if not await tx.registry.references.meters(row.organization_id, [row.meter_code]):
        raise ConflictError(f"there is no meter {row.meter_code!r} yet")
    (replayed,) = await _replay(tx, row.organization_id, [row], actor, rules, now_us)
    return replayed


async def replay_meter(
    tx: Transaction, organization_id: str, asked: ReplayRequest, actor: Actor, rules: RegistryRules, now_us: int
) -> ReplayAnswer:
    """Apply what attempts on one meter held back that wasn't applied yet, oldest first. NotFoundError without the meter."""
    await get_meter(tx, organization_id, asked.meter_code)
    (after,) = cursor_key(PageAsked(asked.limit, asked.cursor), tuple[Number], (0,))
    rows = await tx.registry.missing_meters.unapplied(organization_id, asked.meter_code, after, asked.limit + 1)
    shown = rows[: asked.limit]
    items = await _replay(tx, organization_id, shown, actor, rules, now_us) if shown else []
    return ReplayAnswer(tuple(items), encode_cursor((shown[-1].attempt_id,)) if rows[asked.limit :] else None)


async def _replay(
    tx: Transaction,
    organization_id: str,
    rows: Sequence[AttemptRow],
    actor: Actor,
    rules: RegistryRules,
    now_us: int,
) -> list[Replayed]:
    """Attempts on one meter that exists."""
    async with locked_units(tx, organization_id, (row.unit_id for row in rows if row.unit_id is not None)):
        writing = await begin(tx, organization_id, actor, now_us)
        writing.receipts.update((row.sync_seq, row.received_at_us) for row in rows)
        meter = await get_meter(tx, organization_id, rows[0].meter_code)
        attempts = [_read(row, meter, rules, now_us) for row in rows]
        done = {
            **await _replay_assets(tx, writing, [one for one in attempts if one.row.unit_id is None], rules),
            **await _replay_units(tx, writing, [one for one in attempts if one.row.unit_id is not None], rules),
        }
        for one in attempts:
            await tx.registry.missing_meters.resolve(organization_id, one.row.attempt_id, now_us, actor.name)
            if not one.refused and one.row.replayed_at_us is None:
                await tx.registry.missing_meters.mark_replayed(organization_id, one.row.attempt_id, now_us)
            elif one.held.fields is not None:
                applied = to_json_text(replace(decode_held(one.row.held), applied=True))
                await tx.registry.missing_meters.put_held(organization_id, one.row.attempt_id, applied)
    return [done[row.attempt_id] for row in rows]


def _read(row: AttemptRow, meter: Meter, rules: RegistryRules, now_us: int) -> _Held:
    held = decode_held(row.held)
    if row.replayed_at_us is not None or held.applied:  # what was said of the assignment may have been taken back since
        held = replace(held, fields=None)
    taken = [with_unit(reading, meter, _context(row, rules, now_us)) for reading in held.readings]
    refused = dict.fromkeys(one.refused for one in taken if one.refused is not None)
    return _Held(row, held, tuple(one.reading for one in taken if one.refused is None), tuple(refused))


def _context(row: AttemptRow, rules: RegistryRules, now_us: int) -> SyncContext:
    return SyncContext(row.sync_seq, row.received_at_us, now_us, rules.missing_unit)


async def _replay_assets(
    tx: Transaction, writing: Writing, attempts: Sequence[_Held], rules: RegistryRules
) -> dict[int, Replayed]:
    if not attempts:
        return {}
    code = attempts[0].row.meter_code
    asset_ids = sorted({one.row.asset_id or "" for one in attempts})
    view = await view_of_assets(tx, writing.organization_id, asset_ids, [code], rules)
    last = await _last_words(tx, writing.organization_id, code, asset_ids, min(one.row.attempt_id for one in attempts))
    plans = [(one, _plan(one, view, last, rules, writing.now_us)) for one in attempts]
    marks = await apply(tx, writing, [plan for _, plan in plans], view)
    return {
        one.row.attempt_id: Replayed(
            attempt_text(one.row.attempt_id),
            not one.refused,
            one.row.asset_id,
            len(plan.readings),
            asset_result(plan, marks).warnings,
        )
        for one, plan in plans
    }


async def _last_words(
    tx: Transaction, organization_id: str, meter_code: str, asset_ids: Sequence[str], after: int
) -> dict[tuple[str, str], int]:
    """Of each field of assets' assignments of a meter the last attempt, of those after a number, that said something of it."""
    last: dict[tuple[str, str], int] = {}
    while page := await tx.registry.missing_meters.assignments(organization_id, meter_code, asset_ids, after, ATTEMPTS_AT_A_TIME):
        for attempt_id, asset_id, held in page:
            last.update(((asset_id, name), attempt_id) for name in fields_said(decode_held(held)))
        after = page[-1][0]
    return last


def _plan(one: _Held, view: RegistryView, last: LastWords, rules: RegistryRules, now_us: int) -> AssetPlan:
    (asset,) = (asset for asset in view.index.assets() if asset.asset_id == one.row.asset_id)
    held = still_said(one.held, asset.asset_id, one.row.attempt_id, last)
    return plan_held(held, asset, view.index, _context(one.row, rules, now_us))


async def _replay_units(
    tx: Transaction, writing: Writing, attempts: Sequence[_Held], rules: RegistryRules
) -> dict[int, Replayed]:
    if not attempts:
        return {}
    readings = [reading for one in attempts for reading in one.sound]
    attributed, view = await attribute(tx, writing.organization_id, readings, rules)
    refused = await refusals(tx, writing, attributed)
    taken = [one for one in attributed if reading_no(one.reading) not in refused]
    await store_unit_readings(tx, writing, taken, view)
    belongs = {(one.reading.seq, one.reading.position): one for one in attributed}
    replayed = {}
    for one in attempts:
        found = [belongs[reading.seq, reading.position] for reading in one.sound]
        told = [refused[number] for each in found if (number := reading_no(each.reading)) in refused]
        assets = [each.asset.asset_id for each in found if each.asset is not None]
        replayed[one.row.attempt_id] = Replayed(
            attempt_text(one.row.attempt_id),
            not one.refused,
            assets[0] if assets else None,
            len(found) - len(told),
            (*one.refused, *told),
        )
    return replayed

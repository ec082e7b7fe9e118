"""Missing meters as they are shown: attempts of syncs and by unit, and what pairings would imply if the meter existed."""

from typing import Annotated

from msgspec import UNSET, Meta

from handlers.ports import Transaction
from handlers.queries.lists import NEWEST, Filter, Number, PageAsked, Text, Viewer, cursor_key
from handlers.rules.implied import UnitMeters
from schemas.asset_plans import HeldMeter
from schemas.assets import Assignment
from schemas.decimals import decoder
from schemas.errors import NotFoundError
from schemas.ids import attempt_text, number
from schemas.missing_meters import HeldAssignment, HeldReading, MissingMeter
from schemas.pages import Page
from schemas.readings import Reading
from schemas.registry_records import AttemptRow, AttemptState
from schemas.wire import encode_cursor, optional_time_text, time_text

decode_held = decoder(HeldMeter).decode


class MissingMeterFilter(Filter, frozen=True, kw_only=True):
    """Parameters of the list of missing meters."""

    state: Annotated[AttemptState | None, Meta(description="Attempts in this state.")] = None
    meter_code: Annotated[
        Annotated[str, Meta(max_length=256)] | None, Meta(description="Attempts on a meter with exactly this code.")
    ] = None


async def list_missing_meters(
    tx: Transaction, viewer: Viewer, asked: MissingMeterFilter, unit_meters: UnitMeters, page: PageAsked
) -> Page[MissingMeter]:
    """What pairings imply, by organization and code, then attempts, newest first."""
    # Of attempts those before a number; 0 while there can be more that pairings imply.
    organization_id, code, before = cursor_key(page, tuple[Text, Text, Number], ("", "", 0))
    items: list[MissingMeter] = []
    if before == 0 and asked.state != "resolved":
        implied = await _implied(tx, viewer, asked.meter_code, unit_meters)
        items = [item for item in implied if (item.organization_id, item.meter_code) > (organization_id, code)]
    if len(items) > page.limit:
        last = items[page.limit - 1]
        return Page(tuple(items[: page.limit]), encode_cursor((last.organization_id, last.meter_code, 0)))
    rows = await tx.registry.missing_meters.list_attempts(
        before or NEWEST,
        page.limit - len(items) + 1,
        viewer.organization_id,
        state=asked.state,
        meter_code=asked.meter_code,
    )
    shown = rows[: page.limit - len(items)]
    more = len(rows) > len(shown)
    items += map(show_attempt, shown)
    return Page(tuple(items), encode_cursor(("", "", shown[-1].attempt_id if shown else NEWEST)) if more else None)


async def find_attempt(tx: Transaction, viewer: Viewer, missing_meter_id: str) -> AttemptRow:
    """An attempt that may be seen. NotFoundError for any other."""
    row = await tx.registry.missing_meters.find(number(missing_meter_id, "mis_"), viewer.organization_id)
    if row is None:
        raise NotFoundError(f"there is no missing meter {missing_meter_id!r}")
    return row


def show_attempt(row: AttemptRow) -> MissingMeter:
    """An attempt on the wire."""
    held = decode_held(row.held)
    return MissingMeter(
        missing_meter_id=attempt_text(row.attempt_id),
        organization_id=row.organization_id,
        meter_code=row.meter_code,
        sync_type=row.sync_type,
        state=row.state,
        registry_asset_id=row.asset_id,
        external_asset_id=row.external_asset_id,
        asset_name=row.asset_name,
        unit_id=row.unit_id,
        client_id=row.client_id,
        sync_batch_id=row.sync_batch_id,
        received_at=time_text(row.received_at_us),
        resolved_at=optional_time_text(row.resolved_at_us),
        resolved_by=row.resolved_by,
        replayed_at=optional_time_text(row.replayed_at_us),
        assignment=None if held.fields is None else _assignment(held.fields),
        readings=tuple(map(_reading, held.readings)),
    )


async def _implied(tx: Transaction, viewer: Viewer, meter_code: str | None, unit_meters: UnitMeters) -> list[MissingMeter]:
    """The meters that units on assets deliver by the settings, and that don't exist."""
    if not unit_meters:
        return []
    units: dict[tuple[str, str], int] = {}
    for organization_id, unit_type, count in await tx.registry.assets.paired_types(viewer.organization_id, sorted(unit_meters)):
        for code in unit_meters[unit_type]:
            if meter_code in {None, code}:
                units[organization_id, code] = units.get((organization_id, code), 0) + count
    missing = []
    for organization_id in sorted({key[0] for key in units}):
        codes = sorted(code for owner, code in units if owner == organization_id)
        existing = {meter.code for meter in await tx.registry.references.meters(organization_id, codes)}
        missing += [
            MissingMeter(
                missing_meter_id=None,
                organization_id=organization_id,
                meter_code=code,
                sync_type="PAIRING",
                state="open",
                units=units[organization_id, code],
            )
            for code in codes
            if code not in existing
        ]
    return missing


def _assignment(fields: Assignment) -> HeldAssignment:
    return HeldAssignment(
        is_active=fields.is_active,
        is_applicable=fields.is_applicable,
        equipment_status=fields.equipment_status,
        initial_reading=fields.initial_reading,
        installed_at=UNSET if fields.installed_at_us is UNSET else time_text(fields.installed_at_us),
        expected_from_sync=fields.expected_from_sync,
        validation_thresholds=fields.validation_thresholds,
    )


def _reading(reading: Reading) -> HeldReading:
    return HeldReading(reading.value, reading.unit, time_text(reading.at_us), reading.source, reading.status, reading.note)

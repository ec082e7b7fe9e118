"""Stories of the registry, done to a store through the use cases, and what the registry says afterwards."""

from handlers.asset_sync import sync_assets
from handlers.by_unit import take_readings
from handlers.links import link_explicitly, unlink
from handlers.ports import Transaction
from handlers.queries.asset_meters import list_asset_meters
from handlers.queries.assets import find_registry_asset
from handlers.queries.cases import CaseFilter, list_cases
from handlers.queries.lists import PageAsked, Viewer
from handlers.queries.missing_meters import MissingMeterFilter, list_missing_meters
from handlers.queries.readings import ReadingFilter, WaitingFilter, list_readings, list_waiting
from handlers.queries.registry import AssetFilter, list_assets
from handlers.references import put_meter
from handlers.registry import Actor, begin
from handlers.registry_view import RegistryRules
from handlers.rules.implied import UnitMeters
from schemas.asset_sync_decoding import decode_sync
from schemas.assets import AssetView, Meter
from schemas.unit_readings import decode_readings
from schemas.vin import Candidate
from schemas.wire import to_json
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.store import NOW_US
from tests.support.stories import load_setting
from tests.support.story_registry import (
    ExpectedAsset,
    ExpectedCandidate,
    ExpectedCandidates,
    ExpectedMeter,
    ExpectedMissing,
    ExpectedWaiting,
    LinkStep,
    MeterStep,
    ReadingStep,
    RegistrySeen,
    Step,
    SyncStep,
)

ANNA = Actor("client", "anna")
VIEWER = Viewer(ORGANIZATION, operator=False)
ALL = PageAsked(1000, None)
SETTING = load_setting()
UNIT_METERS: UnitMeters = SETTING.unit_meters
RULES = RegistryRules(unit_meters=UNIT_METERS)


async def begin_story(store: DatabaseStore) -> None:
    """The meters that there are before anything happens."""
    for code, unit in SETTING.meters.items():
        await store.write(lambda tx, code=code, unit=unit: put_meter(tx, ORGANIZATION, Meter(code, unit), ANNA, NOW_US))  # type: ignore[misc] # bound early


async def do(store: DatabaseStore, step: Step) -> tuple[str, tuple[str, ...]]:
    """Do it; the outcome of a sync or a reading, and the warnings about it."""

    async def work(tx: Transaction) -> tuple[str, tuple[str, ...]]:
        match step:
            case SyncStep():
                sent = decode_sync(to_json({"assets": [{**step.asset, **dict.fromkeys(step.cleared)}]}))
                answer = (await sync_assets(tx, ORGANIZATION, sent, ANNA, RULES, NOW_US)).answer
                assert answer.errors == ()
                (result,) = answer.results
                return result.status, result.warnings
            case ReadingStep():
                told = {"unitId": step.unit_id, "meterCode": step.meter_code, "value": step.value, "unit": step.unit}
                read = decode_readings(to_json({"readings": [{**told, "recordedAt": step.recorded_at}]}))
                (taken,) = (await take_readings(tx, ORGANIZATION, read, ANNA, RULES, NOW_US)).results
                return taken.status, taken.warnings
            case MeterStep():
                await put_meter(tx, ORGANIZATION, Meter(step.code, step.unit), ANNA, NOW_US)
            case _:
                row = await find_registry_asset(tx, VIEWER, step.external_asset_id)
                writing = await begin(tx, ORGANIZATION, ANNA, NOW_US)
                say = link_explicitly if isinstance(step, LinkStep) else unlink
                await say(tx, writing, step.asset_id, row.asset.asset_id)
        return "", ()

    return await store.write(work)


async def look(store: DatabaseStore) -> RegistrySeen:
    """What the registry of the organization says, by the ids that it was given."""

    async def work(tx: Transaction) -> RegistrySeen:
        assets = (await list_assets(tx, VIEWER, AssetFilter(), ALL)).items
        names = {asset.registry_asset_id: asset.external_asset_id for asset in assets}
        missing = (await list_missing_meters(tx, VIEWER, MissingMeterFilter(), UNIT_METERS, ALL)).items
        waiting = (await list_waiting(tx, VIEWER, WaitingFilter(), ALL)).items
        cases = (await list_cases(tx, VIEWER, CaseFilter(state="unresolved"), ALL, NOW_US)).items
        return RegistrySeen(
            {asset.external_asset_id: await _asset(tx, asset) for asset in assets},
            {one.meter_code: ExpectedMissing(meter_code=one.meter_code, units=one.units or 0) for one in missing},
            sorted(
                (ExpectedWaiting(unit_id=one.unit_id, meter_code=one.meter_code, recorded_at=one.recorded_at) for one in waiting),
                key=repr,
            ),
            {
                case.unit_id: ExpectedCandidates(
                    unit_id=case.unit_id,
                    suggestion=names[case.suggestion] if case.suggestion else None,
                    candidates=tuple(_candidate(one, names) for one in case.candidates),
                )
                for case in cases
            },
        )

    return await store.read(work)


async def _asset(tx: Transaction, asset: AssetView) -> ExpectedAsset:
    meters = (await list_asset_meters(tx, VIEWER, asset.registry_asset_id, UNIT_METERS, ALL)).items
    return ExpectedAsset(
        external_asset_id=asset.external_asset_id,
        name=asset.name,
        origin=asset.origin,
        serial=asset.serial,
        datahub_asset_ids=asset.datahub_asset_ids,
        former_ids=asset.aliases,
        meters=tuple(
            [
                ExpectedMeter(
                    meter_code=meter.meter_code,
                    equipment_status=meter.equipment_status,
                    expected_from_sync=meter.expected_from_sync,
                    implied_by=meter.implied_by,
                    readings=await _values(tx, asset.registry_asset_id, meter.meter_code),
                )
                for meter in meters
            ]
        ),
    )


async def _values(tx: Transaction, asset_id: str, code: str) -> tuple[float, ...]:
    readings = await list_readings(tx, VIEWER, asset_id, code, ReadingFilter(), ALL)
    return tuple(float(one.value) for one in readings.items if one.value is not None)


def _candidate(one: Candidate, names: dict[str, str]) -> ExpectedCandidate:
    known = names[one.registry_asset_id] if one.registry_asset_id else None
    return ExpectedCandidate(tier=one.tier, advice=one.advice, external_asset_id=known, asset_id=one.asset_id, named=one.named)

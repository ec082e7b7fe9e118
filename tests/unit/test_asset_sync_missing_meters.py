"""What names a meter that doesn't exist: warned of, held back, and applied once the meter does exist."""

from decimal import Decimal

import pytest

from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_sync import plan_held
from handlers.rules.sync_context import SyncContext
from tests.support.registry_model import METERS, RegistryModel
from tests.support.sync_bodies import FULL_METER, KM, TIME, UNKNOWN_METER, current, history, mismatch


@pytest.mark.parametrize("code", ["ODOMETER", "odometer_km", "ODOMETER_KM_H", " ODOMETER_KM"])
def test_meter_codes_are_exact(code: str) -> None:
    """A meter is found by its exact code; any other leaves the asset, the documented warning, and everything held back."""
    registry = RegistryModel()
    result = registry.put(meters=[FULL_METER | {"meterCode": code} | {"currentReading": {"value": 1, "recordedAt": TIME}}])
    assert (result["status"], result["warnings"]) == ("CREATED", [UNKNOWN_METER.format(code)])
    assert registry.index.explicit(registry.asset().asset_id) == {}
    assert registry.plans[0].readings == ()
    (held,) = registry.plans[0].held
    assert (held.meter_code, held.sync_type) == (code, "ASSIGNMENT")
    assert [(reading.value, reading.unit) for reading in held.readings] == [(Decimal(1), None)]


def test_readings_of_a_missing_meter_are_held() -> None:
    """Readings of an unknown meter leave one warning and one attempt, with all of them in it."""
    registry = RegistryModel()
    result = registry.put(meterReadings=[reading | {"meterCode": "X"} for reading in history(1, 2, 3)])
    assert result["warnings"] == [UNKNOWN_METER.format("X")]
    (held,) = registry.plans[0].held
    assert (held.sync_type, held.fields) == ("READINGS", None)
    assert [(reading.value, reading.position) for reading in held.readings] == [(Decimal(1), 0), (Decimal(2), 1), (Decimal(3), 2)]


def test_what_was_held_can_be_applied() -> None:
    """Once the meter exists, an attempt applies as if it had existed then; what was said since stands, and units are checked."""
    registry = RegistryModel(meters=())
    registry.put(
        meters=[FULL_METER | current()[0], {"meterCode": KM, "isActive": True}],
        meterReadings=history(24000) + history(7, unit="MI"),
    )
    (held,), asset = registry.plans[0].held, registry.asset()
    index = AssetIndex(assets=[asset], meters=METERS)
    context = SyncContext(1, registry.plans[0].asset.created_at_us, registry.plans[0].asset.created_at_us)
    plan = plan_held(held, asset, index, context)
    assert [(reading.value, reading.seq, reading.position) for reading in plan.readings] == [
        (Decimal(25000), 1, 2),
        (Decimal(24000), 1, 0),
    ]
    assert plan.warnings == (mismatch("KM", "MI"),)
    assert (plan.counts, plan.held) == ((), ())
    assert plan.meters[0].explicit.fields.is_active is True
    assert plan.meters[0].explicit.equipment_seq == 1

    later = RegistryModel(assets=[asset])
    later.put(meters=[{"meterCode": KM, "initialReading": 7, "isApplicable": True}])
    plan = plan_held(held, later.asset(), later.index, context)
    assert (later.meter().initial_reading, later.meter().is_applicable, later.meter().is_active) == (Decimal(7), True, True)
    assert later.meter().equipment_status == "EQUIPPED"


def test_holding_back_again_while_the_meter_is_missing() -> None:
    """Applying an attempt while its meter is still missing holds all of it back again."""
    registry = RegistryModel(meters=())
    registry.put(meters=current())
    (held,), asset = registry.plans[0].held, registry.asset()
    plan = plan_held(held, asset, registry.index, SyncContext(1, 0, 0))
    assert (plan.readings, plan.meters, plan.held) == ((), (), (held,))

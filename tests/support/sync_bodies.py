"""Parts of sync bodies, and the documented texts that answer them."""

from typing import Any

KM, TIME = "ODOMETER_KM", "2024-11-18T10:30:00Z"
MISSING_UNIT = f"Unit is required for meter '{KM}'. Please specify the unit in your sync payload."
UNKNOWN_METER = "Meter with exact code '{}' not found. Please create the meter in Admin → Meters → Missing Meters before syncing."
FULL_METER: dict[str, Any] = {
    "meterCode": KM,
    "isActive": False,
    "isApplicable": False,
    "equipmentStatus": "EQUIPPED",
    "initialReading": 15000.5,
    "installedAt": "2020-01-15T02:00:00+02:00",
    "expectedFromSync": True,
    "validationThresholds": {"maxDeltaPerDay": 1000},
}


def mismatch(expected: str, received: str, code: str = KM) -> str:
    """The documented warning on a reading in another unit."""
    refused = f"Unit mismatch for meter '{code}': expected '{expected}', received '{received}'."
    return f"{refused} Reading rejected to prevent data corruption."


def current(value: object = 25000, **fields: object) -> list[dict[str, object]]:
    """A `meters` array with a current reading of the odometer."""
    return [{"meterCode": KM, "currentReading": {"value": value, "unit": "KM", "recordedAt": TIME, **fields}}]


def history(*values: object, **fields: object) -> list[dict[str, object]]:
    """A `meterReadings` array with hourly readings of the odometer."""
    hours = [f"2024-11-17T{hour:02}:00:00Z" for hour in range(len(values))]
    return [
        {"meterCode": KM, "value": value, "unit": "KM", "recordedAt": hour, **fields}
        for value, hour in zip(values, hours, strict=True)
    ]

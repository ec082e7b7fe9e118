"""Cases as rows of a CSV file: what a person needs to pair the units in SCALAR, safe to open in a spreadsheet."""

from collections.abc import Iterable

from handlers.rules.views import serial_number, unit_type
from receiver.pairing_table import Cell, csv_row
from schemas.answers import Case

HEADER = (
    "caseId",
    "organizationId",
    "unitId",
    "unitType",
    "serialNumber",
    "state",
    "reason",
    "sensorVin",
    "attempts",
    "firstSeenAt",
    "lastSeenAt",
    "deadline",
    "retryUntil",
    "resolvedAt",
    "resolvedBy",
    "pairedAssetId",
    "pairedAssetVin",
    "bestAssetId",
    "bestRegistryAssetId",
    "bestVin",
    "bestScore",
    "bestTier",
    "advice",
    "explanation",
    "candidates",
    "latitude",
    "longitude",
    "notes",
)


def csv_cases(cases: Iterable[Case]) -> bytes:
    """Rows under `HEADER`: the best candidate with the advice on it, and how many there are; notes are lines in one cell."""
    return b"".join(csv_row(_cells(case)) for case in cases)


def _cells(case: Case) -> tuple[Cell, ...]:
    best = case.candidates[0] if case.candidates else None
    location = case.location
    return (
        case.case_id,
        case.organization_id,
        case.unit_id,
        unit_type(case.unit_id),
        serial_number(case.unit_id),
        case.state,
        case.reason,
        case.sensor_vin,
        case.attempts,
        case.first_seen_at,
        case.last_seen_at,
        case.deadline,
        case.retry_until,
        case.resolved_at,
        case.resolved_by,
        case.asset_id,
        case.asset_vin,
        best.asset_id if best else None,
        best.registry_asset_id if best else None,
        best.vin if best else None,
        best.score if best else None,
        best.tier if best else None,
        best.advice if best else None,
        best.explanation if best else None,
        len(case.candidates),
        location.latitude if location else None,
        location.longitude if location else None,
        "\n".join(f"{note.at} {note.author}: {note.text}" for note in case.notes),
    )

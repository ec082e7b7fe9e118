"""Pairings as rows of a CSV file (RFC 4180), safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

from schemas.answers import Pairing

HEADER = (
    "pairingId",
    "unitId",
    "unitType",
    "assetId",
    "registryAssetId",
    "organizationId",
    "vin",
    "sensorVin",
    "reason",
    "pairedAt",
    "pairedAfter",
    "unpairedAt",
    "endedBy",
    "latitude",
    "longitude",
    "flags",
    "events",
)
# What a spreadsheet takes for the beginning of a formula, or passes over before one. The last four are full-width forms, which
# those of East Asia read like the others. Sources: OWASP, "CSV Injection"; ASVS 5.0, 1.2.10 (NUL).
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
Cell = str | float | None


def csv_rows(pairings: Iterable[Pairing]) -> bytes:
    """Rows under `HEADER`; flags and event keys are lists in one cell, with spaces between them."""
    return b"".join(csv_row(_cells(pairing)) for pairing in pairings)


def csv_row(cells: Sequence[Cell]) -> bytes:
    """One row. A text that a spreadsheet would take for a formula begins with an apostrophe; a number stays one."""
    line = io.StringIO()
    csv.writer(line).writerow([f"'{cell}" if isinstance(cell, str) and is_formula(cell) else cell for cell in cells])
    return line.getvalue().encode()


def is_formula(text: str) -> bool:
    """Whether a text needs an apostrophe before it: it begins a formula, after apostrophes of its own or without."""
    return text.lstrip("'").startswith(FORMULA)


def _cells(pairing: Pairing) -> tuple[Cell, ...]:
    location = pairing.location
    return (
        pairing.pairing_id,
        pairing.unit_id,
        pairing.unit_type,
        pairing.asset_id,
        pairing.registry_asset_id,
        pairing.organization_id,
        pairing.vin,
        pairing.sensor_vin,
        pairing.reason,
        pairing.paired_at,
        pairing.paired_after,
        pairing.unpaired_at,
        pairing.ended_by,
        location.latitude if location else None,
        location.longitude if location else None,
        " ".join(pairing.flags),
        " ".join(pairing.events),
    )

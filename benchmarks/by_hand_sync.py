"""Asset Sync row by row, written by hand: the standard library's json, a statement for all that has to be known or written.

It answers alike where nothing is unusual: assets by id, meters, strict units, duplicates, the latest reading, telematics. It has
no exact decimals, aliases, corrections or thresholds, doesn't tell who changed what, and doesn't judge late history.
"""

import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

SCHEMA = """
CREATE TABLE assets (
  asset_id TEXT PRIMARY KEY, organization_id TEXT, external_asset_id TEXT, code TEXT, name TEXT, asset_type TEXT, site TEXT,
  serial TEXT, status TEXT, custom_fields TEXT, updated_at TEXT
);
CREATE UNIQUE INDEX assets_external ON assets (organization_id, external_asset_id);
CREATE UNIQUE INDEX assets_code ON assets (organization_id, code);
CREATE TABLE asset_types (organization_id TEXT, name TEXT, PRIMARY KEY (organization_id, name));
CREATE TABLE sites (organization_id TEXT, code TEXT, PRIMARY KEY (organization_id, code));
CREATE TABLE meters (organization_id TEXT, code TEXT, unit TEXT, PRIMARY KEY (organization_id, code));
CREATE TABLE asset_meters (
  asset_id TEXT, meter_code TEXT, is_active INTEGER, expected INTEGER, last_seen TEXT, missing INTEGER,
  latest_value DOUBLE PRECISION, latest_at TEXT, PRIMARY KEY (asset_id, meter_code)
);
CREATE TABLE readings (
  asset_id TEXT, meter_code TEXT, recorded_at TEXT, value DOUBLE PRECISION, source TEXT, status TEXT, note TEXT
);
CREATE INDEX readings_series ON readings (asset_id, meter_code, recorded_at);
"""


class Database(Protocol):
    """What the naive version asks of a driver: `?` for parameters."""

    async def fetch(self, sql: str, *values: object) -> Sequence[Any] | None:
        """The first row."""

    async def execute(self, sql: str, *values: object) -> None:
        """A write."""


async def sync(database: Database, organization_id: str, body: bytes, now: str, commit: Callable[[], Awaitable[None]]) -> bytes:
    """Apply a sync asset by asset; `commit` is called after each."""
    request = json.loads(body)
    results, errors = [], []
    for entry in request["assets"]:
        try:
            results.append(await _asset(database, organization_id, entry, now))
        except ValueError as error:
            errors.append({"externalAssetId": entry.get("externalAssetId"), "message": str(error)})
        await commit()
    return json.dumps({"syncBatchId": request.get("syncBatchId"), "results": results, "errors": errors}).encode()


async def _asset(database: Database, organization_id: str, entry: dict[str, Any], now: str) -> dict[str, Any]:
    identity = entry.get("externalAssetId")
    if not identity:
        raise ValueError("externalAssetId is required")
    if not entry.get("name"):
        raise ValueError("name is required")
    warnings: list[str] = []
    kind, site = entry.get("assetTypeName"), entry.get("siteCode")
    if kind and not await database.fetch(
        "SELECT 1 FROM asset_types WHERE organization_id = ? AND name = ?", organization_id, kind
    ):
        raise ValueError(f"Asset type '{kind}' not found. Please create the asset type in-app before syncing assets.")
    if site and not await database.fetch("SELECT 1 FROM sites WHERE organization_id = ? AND code = ?", organization_id, site):
        warnings.append(f"Site with code '{site}' not found, asset will be created without site")
        site = None
    code = entry.get("code") or identity
    known = await database.fetch(
        "SELECT asset_id FROM assets WHERE organization_id = ? AND external_asset_id = ?", organization_id, identity
    ) or await database.fetch("SELECT asset_id FROM assets WHERE organization_id = ? AND code = ?", organization_id, code)
    fields = (code, entry["name"], kind, site, entry.get("serial"), entry.get("status", "ACTIVE"))
    custom = json.dumps(entry.get("customFields") or {})
    if known:
        asset_id = known[0]
        await database.execute(
            "UPDATE assets SET code = ?, name = ?, asset_type = ?, site = ?, serial = ?, status = ?, custom_fields = ?, "
            "updated_at = ? WHERE asset_id = ?",
            *(*fields, custom, now, asset_id),
        )
    else:
        asset_id = f"asset_{uuid.uuid4().hex[:22]}"
        await database.execute(
            "INSERT INTO assets VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(asset_id, organization_id, identity, *fields, custom, now),
        )
    for meter in entry.get("meters") or ():
        await _meter(database, organization_id, asset_id, meter, now, warnings)
    for reading in entry.get("meterReadings") or ():
        await _reading(database, asset_id, await _unit(database, organization_id, reading["meterCode"]), reading, now, warnings)
    return {
        "externalAssetId": identity,
        "status": "UPDATED" if known else "CREATED",
        "assetId": asset_id,
        "warnings": warnings,
    }


async def _unit(database: Database, organization_id: str, code: str) -> tuple[str, str | None]:
    found = await database.fetch("SELECT unit FROM meters WHERE organization_id = ? AND code = ?", organization_id, code)
    return code, found[0] if found else None


async def _meter(
    database: Database, organization_id: str, asset_id: str, meter: dict[str, Any], now: str, warnings: list[str]
) -> None:
    code, unit = await _unit(database, organization_id, meter["meterCode"])
    if unit is None:
        warnings.append(f"Meter with exact code '{code}' not found.")
        return
    key = (asset_id, code)
    values = (int(meter.get("isActive", True)), int(meter.get("expectedFromSync", False)))
    if await database.fetch("SELECT missing FROM asset_meters WHERE asset_id = ? AND meter_code = ?", *key):
        await database.execute(
            "UPDATE asset_meters SET is_active = ?, expected = ? WHERE asset_id = ? AND meter_code = ?", *values, *key
        )
    else:
        await database.execute("INSERT INTO asset_meters VALUES (?, ?, ?, ?, NULL, 0, NULL, NULL)", *key, *values)
    reading = meter.get("currentReading")
    if reading and await _reading(database, asset_id, (code, unit), reading, now, warnings):
        await database.execute(
            "UPDATE asset_meters SET last_seen = ?, missing = 0 WHERE asset_id = ? AND meter_code = ?", now, *key
        )
    elif values[1]:
        await database.execute("UPDATE asset_meters SET missing = missing + 1 WHERE asset_id = ? AND meter_code = ?", *key)


async def _reading(
    database: Database,
    asset_id: str,
    meter: tuple[str, str | None],
    reading: dict[str, Any],
    now: str,
    warnings: list[str],
) -> bool:
    code, unit = meter
    if unit is None or reading.get("unit") != unit:
        warnings.append(f"Unit mismatch for meter '{code}'.")
        return False
    key, value, at = (asset_id, code), float(reading["value"]), reading.get("recordedAt") or now
    if not await database.fetch(
        "SELECT 1 FROM readings WHERE asset_id = ? AND meter_code = ? AND recorded_at = ? AND value = ?", *key, at, value
    ):
        await database.execute(
            "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(*key, at, value, reading.get("source", "SYNC"), "NORMAL", reading.get("note")),
        )
    latest = await database.fetch("SELECT latest_at FROM asset_meters WHERE asset_id = ? AND meter_code = ?", *key)
    if latest is None:
        await database.execute("INSERT INTO asset_meters VALUES (?, ?, 1, 0, NULL, 0, ?, ?)", *key, value, at)
    elif latest[0] is None or latest[0] <= at:
        await database.execute(
            "UPDATE asset_meters SET latest_value = ?, latest_at = ? WHERE asset_id = ? AND meter_code = ?", value, at, *key
        )
    return True

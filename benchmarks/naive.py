"""The receiver that one would write first: the standard library's json, one shared connection, one commit a request.

It keeps the same journal (each body, each event) as durably, and where every unit is now; no histories, no change feed, no
quarantine, and an event that arrives late undoes a newer one.
"""

import hashlib
import hmac
import json
import sqlite3
import time
from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from benchmarks.fleet import SECRET, WEBHOOK_PATH

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (delivery_id INTEGER PRIMARY KEY, received_at REAL, event_batch_id TEXT, body BLOB);
CREATE TABLE IF NOT EXISTS events (
  organization_id TEXT, unit_id TEXT, event_type TEXT, registered_on TEXT, delivery_id INTEGER, data TEXT,
  PRIMARY KEY (organization_id, unit_id, event_type, registered_on)
);
CREATE TABLE IF NOT EXISTS units (
  organization_id TEXT, unit_id TEXT, asset_id TEXT, vin TEXT, since TEXT, PRIMARY KEY (organization_id, unit_id)
);
"""
# As those of the store's writer: as durable, with as much cache, and as rarely checkpointed.
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "cache_size = -65536", "temp_store = MEMORY", "wal_autocheckpoint = 16000")


def connect(path: Path) -> sqlite3.Connection:
    """A connection set up as the store's writer is."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def prepare(path: Path) -> sqlite3.Connection:
    """The same with the tables."""
    connection = connect(path)
    connection.executescript(_SCHEMA)
    return connection


def apply(connection: sqlite3.Connection, body: bytes) -> int:
    """Keep one batch and what follows from it; how many events it has."""
    batch = json.loads(body)
    delivered = connection.execute(
        "INSERT INTO deliveries (received_at, event_batch_id, body) VALUES (?, ?, ?)", (time.time(), batch["eventBatchId"], body)
    )
    for event in batch["eventsData"]:
        data = event["eventData"]
        unit = (data["organizationId"], data["unitId"])
        connection.execute(
            "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?, ?)",
            (*unit, event["eventType"], data["registeredOn"], delivered.lastrowid, json.dumps(data)),
        )
        if event["eventType"] == "unit.unpaired":
            connection.execute("UPDATE units SET asset_id = NULL WHERE organization_id = ? AND unit_id = ?", unit)
        elif data["status"] == "success":
            connection.execute(
                "INSERT INTO units VALUES (?, ?, ?, ?, ?) ON CONFLICT (organization_id, unit_id) DO UPDATE "
                "SET asset_id = excluded.asset_id, vin = excluded.vin, since = excluded.since",
                (*unit, data["assetId"], data.get("assetVIN"), data["registeredOn"]),
            )
    return len(batch["eventsData"])


def apply_all(connection: sqlite3.Connection, batches: Iterable[bytes], *, in_one_commit: int = 1) -> None:
    """Apply batches, so many in one transaction."""
    waiting = 0
    for body in batches:
        if waiting == 0:
            connection.execute("BEGIN")
        apply(connection, body)
        waiting += 1
        if waiting == in_one_commit:
            connection.execute("COMMIT")
            waiting = 0
    if waiting:
        connection.execute("COMMIT")


def application(path: Path) -> Starlette:
    """The receiver."""
    connection = prepare(path)

    async def receive(request: Request) -> Response:
        body = await request.body()
        signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("x-scalar-signature", ""), signature):
            return JSONResponse({"statusCode": 401}, 401)
        connection.execute("BEGIN")
        received = apply(connection, body)
        connection.execute("COMMIT")
        return JSONResponse({"statusCode": 200, "message": "accepted", "received": received})

    return Starlette(routes=[Route(WEBHOOK_PATH, receive, methods=["POST"])])

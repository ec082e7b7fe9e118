"""The Asset Sync requests of `benchmarks.sync`: a fleet that is synced once a day, and the history that it had before."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from benchmarks.sync_versions import ASSET_TYPE, METERS, SITE, START_US
from schemas.wire import time_text

ASSETS = 500
ASSETS_WITH_HISTORY, READINGS_OF_AN_ASSET = 100, 100
_DAY_US, _MINUTE_US = 86_400_000_000, 60_000_000


class Request(NamedTuple):
    """A body with how many assets it has, and when it comes."""

    body: bytes
    assets: int
    now_us: int


def syncs(assets: int, rounds: int) -> Iterator[Request]:
    """All assets, each with two meters and two current readings, as often as there are rounds, a day apart."""
    for day in range(rounds):
        at_us = START_US + day * _DAY_US
        for first in range(0, assets, ASSETS):
            entries = [_entry(number, day, time_text(at_us)) for number in range(first, min(first + ASSETS, assets))]
            yield _request(f"{day}-{first}", entries, at_us + first)


def backfill(readings: int, assets: int) -> Iterator[Request]:
    """Readings a minute apart, all of them older than what is there: each time round the fleet goes further back."""
    histories = readings // READINGS_OF_AN_ASSET
    for first in range(0, histories, ASSETS_WITH_HISTORY):
        numbers = range(first, min(first + ASSETS_WITH_HISTORY, histories))
        entries = [_history(number % assets, number // assets) for number in numbers]
        yield _request(f"history-{first}", entries, START_US + 1000 * _DAY_US + first)


def _request(name: str, entries: list[dict[str, Any]], now_us: int) -> Request:
    return Request(msgspec.json.encode({"syncBatchId": name, "assets": entries}), len(entries), now_us)


def _entry(number: int, day: int, at: str) -> dict[str, Any]:
    values = (1000 * number + 100.5 * day, number + day)
    return {
        **_identity(number),
        "assetTypeName": ASSET_TYPE,
        "siteCode": SITE,
        "serial": f"SERIAL-{number:08}",
        "status": "ACTIVE",
        "customFields": {"manufacturer": "Krone", "model": "Profi Liner"},
        "meters": [
            {
                "meterCode": code,
                "isActive": True,
                "expectedFromSync": True,
                "currentReading": {"value": value, "unit": unit, "recordedAt": at, "source": "SYNC", "status": "NORMAL"},
            }
            for (code, unit), value in zip(METERS, values, strict=True)
        ],
    }


def _history(number: int, time_round: int) -> dict[str, Any]:
    code, unit = METERS[0]
    newest = time_round * READINGS_OF_AN_ASSET
    readings = [
        {
            "meterCode": code,
            "value": 1000 * number - minute,
            "unit": unit,
            "recordedAt": time_text(START_US - minute * _MINUTE_US),
        }
        for minute in range(newest + READINGS_OF_AN_ASSET, newest, -1)
    ]
    return {**_identity(number), "meterReadings": readings}


def _identity(number: int) -> dict[str, Any]:
    return {"externalAssetId": f"TRUCK-{number}", "code": f"T{number}", "name": f"Truck {number}"}

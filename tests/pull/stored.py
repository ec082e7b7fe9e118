"""What the tests of providers in a real store share: the provider, what it answers, and looks at what was stored."""

from collections.abc import Sequence
from typing import Any

import msgspec

from handlers.asset_sync import sync_assets
from handlers.queries.asset_meters import list_asset_meters
from handlers.queries.lists import PageAsked
from handlers.queries.readings import ReadingFilter, list_readings
from handlers.registry import Actor
from schemas.asset_sync_decoding import decode_sync
from storage.store import DatabaseStore
from tests.pull.support import VEHICLES, definition
from tests.pull.wiremock import WireMock, gives
from tests.support.pulling import EVERYTHING, Pulling

NONE = {"type": "none"}
METERS = {
    "entity": "meters",
    "path": "/meters",
    "pagination": NONE,
    "fields": {
        "external_id": "id",
        "asset_id": "vehicle",
        "type": {"path": "kind", "lookup": {"power": "Energy", "water": "Water"}},
        "unit": "unit",
        "description": "note",
    },
}
RANGE = {"start_parameter": "from", "end_parameter": "to", "first": "2024-01-01", "look_back_days": 5}
STANDS = {
    "entity": "readings",
    "path": "/stands",
    "key": "id",
    "pagination": NONE,
    "date_range": RANGE,
    "fields": {"meter_id": "meter", "at": "at", "value": "value", "estimated": "estimated"},
    "aggregation": {"granularity": "month", "rollover": 1000, "gap_hours_max": 48},
}
MONTHS = {
    "entity": "consumption",
    "path": "/months",
    "pagination": NONE,
    "date_range": RANGE,
    "fields": {"meter_id": "meter", "start": "from", "end": "to", "value": "used", "cost": "cost", "currency": "currency"},
}


class Api:
    """What the provider answers, changed by a test as it likes."""

    def __init__(self, wiremock: WireMock) -> None:
        self._wiremock = wiremock

    def vehicles(self, *ids: str, **more: object) -> None:
        """It lists these vehicles."""
        self.lists("/vehicles", [{"id": name, "name": f"Truck {name}", **more} for name in ids])

    def meters(self, *pairs: tuple[str, str], kind: str = "power", unit: str = "kWh") -> None:
        """It lists these meters, each with its vehicle."""
        self.lists("/meters", [{"id": name, "vehicle": vehicle, "kind": kind, "unit": unit} for name, vehicle in pairs])

    def lists(self, path: str, records: Sequence[Any]) -> None:
        """It answers with these records."""
        self.answers(path, gives(list(records)))

    def answers(self, path: str, answer: dict[str, object]) -> None:
        """It answers with whatever this is; the answer that was stubbed last counts."""
        self._wiremock.controls.post(
            "/__admin/mappings", json={"request": {"method": "GET", "urlPath": path}, "response": answer}
        ).raise_for_status()


def pulling(store: DatabaseStore, wiremock: WireMock, **streams: Any) -> Pulling:  # noqa: ANN401 - TOML's values
    """The provider, with these streams or all four."""
    wanted = streams or {"vehicles": VEHICLES, "meters": METERS, "stands": STANDS, "months": MONTHS}
    return Pulling(store, definition(wiremock.url, wanted))


def stand(number: int, day: int, value: object, meter: str = "M1") -> dict[str, Any]:
    """A reading at a day's midnight."""
    return {"id": number, "meter": meter, "at": f"2024-01-{day:02}", "value": value}


async def series(pull: Pulling, vehicle: str = "V1", meter: str = "M1", status: Any = None) -> list[tuple[str, str]]:  # noqa: ANN401 - a status
    """Readings in the registry, as (time, value)."""
    asked = ReadingFilter(status=status)
    page = await pull.store.read(
        lambda tx: list_readings(tx, EVERYTHING, f"fleet:{vehicle}", f"fleet:{meter}", asked, PageAsked(1000, None))
    )
    return [(one.recorded_at[:10], str(one.value)) for one in page.items]


async def assigned(pull: Pulling, vehicle: str) -> dict[str, bool]:
    """The meters of an asset, and whether they are active on it."""
    page = await pull.store.read(lambda tx: list_asset_meters(tx, EVERYTHING, f"fleet:{vehicle}", {}, PageAsked(100, None)))
    return {one.meter_code: one.is_active for one in page.items}


async def sync(pull: Pulling, **entry: object) -> None:
    """What a client of Asset Sync says of an asset."""
    decoded = decode_sync(msgspec.json.encode({"assets": [entry]}))
    await pull.write(
        lambda tx: sync_assets(tx, pull.key.organization_id, decoded, Actor("client", "se_1"), pull.rules, pull.now_us)
    )

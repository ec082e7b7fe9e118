"""The registry of a store beside that of the model: syncs go into both, and both are asked for everything."""

import asyncio
import json
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from handlers import asset_sync
from handlers.asset_sync import sync_assets
from handlers.missing_meters import replay_meter
from handlers.ports import Transaction
from handlers.references import put_meter
from handlers.registry import Actor
from handlers.registry_view import RegistryRules
from handlers.rules.asset_sync import plan_held
from handlers.rules.effective import effective
from handlers.rules.held_meters import fields_said, still_said
from handlers.rules.series_rows import newest_reading
from handlers.rules.sync_context import SyncContext
from schemas.asset_plans import HeldMeter
from schemas.asset_sync_decoding import decode_sync
from schemas.assets import Asset, Meter
from schemas.missing_meters import ReplayRequest
from schemas.registry_records import NamedThing, Place
from schemas.wire import parse_time, to_json
from storage.store import DatabaseStore
from tests.support.facts import ORGANIZATION
from tests.support.registry_model import METERS, RegistryModel

CLIENT = Actor("client", "cl_test")
RULES = RegistryRules()
UNTOLD = ("leaseAssetId",)


class Beside:
    """A store and a model of it, which must agree whatever is done to both. Assets get the same ids in both."""

    def __init__(self, store: DatabaseStore, runner: asyncio.Runner, patch: pytest.MonkeyPatch) -> None:
        self.store, self._runner = store, runner
        self.model = RegistryModel()
        self.held: dict[tuple[int, int, str], tuple[str, HeldMeter, int]] = {}
        minted = count(1)
        patch.setattr(asset_sync, "new_asset_id", lambda: f"asset_{next(minted):022x}")
        self.run(self._set_up)

    def run(self, work: Callable[[Transaction], Any]) -> Any:  # noqa: ANN401 - whatever the work gives
        """Run a use case in a transaction of the store."""
        return self._runner.run(self.store.write(work))

    @property
    def now_us(self) -> int:
        """The time of both."""
        return parse_time(self.model.clock, "clock")

    def sync(self, body: dict[str, Any]) -> None:
        """Give a sync to both, which must answer alike."""
        expected = self.model.sync(body)
        for plan in self.model.plans:
            for held in plan.held:
                key = (self.model.context.seq, plan.number, held.meter_code)
                self.held.setdefault(key, (plan.asset.asset_id, held, self.model.context.at_us))
        sent = decode_sync(to_json(body))
        done = self.run(lambda tx: sync_assets(tx, ORGANIZATION, sent, CLIENT, RULES, self.now_us))
        assert done.faults == ()
        assert _without(json.loads(to_json(done.answer))) == _without(expected)

    def create_meter(self, meter: Meter) -> None:
        """A meter exists from now in both."""
        self.model.index.meters[meter.code] = meter
        self.run(lambda tx: put_meter(tx, ORGANIZATION, meter, CLIENT, self.now_us))

    def replay(self, code: str) -> None:
        """Apply what was held back for a meter in both, once."""
        keys = [key for key in self.held if key[2] == code]
        numbers = {key: number for number, key in enumerate(keys)}
        last = {(self.held[key][0], name): numbers[key] for key in keys for name in fields_said(self.held[key][1])}
        for key in keys:
            asset_id, held, at_us = self.held.pop(key)
            held = still_said(held, asset_id, numbers[key], last)
            (asset,) = (asset for asset in self.model.index.assets() if asset.asset_id == asset_id)
            context = SyncContext(key[0], at_us, self.now_us, self.model.missing_unit)
            self.model.keep(plan_held(held, asset, self.model.index, context))
        asked = ReplayRequest(meter_code=code)
        self.run(lambda tx: replay_meter(tx, ORGANIZATION, asked, CLIENT, RULES, self.now_us))

    def check(self) -> None:
        """Compare everything that can be asked."""
        assert self.run(self._state) == self._expected()

    async def _set_up(self, tx: Transaction) -> None:
        references = tx.registry.references
        for name in ("Pump", "Vehicle"):
            await references.put_thing("asset_type", ORGANIZATION, NamedThing(name))
        for code in ("SITE-42", "WAREHOUSE-A"):
            await references.put_thing("site", ORGANIZATION, NamedThing(code))
        for meter in METERS:
            await references.put_meter(ORGANIZATION, meter)

    async def _state(self, tx: Transaction) -> dict[str, Any]:
        registry = tx.registry
        rows = await registry.assets.list_assets(0, 1000, ORGANIZATION)
        assets = {row.asset.asset_id: row.asset for row in rows}
        state: dict[str, Any] = {asset_id: {"asset": _shown(asset)} for asset_id, asset in assets.items()}
        for row in await registry.meters.of_assets(ORGANIZATION, list(assets)):
            key = (row.asset_id, row.meter_code)
            series = (await registry.readings.series(ORGANIZATION, [key])).get(key)
            readings = await registry.readings.after(ORGANIZATION, [(key, Place(-(2**63), 0))], 1000)
            values = effective(row.explicit, assets[row.asset_id].status, implied=False, newest=newest_reading(series))
            state[row.asset_id][row.meter_code] = (
                values,
                (row.telematics.last_seen_us, row.telematics.missing),
                [(one.at_us, one.value, one.mark, bool(one.shown), one.reason) for one in readings.get(key, ())],
                (series.latest_at_us, series.latest_value and Decimal(series.latest_value)) if series else (None, None),
            )
            expected = values.expected_from_sync and values.is_active and values.is_applicable
            assert (row.expected == 1) == expected
        return state

    def _expected(self) -> dict[str, Any]:
        model, state = self.model, {}
        for asset in model.index.assets():
            identity = asset.external_asset_id
            meters: dict[str, Any] = {"asset": _shown(asset)}
            for code in model.index.explicit(asset.asset_id):
                marked, tail = model.series(code, identity)
                health = model.health(code, identity)
                meters[code] = (
                    model.meter(code, identity),
                    (health.last_seen_us, health.missing),
                    [(one.at_us, one.value, mark.status, mark.shown, mark.reason) for one, mark in marked],
                    (tail.latest.at_us, tail.latest.value) if tail.latest else (None, None),
                )
            state[asset.asset_id] = meters
        return state


def _shown(asset: Asset) -> dict[str, Any]:
    return {name: getattr(asset, name) for name in asset.__struct_fields__ if name != "lease_asset_id"}


def _without(answer: dict[str, Any], untold: Iterable[str] = UNTOLD) -> dict[str, Any]:
    for result in answer["results"]:
        for name in untold:
            result.pop(name)
    return answer

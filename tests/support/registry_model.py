"""A registry in memory: syncs go through the real rules, and a few dicts stand in for the store."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_sync import NewIds, plan_batch, sync_answer
from handlers.rules.effective import effective
from handlers.rules.meter_units import MissingUnit
from handlers.rules.readings import Marked, Tail
from handlers.rules.series_change import reading_no
from handlers.rules.sync_context import SyncContext
from schemas.asset_plans import AssetPlan
from schemas.asset_sync import AssetFailure
from schemas.asset_sync_decoding import decode_sync, thresholds_of
from schemas.assets import Asset, EffectiveAssignment, Meter, Telematics
from schemas.readings import Mark, Reading
from schemas.wire import parse_time, to_json
from tests.support.readings import mark_series

NOON = "2024-11-18T12:00:00Z"
METERS = (Meter("ODOMETER_KM", "KM"), Meter("HOURS", "HOURS"))


class RegistryModel:
    """One organization: its reference data, and whatever syncs make of it. `clock` is the time of the next sync."""

    def __init__(
        self,
        *,
        missing_unit: MissingUnit = "reject",
        meters: Iterable[Meter] = METERS,
        asset_types: Iterable[str] = ("Pump", "Vehicle"),
        sites: Iterable[str] = ("SITE-42", "WAREHOUSE-A"),
        assets: Iterable[Asset] = (),
        implied: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
        provisional: Mapping[str, str] | None = None,
    ) -> None:
        self.index = AssetIndex(
            assets=assets, meters=meters, asset_types=asset_types, sites=sites, implied=implied, provisional=provisional
        )
        self.missing_unit: MissingUnit = missing_unit
        self.clock = NOON
        self.plans: list[AssetPlan] = []
        self.minted = 0
        self.context = SyncContext(0, 0, 0)
        self._seq = 0
        self._syncs: dict[tuple[str, str], SyncContext] = {}
        self._readings: defaultdict[tuple[str, str], dict[tuple[int, int], Reading]] = defaultdict(dict)

    def sync(self, body: Mapping[str, Any] | bytes) -> dict[str, Any]:
        """The answer to a request body, as JSON; refusals of the whole raise InvalidInputError."""
        sent = decode_sync(body if isinstance(body, bytes) else to_json(body))
        self.context = self._context(sent.sync_batch_id, sent.body_hash)
        plans = plan_batch(sent.entries, self.index, self.context, self._mint)
        self.plans = [plan for plan in plans if not isinstance(plan, AssetFailure)]
        for plan in self.plans:
            self.keep(plan)
        answer: dict[str, Any] = msgspec.json.decode(to_json(sync_answer(sent.sync_batch_id, plans, self._marks())))
        return answer

    def keep(self, plan: AssetPlan) -> None:
        """The readings of a plan, but for those that are there already."""
        for reading in plan.readings:
            self._readings[plan.asset.asset_id, reading.meter_code].setdefault((reading.seq, reading.position), reading)

    def put(self, **fields: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of an asset entry
        """The only result, or the only error, of syncing one asset: externalAssetId `A` and a name unless others are given."""
        answer = self.sync({"assets": [{"externalAssetId": "A", "name": "Pump", **fields}]})
        only: dict[str, Any] = (answer["results"] + answer["errors"])[0]
        return only

    def asset(self, identity: str = "A") -> Asset:
        """The asset with this externalAssetId or alias."""
        asset = self.index.with_identity(identity)
        assert asset is not None
        return asset

    def series(self, meter_code: str = "ODOMETER_KM", identity: str = "A") -> tuple[list[Marked], Tail]:
        """The readings of one meter of an asset with their marks, and what they come to."""
        asset_id = self.asset(identity).asset_id
        layer = self.index.explicit(asset_id).get(meter_code)
        given = layer.fields.validation_thresholds if layer else None
        return mark_series(self._readings[asset_id, meter_code].values(), thresholds_of(given or {}))

    def shown(self, meter_code: str = "ODOMETER_KM", identity: str = "A") -> list[tuple[str, str]]:
        """The values of a series that are shown, with their status."""
        return [
            (str(marked.reading.value), marked.mark.status)
            for marked in self.series(meter_code, identity)[0]
            if marked.mark.shown
        ]

    def meter(self, meter_code: str = "ODOMETER_KM", identity: str = "A") -> EffectiveAssignment:
        """The effective values of an assignment."""
        asset = self.asset(identity)
        implied = meter_code in self.index.implied(asset.asset_id)
        layer = self.index.explicit(asset.asset_id).get(meter_code)
        newest = self.series(meter_code, identity)[1].newest
        return effective(layer, asset.status, implied=implied, newest=newest)

    def health(self, meter_code: str = "ODOMETER_KM", identity: str = "A") -> Telematics:
        """The counters of a meter of an asset."""
        return self.index.telematics(self.asset(identity).asset_id, meter_code)

    def state(self) -> dict[str, Any]:
        """All that can be seen of all assets, for comparing two registries."""
        return {
            asset.external_asset_id: (
                asset,
                {code: self.meter(code, asset.external_asset_id) for code in self.index.explicit(asset.asset_id)},
                {code: self.health(code, asset.external_asset_id) for code in self.index.explicit(asset.asset_id)},
                {code: self.shown(code, asset.external_asset_id) for code in self.index.explicit(asset.asset_id)},
            )
            for asset in self.index.assets()
        }

    def _context(self, sync_batch_id: str | None, body_hash: str) -> SyncContext:
        self._seq += 1
        now_us = parse_time(self.clock, "clock")
        context = SyncContext(self._seq, now_us, now_us, self.missing_unit)
        if sync_batch_id is None:
            return context
        first = self._syncs.setdefault((sync_batch_id, body_hash), context)
        return SyncContext(first.seq, first.at_us, now_us, self.missing_unit)

    def _mint(self) -> NewIds:
        self.minted += 1
        return NewIds(f"asset_{self.minted:022x}", self.minted)

    def _marks(self) -> dict[int, Mark]:
        marks: dict[int, Mark] = {}
        for plan in self.plans:
            for code in {reading.meter_code for reading in plan.readings}:
                marked = {(one.seq, one.position): mark for one, mark in self.series(code, plan.asset.external_asset_id)[0]}
                sent = [one for one in plan.readings if one.meter_code == code]
                marks.update((reading_no(one), marked[one.seq, one.position]) for one in sent)
        return marks

"""The meters and readings of one entry: what is assigned, what is stored, what is held back, and what is warned of."""

from msgspec import UNSET
from msgspec.structs import asdict, replace

from handlers.rules.asset_index import AssetIndex
from handlers.rules.assignment_fields import cleared_fields, said_fields
from handlers.rules.effective import effective, tracked
from handlers.rules.meter_units import unit_fault, unit_hint
from handlers.rules.sync_context import SyncContext, Warnings
from handlers.rules.sync_messages import inspection_after_retirement, meter_not_found
from schemas.asset_plans import HeldMeter, MeterPlan
from schemas.asset_sync import AssetEntry, CurrentReading, HistoricalReading, MeterEntry
from schemas.asset_sync_decoding import thresholds_of
from schemas.assets import Asset, AssetStatus, Assignment, EffectiveAssignment, Explicit, Meter, Telematics
from schemas.decimals import same_json
from schemas.readings import Reading
from schemas.wire import microseconds

_NOTHING = Explicit()


def slots(entry: AssetEntry) -> int:
    """How many positions an entry's readings take: `meterReadings` in order, then one for each of `meters`.

    So a `currentReading` comes after the history sent with it, and a retry gives each reading the position it had.
    """
    return len(entry.meter_readings or ()) + len(entry.meters or ())


class MeterWork:
    """Collects what an entry does to the meters of one asset: `readings` to store, meters `seen`, what is `held`, `hints`.

    Meters compare by exact code. Without the meter nothing is assigned or stored, but all is held for the day it exists.
    A reading assigns its meter if nothing else did (Asset Sync, "Creates AssetMeter automatically if needed"). `asset` is as it
    will be after the entry.
    """

    def __init__(self, index: AssetIndex, asset: Asset, context: SyncContext, warnings: Warnings) -> None:
        self.asset, self.context, self.warnings = asset, context, warnings
        self.stored = index.explicit(asset.asset_id)
        self.implied = index.implied(asset.asset_id)
        self.readings: list[Reading] = []
        self.seen: set[str] = set()
        self.held: dict[str, HeldMeter] = {}
        self.hints: dict[tuple[str, str], str] = {}
        self._index = index
        self._layers = dict(self.stored)

    def take(self, entry: AssetEntry, position: int) -> None:
        """All meters and readings of an entry, whose first reading has this position."""
        current = position + len(entry.meter_readings or ())
        for offset, meter in enumerate(entry.meters or ()):
            self._assign(meter)
            sent = meter.current_reading
            if sent is not None and self.store(self._reading(sent, meter.meter_code, current + offset)):
                self.seen.add(meter.meter_code)
        for offset, historical in enumerate(entry.meter_readings or ()):
            self.store(self._reading(historical, historical.meter_code, position + offset))

    def store(self, reading: Reading) -> bool:
        """Whether a reading, whose unit is as sent, is accepted. One that isn't leaves a warning."""
        meter = self._index.meters.get(reading.meter_code)
        if meter is None:
            held = self._hold(reading.meter_code)
            self.held[reading.meter_code] = replace(held, readings=(*held.readings, reading))
            return False
        if reading.value is not None:
            fault = unit_fault(meter, reading.unit, self.context.missing_unit)
            if fault:
                self.warnings.add(fault)
                self._explain(meter, reading)
                return False
            if reading.unit != meter.unit:
                reading = replace(reading, unit=meter.unit)
        retired_at_us = self.asset.retired_at_us
        if reading.source == "INSPECTION" and retired_at_us is not None and reading.at_us > retired_at_us:
            self.warnings.add(inspection_after_retirement(reading, retired_at_us))
            return False
        self.readings.append(reading)
        self._layers.setdefault(reading.meter_code, _NOTHING)
        return True

    def restore(self, held: HeldMeter) -> None:
        """Apply what was held back for a meter: a field that was said since then stands."""
        code = held.meter_code
        if code not in self._index.meters:
            self._hold(code)
            self.held[code] = held
            return
        if held.fields is not None:
            layer = self._layers.get(code, _NOTHING)
            said = {name: value for name, value in asdict(layer.fields).items() if value is not UNSET}
            given_now = held.fields.equipment_status is not UNSET and layer.fields.equipment_status is UNSET
            seq = self.context.seq if given_now else layer.equipment_seq
            self._layers[code] = Explicit(replace(held.fields, **said), seq)
        for reading in held.readings:
            self.store(reading)

    def is_changed(self, code: str) -> bool:
        """Whether the explicit layer of a meter is new or other than stored."""
        layer, stored = self._layers.get(code), self.stored.get(code)
        if layer is None or stored is None:
            return layer is not stored
        if layer is stored:
            return False
        given, known = layer.fields.validation_thresholds, stored.fields.validation_thresholds
        return layer != stored or not same_json(given, known)

    def changed(self) -> tuple[MeterPlan, ...]:
        """The layers that are."""
        return tuple(MeterPlan(code, layer) for code, layer in self._layers.items() if self.is_changed(code))

    def assigned(self) -> list[str]:
        """The codes of all meters that the asset has now, said or implied."""
        return sorted(self._layers.keys() | self.implied.keys())

    def effective(self, code: str, status: AssetStatus | None = None) -> EffectiveAssignment:
        """What holds of one of them now, or on an asset of that status, but for what readings say of its equipment."""
        return effective(self._layers.get(code), status or self.asset.status, implied=code in self.implied)

    def tracked(self, code: str) -> EffectiveAssignment:
        """As much of that as telematics heed."""
        return tracked(self._layers.get(code), self.asset.status, implied=code in self.implied)

    def telematics(self, code: str) -> Telematics:
        """The counters of one of them."""
        return self._index.telematics(self.asset.asset_id, code)

    def _assign(self, meter: MeterEntry) -> None:
        code = meter.meter_code
        if code not in self._index.meters:
            held = self._hold(code)
            said = said_fields(held.fields or Assignment(), meter)
            self.held[code] = replace(held, fields=said, cleared=cleared_fields(held.cleared, meter))
            return
        layer = self._layers.get(code)
        said, seq = said_fields((layer or _NOTHING).fields, meter), layer.equipment_seq if layer else None
        if meter.equipment_status is not UNSET:
            seq = None if meter.equipment_status is None else max(self.context.seq, seq or 0)
        if layer is None or said is not layer.fields or seq != layer.equipment_seq:
            self._layers[code] = Explicit(said, seq)

    def _hold(self, code: str) -> HeldMeter:
        self.warnings.add(meter_not_found(code))
        return self.held.get(code) or HeldMeter(code)

    def _explain(self, meter: Meter, reading: Reading) -> None:
        """One hint for each meter and unit, with the first value as the example."""
        if not reading.unit or reading.value is None or (meter.code, reading.unit) in self.hints:
            return
        given = self._layers.get(meter.code, _NOTHING).fields.validation_thresholds
        hint = unit_hint(meter, reading.value, reading.unit, thresholds_of(given or {}))
        if hint:
            self.hints[meter.code, reading.unit] = hint

    def _reading(self, sent: CurrentReading | HistoricalReading, code: str, position: int) -> Reading:
        status = sent.status or "NORMAL"
        measured = status == "NORMAL"
        return Reading(
            seq=self.context.seq,
            position=position,
            meter_code=code,
            value=sent.value if measured else None,
            at_us=self.context.at_us if sent.recorded_at is None else microseconds(sent.recorded_at),
            unit=sent.unit if measured else None,
            status=status,
            source=sent.source or "SYNC",
            note=sent.note,
        )

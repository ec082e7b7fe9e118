"""What a batch has to know of the registry; kept current as its plans are made, since later entries build on them."""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet

from msgspec import Struct

from schemas.asset_plans import AssetPlan, MeterCount
from schemas.asset_sync import AssetEntry
from schemas.assets import Asset, Explicit, Meter, Telematics


class Wanted(Struct, frozen=True):
    """What to load for a batch: assets by any identity, by code and (provisional ones) by serial; reference data by name."""

    identities: frozenset[str]
    codes: frozenset[str]
    serials: frozenset[str]
    meter_codes: frozenset[str]
    asset_type_names: frozenset[str]
    site_codes: frozenset[str]


def wanted(entries: Iterable[AssetEntry]) -> Wanted:
    """All that planning these entries can ask for. Where no code is given, the id is the code."""
    entries = list(entries)
    meters = {meter.meter_code for entry in entries for meter in entry.meters or ()}
    readings = {reading.meter_code for entry in entries for reading in entry.meter_readings or ()}
    return Wanted(
        identities=frozenset(entry.external_asset_id for entry in entries),
        codes=_texts(entry.code or entry.external_asset_id for entry in entries),
        serials=_texts(entry.serial for entry in entries),
        meter_codes=frozenset(meters | readings),
        asset_type_names=_texts(entry.asset_type_name for entry in entries),
        site_codes=_texts(entry.site_code for entry in entries),
    )


def _texts(values: Iterable[object]) -> frozenset[str]:
    return frozenset(value for value in values if isinstance(value, str) and value)


class AssetIndex:
    """The part of one organization's registry that a batch touches.

    `explicit`, `telematics` and `implied` are by assetId, then by meter code, and must be whole for each asset given; `implied`
    holds the units whose open pairing implies the meter. `provisional` gives, by a serial as sent, the assetId of the
    provisional asset whose link a new asset with that serial takes over; `stand_ins`, by the id of a provisional asset that is
    none any more, the assetId of the asset that it turned out to be, and `held_codes` are the codes that such ones still have.
    """

    def __init__(
        self,
        *,
        assets: Iterable[Asset] = (),
        meters: Iterable[Meter] = (),
        asset_types: Iterable[str] = (),
        sites: Iterable[str] = (),
        explicit: Mapping[str, Mapping[str, Explicit]] | None = None,
        telematics: Mapping[str, Mapping[str, Telematics]] | None = None,
        implied: Mapping[str, Mapping[str, tuple[str, ...]]] | None = None,
        provisional: Mapping[str, str] | None = None,
        stand_ins: Mapping[str, str] | None = None,
        held_codes: AbstractSet[str] = frozenset(),
    ) -> None:
        self.meters = {meter.code: meter for meter in meters}
        self.asset_types: AbstractSet[str] = frozenset(asset_types)
        self.sites: AbstractSet[str] = frozenset(sites)
        self.held_codes = held_codes
        self._explicit = {asset_id: dict(layers) for asset_id, layers in (explicit or {}).items()}
        self._telematics = {asset_id: dict(counts) for asset_id, counts in (telematics or {}).items()}
        self._implied = implied or {}
        self._provisional = provisional or {}
        self._assets: dict[str, Asset] = {}
        self._by_identity: dict[str, str] = {}
        self._by_code: dict[str, str] = {}
        for asset in assets:
            self._put(asset)
        self._by_identity.update(stand_ins or {})

    def assets(self) -> list[Asset]:
        """All assets given or planned so far."""
        return list(self._assets.values())

    def with_identity(self, identity: str) -> Asset | None:
        """The asset with this externalAssetId or alias."""
        asset_id = self._by_identity.get(identity)
        return self._assets[asset_id] if asset_id else None

    def with_code(self, code: str) -> Asset | None:
        """The asset with this code, given or defaulted."""
        asset_id = self._by_code.get(code)
        return self._assets[asset_id] if asset_id else None

    def provisional(self, serial: object) -> Asset | None:
        """The provisional asset that a new asset with this serial takes over, as long as none did."""
        asset = self._assets.get(self._provisional.get(serial, "")) if isinstance(serial, str) else None
        return asset if asset and asset.origin == "datahub" else None

    def explicit(self, asset_id: str) -> Mapping[str, Explicit]:
        """The explicit layers of an asset's assignments."""
        return self._explicit.get(asset_id, {})

    def telematics(self, asset_id: str, meter_code: str) -> Telematics:
        """The counters of one meter of an asset."""
        return self._telematics.get(asset_id, {}).get(meter_code, _NEVER_COUNTED)

    def implied(self, asset_id: str) -> Mapping[str, tuple[str, ...]]:
        """The meters that open pairings imply for an asset, and the units that do."""
        return self._implied.get(asset_id, {})

    def apply(self, plan: AssetPlan) -> None:
        """Let the entries after this one see what it does."""
        asset = plan.asset
        if asset is not plan.before:
            self._put(asset)
        if plan.meters:
            layers = self._explicit.setdefault(asset.asset_id, {})
            layers.update([(meter.meter_code, meter.explicit) for meter in plan.meters])
        if plan.counts:
            counts = self._telematics.setdefault(asset.asset_id, {})
            counts.update([(count.meter_code, count.telematics) for count in plan.counts])

    def count(self, asset_id: str, count: MeterCount) -> None:
        """The counters of one meter of an asset are others now."""
        self._telematics.setdefault(asset_id, {})[count.meter_code] = count.telematics

    def _put(self, asset: Asset) -> None:
        before = self._assets.get(asset.asset_id)
        if before:
            del self._by_code[before.code]
        self._assets[asset.asset_id] = asset
        self._by_code[asset.code] = asset.asset_id
        for identity in (asset.external_asset_id, *asset.aliases):
            self._by_identity[identity] = asset.asset_id


_NEVER_COUNTED = Telematics()

"""The part of an organization's registry that a write builds on, read in a few large queries."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from handlers.ports import Transaction
from handlers.rules.asset_index import AssetIndex, Wanted, wanted
from handlers.rules.implied import Implied, UnitMeters, implied_meters
from handlers.rules.links import provisional_identity, provisional_of, vin_of
from handlers.rules.meter_units import MissingUnit
from schemas.asset_sync import AssetEntry
from schemas.assets import Asset, Explicit, Telematics
from schemas.registry_records import AssetMeterRow

__all__ = ["RegistryRules", "RegistryView", "implied_for", "view_for_entries", "view_of_assets", "vin_of"]


class RegistryRules(Struct, frozen=True):
    """What the settings say of the registry."""

    missing_unit: MissingUnit = "reject"
    unit_meters: UnitMeters = {}


class RegistryView(Struct, frozen=True):
    """What is stored: `index` is kept current as plans are made, `meters` stays as it was read. `unknown` ids mean no asset."""

    index: AssetIndex
    meters: dict[str, dict[str, AssetMeterRow]]
    unknown: int = 0


async def view_for_entries(
    tx: Transaction, organization_id: str, entries: Iterable[AssetEntry], rules: RegistryRules
) -> RegistryView:
    """All that planning these entries can ask for."""
    asked = wanted(entries)
    assets, stand_ins, held_codes = await _meant(tx, organization_id, asked)
    known = {identity for asset in assets for identity in (asset.external_asset_id, *asset.aliases)} | stand_ins.keys()
    unknown = asked.identities - known
    provisional = await _provisional(tx, organization_id, asked.serials) if unknown and asked.serials else {}
    missing = set(provisional.values()) - {asset.asset_id for asset in assets}
    if missing:
        assets += await tx.registry.assets.of_ids(organization_id, sorted(missing))
    return await _view(tx, organization_id, assets, asked, rules, provisional, stand_ins, held_codes, len(unknown))


async def _meant(tx: Transaction, organization_id: str, asked: Wanted) -> tuple[list[Asset], dict[str, str], frozenset[str]]:
    """The assets that entries name, and those that have a code which an entry gives or defaults to; who stands in for whom.

    Codes are unique. Some are held by provisional assets that are none any more, which nobody sees.
    """
    found = await tx.registry.assets.with_identities(organization_id, list(asked.identities))
    named, stand_ins = await _stand_ins(tx, organization_id, found)
    defaults = {asset.external_asset_id for asset in named} - asked.identities
    codes = (asked.codes | defaults) - {asset.code for asset in (*found, *named)}
    if codes:
        coded = await tx.registry.assets.with_codes(organization_id, sorted(codes))
        left, _ = await _stand_ins(tx, organization_id, coded)
        kept = {asset.asset_id for asset in left}
        named += [asset for asset in coded if asset.asset_id in kept]
        found += coded
    seen = {asset.asset_id for asset in named}
    return named, stand_ins, frozenset(asset.code for asset in found if asset.asset_id not in seen)


async def view_of_assets(
    tx: Transaction, organization_id: str, asset_ids: Sequence[str], meter_codes: Sequence[str], rules: RegistryRules
) -> RegistryView:
    """Assets by their ids, with all their meters, and some meters by their codes."""
    assets = await tx.registry.assets.of_ids(organization_id, asset_ids) if asset_ids else []
    nothing: frozenset[str] = frozenset()
    asked = Wanted(nothing, nothing, nothing, frozenset(meter_codes), nothing, nothing)
    return await _view(tx, organization_id, assets, asked, rules, {}, {}, frozenset(), 0)


async def implied_for(tx: Transaction, organization_id: str, asset_ids: Sequence[str], unit_meters: UnitMeters) -> Implied:
    """The meters that pairings open now imply for assets, and the units that do. Without such a setting nothing is read."""
    if not unit_meters or not asset_ids:
        return {}
    pairings = await tx.registry.assets.open_pairings(organization_id, asset_ids, sorted(unit_meters))
    if not pairings:
        return {}
    codes = sorted({code for meters in unit_meters.values() for code in meters})
    existing = {meter.code for meter in await tx.registry.references.meters(organization_id, codes)}
    return implied_meters(pairings, unit_meters, existing)


async def _view(
    tx: Transaction,
    organization_id: str,
    assets: Sequence[Asset],
    asked: Wanted,
    rules: RegistryRules,
    provisional: dict[str, str],
    stand_ins: dict[str, str],
    held_codes: frozenset[str],
    unknown: int,
) -> RegistryView:
    references = tx.registry.references
    asset_ids = [asset.asset_id for asset in assets]
    rows = await tx.registry.meters.of_assets(organization_id, asset_ids) if asset_ids else []
    meters: dict[str, dict[str, AssetMeterRow]] = {asset_id: {} for asset_id in asset_ids}
    explicit: dict[str, dict[str, Explicit]] = {asset_id: {} for asset_id in asset_ids}
    telematics: dict[str, dict[str, Telematics]] = {asset_id: {} for asset_id in asset_ids}
    for row in rows:
        asset_id, code, layer, counted, _ = row
        meters[asset_id][code] = row
        telematics[asset_id][code] = counted
        if layer is not None:
            explicit[asset_id][code] = layer
    index = AssetIndex(
        assets=assets,
        meters=await references.meters(organization_id, list(asked.meter_codes)) if asked.meter_codes else (),
        asset_types=await references.asset_types(organization_id, list(asked.asset_type_names)) if asked.asset_type_names else (),
        sites=await references.sites(organization_id, list(asked.site_codes)) if asked.site_codes else (),
        explicit=explicit,
        telematics=telematics,
        implied=await implied_for(tx, organization_id, asset_ids, rules.unit_meters),
        provisional=provisional,
        stand_ins=stand_ins,
        held_codes=held_codes,
    )
    return RegistryView(index, meters, unknown)


async def _provisional(tx: Transaction, organization_id: str, serials: Iterable[str]) -> dict[str, str]:
    """By serial: the provisional asset whose place a new asset takes; none where another has its VIN already."""
    vins = {serial: vin for serial in serials if (vin := vin_of(serial))}
    if not vins:
        return {}
    wanted = sorted(set(vins.values()))
    provisional = await tx.links.provisional(organization_id, wanted)
    if not provisional:
        return {}
    taken = {row.vin for row in await tx.registry.assets.with_vins(organization_id, wanted) if not row.provisional}
    holders: dict[str, str] = {}
    for vin, asset_id in provisional:
        if vin not in taken:
            holders.setdefault(vin, asset_id)
    return {serial: holders[vin] for serial, vin in vins.items() if vin in holders}


async def _stand_ins(tx: Transaction, organization_id: str, assets: Sequence[Asset]) -> tuple[list[Asset], dict[str, str]]:
    """Assets, with others in place of provisional ones that are none any more; by the id of such a one, who stands in for it."""
    provisional = {asset.asset_id: datahub_id for asset in assets if (datahub_id := provisional_of(asset)) is not None}
    if not provisional:
        return list(assets), {}
    linked = await tx.registry.assets.links_from([(organization_id, asset_id) for asset_id in provisional])
    ended = {datahub_id for asset_id, datahub_id in provisional.items() if (organization_id, asset_id) not in linked}
    links = await tx.registry.assets.links_to(organization_id, sorted(ended)) if ended else {}
    left = [asset for asset in assets if provisional.get(asset.asset_id) not in links]
    missing = sorted(set(links.values()) - {asset.asset_id for asset in left})
    left += await tx.registry.assets.of_ids(organization_id, missing) if missing else []
    return left, {provisional_identity(datahub_id): asset_id for datahub_id, asset_id in links.items()}

"""Which assets of the registry a sensor's VIN could mean, found by their keys, however many assets there are."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from handlers.ports import Transaction
from handlers.rules.vin import read
from handlers.rules.vin_keys import END_KEY, probe_keys
from handlers.rules.vin_match import answer, match
from schemas.vin import AssetVin, Candidate, Shares, VinMatch, VinMatchRequest
from schemas.vin_records import KeyedAsset

CANDIDATES_MAX = 20
# More assets than this aren't looked at for one VIN. Only its end can be shared by so many; those that have the very VIN are then
# looked up apart, so that they are never missed.
ASSETS_MAX = 10_000


class Sought(NamedTuple):
    """What candidates are wanted for: a sensor's VIN, its unit and the unit's type, and the Datahub assets that Datahub named."""

    vin: str | None
    unit_type: str = ""
    unit_id: str | None = None
    named: tuple[str, ...] = ()


class _Found(NamedTuple):
    """The assets to match with, and how many share the end of the VIN where that can't be counted among them."""

    assets: list[AssetVin]
    shares: Shares | None = None


async def match_vin(tx: Transaction, organization_id: str, asked: VinMatchRequest, most: int = CANDIDATES_MAX) -> VinMatch:
    """What can be said of a VIN, and the assets of an organization that it could mean, `most` of them at the most."""
    (found,) = await find_vins(tx, organization_id, [Sought(asked.vin, asked.unit_type or "")], most)
    return answer(asked.vin, found)


async def find_vins(
    tx: Transaction, organization_id: str, wanted: Sequence[Sought], most: int = CANDIDATES_MAX
) -> list[tuple[Candidate, ...]]:
    """The candidates for each, best first: `most` of them, and all that Datahub named."""
    found = await _with_named(tx, organization_id, wanted, await _by_keys(tx, organization_id, wanted))
    matched = [_best(match(sought.vin, one.assets, one.shares), most) for sought, one in zip(wanted, found, strict=True)]
    occupied = await _occupied(tx, organization_id, wanted, matched)
    again = [
        _best(match(sought.vin, _marked(one.assets, taken), one.shares), most) if taken else candidates
        for sought, one, taken, candidates in zip(wanted, found, occupied, matched, strict=True)
    ]
    return await _with_uuids(tx, organization_id, again)


async def _by_keys(tx: Transaction, organization_id: str, wanted: Sequence[Sought]) -> list[_Found]:
    """One look-up for all where that isn't too much, else one for each."""
    keys = [probe_keys(sought.vin) for sought in wanted]
    every = sorted({key for some in keys for key in some})
    rows = await tx.vin_keys.find(organization_id, every, ASSETS_MAX + 1) if every else []
    if len(rows) > ASSETS_MAX and len(wanted) > 1:
        return [found for sought in wanted for found in await _by_keys(tx, organization_id, [sought])]
    if len(rows) > ASSETS_MAX:
        return [await _cut_short(tx, organization_id, wanted[0], keys[0], rows)]
    by_key: dict[str, list[KeyedAsset]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return [_Found(_assets(row for key in some for row in by_key.get(key, ()))) for some in keys]


async def _cut_short(
    tx: Transaction, organization_id: str, sought: Sought, keys: Sequence[str], rows: Sequence[KeyedAsset]
) -> _Found:
    vin = read(sought.vin or "")
    same = await tx.registry.assets.with_vins(organization_id, sorted({vin.normalized, vin.repaired}))
    exact = await tx.registry.assets.of_ids(organization_id, [row.asset_id for row in same if not row.provisional][:ASSETS_MAX])
    end = [key for key in keys if key.startswith(END_KEY)]
    last6 = await tx.vin_keys.count(organization_id, end[0]) if end else None
    return _Found(_assets([*rows, *(KeyedAsset("", asset.asset_id, asset.serial) for asset in exact)]), Shares(None, last6))


def _assets(rows: Iterable[KeyedAsset]) -> list[AssetVin]:
    """Each asset once, whatever its keys."""
    return [AssetVin(asset_id, None, serial) for asset_id, serial in {row.asset_id: row.serial for row in rows}.items()]


async def _with_named(tx: Transaction, organization_id: str, wanted: Sequence[Sought], found: Sequence[_Found]) -> list[_Found]:
    """The same with the assets that Datahub named, those among them that the registry doesn't hold too."""
    named = sorted({uuid for sought in wanted for uuid in sought.named})
    if not named:
        return list(found)
    links = await tx.registry.assets.links_to(organization_id, named)
    serials = {
        asset.asset_id: asset.serial for asset in await tx.registry.assets.of_ids(organization_id, sorted(set(links.values())))
    }
    together = []
    for sought, one in zip(wanted, found, strict=True):
        own = [(links.get(uuid), uuid) for uuid in sought.named]
        ids = {asset_id for asset_id, _ in own}
        others = [asset for asset in one.assets if asset.registry_asset_id not in ids]
        listed = [AssetVin(asset_id, uuid, serials.get(asset_id or ""), named=True) for asset_id, uuid in own]
        together.append(one._replace(assets=[*others, *listed]))
    return together


async def _occupied(
    tx: Transaction, organization_id: str, wanted: Sequence[Sought], matched: Sequence[Sequence[Candidate]]
) -> list[set[str]]:
    """For each, the candidates that another unit of the same type is on."""
    shown = [_ids(candidates) if sought.unit_type else set() for sought, candidates in zip(wanted, matched, strict=True)]
    ids = sorted(set().union(*shown))
    if not ids:
        return [set() for _ in wanted]
    types = sorted({sought.unit_type for sought in wanted if sought.unit_type})
    rows = await tx.registry.assets.open_pairings(organization_id, ids, types)
    return [
        some & {row.asset_id for row in rows if row.unit_type == sought.unit_type and row.unit_id != sought.unit_id}
        for sought, some in zip(wanted, shown, strict=True)
    ]


def _ids(candidates: Sequence[Candidate]) -> set[str]:
    return {candidate.registry_asset_id for candidate in candidates if candidate.registry_asset_id is not None}


def _marked(assets: Sequence[AssetVin], occupied: set[str]) -> list[AssetVin]:
    return [replace(asset, occupied=True) if asset.registry_asset_id in occupied else asset for asset in assets]


def _best(candidates: Sequence[Candidate], most: int) -> tuple[Candidate, ...]:
    return tuple(candidate for place, candidate in enumerate(candidates) if place < most or candidate.named)


async def _with_uuids(
    tx: Transaction, organization_id: str, found: Sequence[tuple[Candidate, ...]]
) -> list[tuple[Candidate, ...]]:
    """The same with a Datahub asset that each asset is, where there is one."""
    bare = {one.registry_asset_id for candidates in found for one in candidates if one.registry_asset_id and not one.asset_id}
    if not bare:
        return list(found)
    links = await tx.registry.assets.links_from([(organization_id, asset_id) for asset_id in sorted(bare)])
    return [
        tuple(
            replace(one, asset_id=links[organization_id, one.registry_asset_id][0])
            if not one.asset_id and one.registry_asset_id and (organization_id, one.registry_asset_id) in links
            else one
            for one in candidates
        )
        for candidates in found
    ]

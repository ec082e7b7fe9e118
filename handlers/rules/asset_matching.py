"""Which asset does an entry mean? By id or alias first, then by a code that was given, else it is a new one."""

from typing import Literal, NamedTuple

from msgspec.structs import replace

from handlers.rules.asset_index import AssetIndex
from handlers.rules.sync_messages import identity_conflict
from schemas.asset_sync import AssetEntry
from schemas.assets import Asset
from schemas.errors import ConflictError


class Match(NamedTuple):
    """The asset meant, None for a new one, and how it was found: `link` is a provisional asset that the new one takes over."""

    asset: Asset | None
    by: Literal["id", "code", "link", "nothing"]


def match(entry: AssetEntry, index: AssetIndex) -> Match:
    """The asset that an entry means. Raises ConflictError if its id and its code name two, or the code one that isn't seen.

    A defaulted code never matches (Asset Sync, "Matching Logic", and what stands there of a code not given).
    """
    known = index.with_identity(entry.external_asset_id)
    coded = None
    if isinstance(entry.code, str) and entry.code:
        coded = index.with_code(entry.code)
        if entry.code in index.held_codes:
            raise ConflictError(identity_conflict(entry.external_asset_id, entry.code))
    if known and coded and known.asset_id != coded.asset_id:
        raise ConflictError(identity_conflict(entry.external_asset_id, coded.code))
    if known:
        return Match(known, "id")
    if coded:
        return Match(coded, "code")
    provisional = index.provisional(entry.serial)
    return Match(provisional, "link") if provisional else Match(None, "nothing")


def identified(asset: Asset, external_asset_id: str) -> Asset:
    """An asset that was found otherwise than by this id: it keeps its own and takes this one as an alias.

    A provisional asset takes it as its own, keeps the old one as the alias, and is provisional no more.
    """
    if asset.origin != "datahub":
        return replace(asset, aliases=(*asset.aliases, external_asset_id))
    aliases = (*asset.aliases, asset.external_asset_id)
    return replace(asset, external_asset_id=external_asset_id, aliases=aliases, origin="sync")

"""The fields of an asset after an entry: absent leaves, null clears, a new asset gets the defaults.

Source: Asset Sync, "Asset Fields". An empty `code`, `siteCode` or `assetTypeName` names nothing and counts as null.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from handlers.rules.asset_changes import is_same
from handlers.rules.asset_index import AssetIndex
from handlers.rules.asset_matching import Match, identified
from handlers.rules.sync_messages import (
    NAME_REQUIRED,
    asset_type_not_found,
    identity_conflict,
    provisional_serial,
    site_not_found,
)
from schemas.asset_sync import AssetEntry
from schemas.assets import Asset, AssetStatus
from schemas.decimals import same_json
from schemas.errors import ConflictError, InvalidInputError
from schemas.readings import JsonObject

Warn = Callable[[str], None]
_Object = TypeVar("_Object", JsonObject, JsonObject | None)


def merged_asset(entry: AssetEntry, match: Match, index: AssetIndex, warn: Warn, now_us: int) -> Asset:
    """The asset that an entry meant, with the entry's fields; the stored one itself where they say nothing new.

    A new one has no assetId yet, and was created now.

    Raises InvalidInputError for a missing name or an unknown asset type, ConflictError for a code that is taken.
    """
    asset = match.asset or _blank(entry.external_asset_id, now_us)
    if match.by in ("code", "link"):
        asset = identified(asset, entry.external_asset_id)
    code, code_given = _code(entry, asset, index)
    status = asset.status if entry.status is UNSET else entry.status
    merged = replace(
        asset,
        name=_name(entry, match, asset),
        code=code,
        code_given=code_given,
        asset_type_name=_asset_type(_named(entry.asset_type_name), asset, index),
        site_code=_site(_named(entry.site_code), asset, index, warn),
        serial=_serial(entry.serial, asset, warn),
        description=_or(entry.description, asset.description),
        custom_fields=merged_custom_fields(asset.custom_fields, entry.custom_fields),
        metadata=_kept(asset.metadata, _or(entry.metadata, asset.metadata)),
        status=status,
        retired_at_us=_retired_at(asset, status, now_us),
    )
    return asset if is_same(asset, merged) else merged


def merged_custom_fields(stored: JsonObject, given: JsonObject | UnsetType | None) -> JsonObject:
    """Custom fields merge by key; null removes one, and null in place of the object removes all."""
    if given is UNSET:
        return stored
    if given is None:
        return _kept(stored, {})
    if all(same_json(stored.get(key), value) for key, value in given.items()):
        return stored
    return {key: value for key, value in {**stored, **given}.items() if value is not None}


def _blank(external_asset_id: str, now_us: int) -> Asset:
    return Asset(
        asset_id="",
        lease_asset_id=0,
        external_asset_id=external_asset_id,
        code=external_asset_id,
        name="",
        created_at_us=now_us,
        updated_at_us=now_us,
    )


def _name(entry: AssetEntry, match: Match, asset: Asset) -> str:
    """Empty or null is always an error; absent is one unless the asset exists by an identity of its own."""
    if isinstance(entry.name, str) and entry.name.strip():
        return entry.name
    if entry.name is UNSET and match.by in ("id", "code"):
        return asset.name
    raise InvalidInputError(NAME_REQUIRED)


def _code(entry: AssetEntry, asset: Asset, index: AssetIndex) -> tuple[str, bool]:
    """The code, and whether it was given: without one the externalAssetId is the code, and it must be free."""
    if isinstance(entry.code, str) and entry.code:
        return entry.code, True
    if entry.code is UNSET and asset.code_given:
        return asset.code, True
    code = asset.external_asset_id
    holder = index.with_code(code)
    if code in index.held_codes or (holder and holder.asset_id != asset.asset_id):
        raise ConflictError(identity_conflict(code, code))
    return code, False


def _asset_type(given: str | UnsetType | None, asset: Asset, index: AssetIndex) -> str | None:
    name: str | None = _or(given, asset.asset_type_name)
    if isinstance(given, str) and given not in index.asset_types:
        raise InvalidInputError(asset_type_not_found(given))
    return name


def _site(given: str | UnsetType | None, asset: Asset, index: AssetIndex, warn: Warn) -> str | None:
    if isinstance(given, str) and given not in index.sites:
        warn(site_not_found(given))
        return asset.site_code
    code: str | None = _or(given, asset.site_code)
    return code


def _serial(given: str | UnsetType | None, asset: Asset, warn: Warn) -> str | None:
    """Of a provisional asset it follows from what Datahub tells, so that it is the same whatever came first."""
    serial: str | None = _or(given, asset.serial)
    if asset.origin == "datahub" and serial != asset.serial:
        warn(provisional_serial(asset.external_asset_id))
        return asset.serial
    return serial


def _named(given: str | UnsetType | None) -> str | UnsetType | None:
    return None if given == "" else given


def _kept(stored: _Object, merged: _Object) -> _Object:
    """The stored object itself where nothing in it changed, so that this is seen at a glance."""
    return stored if same_json(stored, merged) else merged


def _or(given: Any, stored: Any) -> Any:  # noqa: ANN401 - any field, and its own type again
    return stored if given is UNSET else given


def _retired_at(asset: Asset, status: AssetStatus, now_us: int) -> int | None:
    """When the retirement began that is in force; saying RETIRED again doesn't begin another."""
    if status != "RETIRED":
        return None
    return asset.retired_at_us if asset.status == "RETIRED" else now_us

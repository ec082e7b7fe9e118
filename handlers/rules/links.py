"""Which asset of the registry a Datahub asset is (domain: "From pairings to the registry").

An operator's word counts most; else the one asset that has its VIN, if exactly one has; else a provisional asset of its own. It
depends on nothing but what both sides say now, so whatever came first, the links are the same.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from handlers.rules.facts import digest_id
from handlers.rules.vin import read
from schemas.assets import Asset
from schemas.facts import Copy, Fact
from schemas.links import DatahubAsset

_PREFIX = "datahub:"
_ID_DIGITS = 22
_BEFORE_ALL = -(2**63)


def vin_of(text: str | None) -> str | None:
    """A VIN as VINs are compared: normalized, where its verdict isn't invalid."""
    if not text:
        return None
    vin = read(text)
    return None if vin.verdict == "invalid" else vin.normalized


def told(organization_id: str, datahub_asset_id: str, facts: Iterable[Fact]) -> DatahubAsset | None:
    """What facts that count tell of a Datahub asset: the VIN of the latest by (time, key) that has one; None without facts.

    A fact without a VIN (an operator's assertion needs none) says nothing of it.
    """
    facts = list(facts)
    if not facts:
        return None
    latest = max((fact for fact in facts if fact.meaning.asset_vin), key=lambda fact: (fact.at_us, fact.event_key), default=None)
    if latest is None:
        return DatahubAsset(organization_id, datahub_asset_id, _BEFORE_ALL, "", None, None)
    vin = latest.meaning.asset_vin
    return DatahubAsset(organization_id, datahub_asset_id, latest.at_us, latest.event_key, vin, vin_of(vin))


def can_change(known: DatahubAsset | None, copies: Iterable[Copy]) -> bool:
    """Whether new copies can change what is known: it is new, or one that isn't older than what told the VIN tells another."""
    if known is None:
        return True
    return any(
        copy.meaning.asset_vin not in (None, "", known.vin) and (copy.at_us, copy.event_key) >= (known.at_us, known.event_key)
        for copy in copies
    )


def linked_asset(datahub_asset: DatahubAsset, explicit: Mapping[str, str], holders: Mapping[str, Sequence[str]]) -> str | None:
    """The id of the asset that a Datahub asset is; None for a provisional one of its own.

    `explicit` is what operators said, by Datahub asset; `holders` are the assets that have a VIN, provisional ones left out.
    """
    said = explicit.get(datahub_asset.datahub_asset_id)
    if said is not None:
        return said
    found = holders.get(datahub_asset.vin_key, ()) if datahub_asset.vin_key is not None else ()
    return found[0] if len(found) == 1 else None


def provisional_identity(datahub_asset_id: str) -> str:
    """The externalAssetId of the provisional asset of a Datahub asset."""
    return f"{_PREFIX}{datahub_asset_id}"


def datahub_asset_of(identity: str) -> str | None:
    """The Datahub asset whose provisional asset has this externalAssetId; None for any other text."""
    return identity.removeprefix(_PREFIX) if identity.startswith(_PREFIX) else None


def provisional_id(organization_id: str, datahub_asset_id: str, number: int) -> str:
    """The id of the provisional asset of a Datahub asset; the same in every store.

    It is the next number's where a new asset took the one before over, and the Datahub asset turned out to be another after all.
    """
    return digest_id("asset_", (organization_id, datahub_asset_id, number), _ID_DIGITS)


def provisional_of(asset: Asset) -> str | None:
    """The Datahub asset whose provisional asset this is; None if it isn't one."""
    return datahub_asset_of(asset.external_asset_id) if asset.origin == "datahub" else None


def provisional_asset(datahub_asset: DatahubAsset, asset_id: str, lease_asset_id: int, code: str, now_us: int) -> Asset:
    """A new provisional asset."""
    return Asset(
        asset_id=asset_id,
        lease_asset_id=lease_asset_id,
        external_asset_id=provisional_identity(datahub_asset.datahub_asset_id),
        code=code,
        name=_name(datahub_asset.vin, datahub_asset.datahub_asset_id),
        serial=datahub_asset.vin,
        origin="datahub",
        created_at_us=now_us,
        updated_at_us=now_us,
    )


def refreshed(asset: Asset, datahub_asset: DatahubAsset, now_us: int) -> Asset:
    """A provisional asset with the VIN of now; a name that somebody gave it stays."""
    if asset.serial == datahub_asset.vin:
        return asset
    derived = asset.name == _name(asset.serial, datahub_asset.datahub_asset_id)
    name = _name(datahub_asset.vin, datahub_asset.datahub_asset_id) if derived else asset.name
    return replace(asset, serial=datahub_asset.vin, name=name, updated_at_us=now_us)


def _name(vin: str | None, datahub_asset_id: str) -> str:
    return vin or f"Asset {datahub_asset_id[:8]}"

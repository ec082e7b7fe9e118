"""Which assets a sensor's VIN could mean, how sure that is, and what to advise. Nothing is ever paired by it: Datahub decides."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.structs import asdict

from handlers.rules.vin import UNREADABLE, Vin, read, report
from handlers.rules.vin_explain import explain_fit, explain_named
from handlers.rules.vin_tiers import SERIAL_LENGTH, VIS_LENGTH, Fit, fit
from schemas.vin import Advice, AssetVin, Candidate, Shares, VinMatch

# In hundredths, like the scores of the tiers.
SUGGEST_FROM = 90
SUGGEST_MARGIN = 15
REVIEW_FROM = 40
MISMATCH_BELOW = 60
_NAMED = Fit("named", 0)


class Found(NamedTuple):
    """A candidate before it is worded: the asset, its VIN as read, and the tier that fits (`named` if none does)."""

    asset: AssetVin
    vin: Vin | None
    fit: Fit


def match(sensor_vin: str | None, assets: Iterable[AssetVin], shares: Shares | None = None) -> list[Candidate]:
    """The candidates for a sensor's VIN, best first; the order of `assets` doesn't matter.

    `assets` are those that the blocking keys bring (vin_keys.py) and those that Datahub named; each registry asset comes once,
    but for one that Datahub named under several UUIDs. `shares` says how many assets of the organization share the end of the
    sensor's VIN; left out, they are counted among `assets`, which is right unless the lookup by keys was cut short.
    """
    sensor = read(sensor_vin) if sensor_vin else None
    found = [entry for asset in assets if (entry := _find(sensor, asset))]
    found.sort(key=_order)
    counted = shares or count_shares(sensor, found)
    return [_tell(sensor, entry, counted, *_advise(found, place)) for place, entry in enumerate(found)]


def suggestion(candidates: Sequence[Candidate]) -> str | None:
    """The registry id of the candidate that is suggested, if one is."""
    return next((candidate.registry_asset_id for candidate in candidates if candidate.advice == "suggest"), None)


def answer(vin: str, candidates: Sequence[Candidate]) -> VinMatch:
    """What `POST /api/v1/vin/match` answers: the report on the text, the suggestion and the candidates."""
    return VinMatch(**asdict(report(read(vin))), suggestion=suggestion(candidates), candidates=tuple(candidates))


def agree(sensor_vin: str | None, asset_vin: str | None) -> bool | None:
    """Whether two VINs match at 0.60 or more; None where that can't be said, since one of them is missing or invalid."""
    if not sensor_vin or not asset_vin:
        return None
    sensor, asset = read(sensor_vin), read(asset_vin)
    if "invalid" in {sensor.verdict, asset.verdict}:
        return None
    found = fit(sensor, asset)
    return found is not None and found.score >= MISMATCH_BELOW


def mismatch(sensor_vin: str | None, asset_vin: str | None) -> bool:
    """Whether a successful auto pairing is doubtful: both VINs present, neither invalid, and the match below 0.60."""
    return agree(sensor_vin, asset_vin) is False


def count_shares(sensor: Vin | None, found: Iterable[Found]) -> Shares:
    """How many assets end like the sensor's VIN. Whatever does is a candidate: every tier of the ends asks for no more."""
    if sensor is None or sensor.verdict == "invalid":
        return Shares(None, None)
    last8, last6 = sensor.repaired[-VIS_LENGTH:], sensor.repaired[-SERIAL_LENGTH:]
    if UNREADABLE in last6:
        return Shares(None, None)
    same6 = {
        entry.asset.registry_asset_id or entry.asset.asset_id: entry.vin.repaired
        for entry in found
        if entry.vin and entry.vin.verdict != "invalid" and entry.vin.repaired.endswith(last6)
    }
    same8 = sum(vin.endswith(last8) for vin in same6.values()) if len(last8) == VIS_LENGTH and UNREADABLE not in last8 else None
    return Shares(same8, len(same6))


def _find(sensor: Vin | None, asset: AssetVin) -> Found | None:
    vin = read(asset.vin) if asset.vin else None
    best = fit(sensor, vin) if sensor and vin else None
    if best is None and asset.named:
        best = _NAMED
    return Found(asset, vin, best) if best else None


def _order(entry: Found) -> tuple[int, bool, str, str]:
    """Best first; of equals those that Datahub named, then by id, so that the order never depends on the lookup."""
    return -entry.fit.score, not entry.asset.named, entry.asset.registry_asset_id or "", entry.asset.asset_id or ""


def _advise(found: Sequence[Found], place: int) -> tuple[Advice, str]:
    """The advice on the candidate at `place` of the sorted list, and what stood against a suggestion."""
    entry = found[place]
    score = entry.fit.score
    reason = "another unit of the same type is on this asset" if entry.asset.occupied else ""
    if place == 0 and score >= SUGGEST_FROM:
        rival = next((other.fit.score for other in found[1:] if not _same(entry.asset, other.asset)), 0)
        if score - rival >= SUGGEST_MARGIN and not reason:
            return "suggest", ""
        if score - rival < SUGGEST_MARGIN:
            close = f"not clearly ahead of the next, which scores {rival / 100:.2f}"
            reason = f"{reason}; {close}" if reason else close
    return ("review" if score >= REVIEW_FROM else "none"), reason


def _same(asset: AssetVin, other: AssetVin) -> bool:
    """Whether two entries are one registry asset, which Datahub knows by several UUIDs."""
    return asset.registry_asset_id is not None and asset.registry_asset_id == other.registry_asset_id


def _tell(sensor: Vin | None, entry: Found, shares: Shares, advice: Advice, reason: str) -> Candidate:
    asset = entry.asset
    if sensor and entry.vin and entry.fit.tier != "named":
        explanation = explain_fit(sensor, entry.vin, entry.fit, shares)
        if asset.named:
            explanation += "; named by Datahub"
    else:
        explanation = explain_named(sensor, asset, entry.vin)
    return Candidate(
        registry_asset_id=asset.registry_asset_id,
        asset_id=asset.asset_id,
        vin=asset.vin,
        score=entry.fit.score / 100,
        tier=entry.fit.tier,
        advice=advice,
        explanation=f"{explanation}; {reason}" if reason else explanation,
        named=asset.named,
    )

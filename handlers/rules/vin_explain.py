"""Why a candidate is one, in words that a dispatcher can act on."""

from handlers.rules.vin import UNREADABLE, VIN_LENGTH, Vin, check_digit, check_digit_binds, problems
from handlers.rules.vin_tiers import SERIAL_LENGTH, VIS_LENGTH, Fit
from schemas.vin import AssetVin, CheckDigit, Shares, Tier

_PARTLY_EQUAL: dict[Tier, str] = {
    "vis": f"last {VIS_LENGTH} characters equal",
    "serial": f"only the last {SERIAL_LENGTH} characters equal",
    "sibling": "same series but another serial number, most likely a sister vehicle: fleets buy consecutive VINs",
}
_SAME_LAST_8 = frozenset[Tier](("exact", "normalized", "suffix", "vis"))
_VERDICTS: dict[CheckDigit, str] = {"valid": "holds", "invalid": "fails", "not-applicable": "isn't used"}


def explain_fit(sensor: Vin, asset: Vin, found: Fit, shares: Shares) -> str:
    """What is equal, what contradicts, what was repaired, how many assets share the end, and what the check digits say."""
    parts = (
        _equal(sensor, asset, found),
        _differences(sensor, asset, found),
        _repairs("sensor", sensor),
        _repairs("asset", asset),
        _shared(found, shares),
        _check_digits(sensor, asset),
    )
    return "; ".join(filter(None, parts))


def explain_named(sensor: Vin | None, candidate: AssetVin, asset: Vin | None) -> str:
    """Why no rule says anything of an asset that Datahub named."""
    if candidate.registry_asset_id is None and asset is None:
        return "named by Datahub; the registry holds no such asset"
    if asset is None:
        return "named by Datahub; its VIN isn't known"
    if asset.verdict == "invalid":
        return f"named by Datahub; its VIN is invalid: {problems(asset)[0]}"
    if sensor is None:
        return "named by Datahub; the sensor has no VIN"
    if sensor.verdict == "invalid":
        return f"named by Datahub; the sensor's VIN is invalid: {problems(sensor)[0]}"
    return "named by Datahub; no rule finds its VIN in the sensor's"


def _equal(sensor: Vin, asset: Vin, found: Fit) -> str:
    match found.tier:
        case "exact":
            return f"all {VIN_LENGTH} characters equal"
        case "normalized":
            how = "repaired" if sensor.normalized != asset.normalized else "normalized"
            return f"all {len(sensor.repaired)} characters equal once {how}"
        case "suffix" | "suffix6":
            return _suffix(sensor, asset, found)
        case "confusable":
            what = "one look-alike character" if len(found.differ) == 1 else "two neighbours the other way round"
            return f"equal but for {what}{_mended(sensor, asset)}"
        case tier:
            return _PARTLY_EQUAL.get(tier, "")


def _suffix(sensor: Vin, asset: Vin, found: Fit) -> str:
    length = min(len(sensor.repaired), len(asset.repaired))
    shorter, longer = ("sensor", "asset") if len(sensor.repaired) == length else ("asset", "sensor")
    few = ", too few to be sure" if found.tier == "suffix6" else ""
    return f"the {shorter}'s {length} characters are the last {length} of the {longer}'s VIN{few}"


def _mended(sensor: Vin, asset: Vin) -> str:
    if not check_digit_binds(sensor.repaired) and not check_digit_binds(asset.repaired):
        return ""
    return f", and with the {'asset' if check_digit(asset) == 'valid' else 'sensor'}'s reading the check digit holds"


def _differences(sensor: Vin, asset: Vin, found: Fit) -> str:
    """`position 9 is F on the sensor, 3 on the asset`, for each position that differs."""
    parts = [
        f"position {position} is {_shown(sensor, position)} on the sensor, {_shown(asset, position)} on the asset"
        for position in found.differ
    ]
    return "; ".join(parts)


def _shown(vin: Vin, position: int) -> str:
    character = vin.repaired[position - VIN_LENGTH - 1]
    return "unreadable" if character == UNREADABLE else character


def _repairs(whose: str, vin: Vin) -> str:
    """`position 12 of the sensor: O read as 0`, for each character that was repaired."""
    if vin.normalized == vin.repaired:
        return ""
    length = len(vin.repaired)
    parts = [f"leading barcode I of the {whose} dropped"] if len(vin.normalized) > length else []
    first = VIN_LENGTH - length + 1
    for position, (before, after) in enumerate(zip(vin.normalized[-length:], vin.repaired, strict=True), first):
        if before != after:
            parts.append(f"position {position} of the {whose}: {before} read as {after}")
    return "; ".join(parts)


def _shared(found: Fit, shares: Shares) -> str:
    """`1 asset shares these 8, 3 the last 6`: how far the end of the sensor's VIN tells assets apart."""
    if shares.last6 is None:
        return ""
    if shares.last8 is None:
        return f"{_assets(shares.last6)} the last {SERIAL_LENGTH}"
    which = "these" if found.tier in _SAME_LAST_8 else "the sensor's last"
    return f"{_assets(shares.last8)} {which} {VIS_LENGTH}, {shares.last6} the last {SERIAL_LENGTH}"


def _assets(count: int) -> str:
    return f"{count} asset shares" if count == 1 else f"{count} assets share"


def _check_digits(sensor: Vin, asset: Vin) -> str:
    """The check digits of those that have all 17 characters; advisory, they never change a score."""
    of_sensor, of_asset = _check_word(sensor), _check_word(asset)
    if of_sensor == of_asset:
        return f"check digit {of_sensor} on both" if of_sensor else ""
    said = [f"{word} on the {whose}" for whose, word in (("sensor", of_sensor), ("asset", of_asset)) if word]
    return f"check digit {', '.join(said)}"


def _check_word(vin: Vin) -> str | None:
    return _VERDICTS[check_digit(vin)] if vin.verdict == "valid" else None

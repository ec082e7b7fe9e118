"""VINs: what a check says of a text, and which assets could be meant by it."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Verdict = Literal["valid", "partial", "invalid"]
CheckDigit = Literal["valid", "invalid", "not-applicable"]
Tier = Literal["exact", "normalized", "suffix", "confusable", "vis", "suffix6", "serial", "sibling", "named"]
Advice = Literal["suggest", "review", "none"]


class VinReport(Struct, frozen=True, rename="camel"):
    """What can be said of a text by itself.

    `normalized` is the text without separators, padding and look-alike letters of other scripts, `repaired` the same with I, O, Q
    read as digits. `wmi`, `vds` and `vis` are positions 1-3, 4-9 and 10-17 (ISO 3779) of a
    valid VIN. `problems` say why a text is invalid, or what was mended in it. The check digit is advisory: it never decides.
    """

    normalized: str
    repaired: str
    verdict: Verdict
    valid: bool
    problems: tuple[str, ...]
    wmi: str | None
    vds: str | None
    vis: str | None
    check_digit: CheckDigit


class Candidate(Struct, frozen=True, rename="camel"):
    """An asset that a sensor's VIN could mean.

    `score` is 0 to 1, `named` says that Datahub listed it, and `asset_id` is Datahub's UUID.
    """

    registry_asset_id: str | None
    asset_id: str | None
    vin: str | None
    score: float
    tier: Tier
    advice: Advice
    explanation: str
    named: bool


class VinMatchRequest(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """The body of `POST /api/v1/vin/match`; `unit_type` tells which units already on an asset stand against a suggestion."""

    vin: Annotated[str, Meta(max_length=1000)]
    unit_type: Annotated[str, Meta(max_length=256)] | None = None


class VinMatch(VinReport, frozen=True, rename="camel"):
    """The answer of `POST /api/v1/vin/match`. `suggestion` is a registryAssetId; candidates come best first."""

    suggestion: str | None
    candidates: tuple[Candidate, ...]


class AssetVin(Struct, frozen=True):
    """An asset as the matching rules see it; `vin` is the text as recorded.

    `registry_asset_id` is None for an asset that Datahub named and the registry doesn't hold. `occupied` says that another unit
    of the same type is on it.
    """

    registry_asset_id: str | None
    asset_id: str | None
    vin: str | None
    named: bool = False
    occupied: bool = False


class Shares(Struct, frozen=True):
    """How many assets share the last 8 and the last 6 characters of a sensor's VIN; None where it has fewer."""

    last8: int | None
    last6: int | None

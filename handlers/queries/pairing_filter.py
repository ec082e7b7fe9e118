"""Which pairings a request asks for."""

from typing import Annotated, Literal

from msgspec import Meta

from handlers.queries.as_of import AsOf


class PairingFilter(AsOf, frozen=True, kw_only=True):
    """Parameters of the list of pairings and of its export."""

    state: Annotated[Literal["open", "closed"] | None, Meta(description="Intervals that have no end, or have one.")] = None
    unit_id: Annotated[str | None, Meta(description="Pairings of this unit.")] = None
    asset_id: Annotated[str | None, Meta(description="Pairings with this asset, by its Datahub UUID.")] = None
    unit_type: Annotated[str | None, Meta(description="Pairings of units of this type.")] = None
    vin: Annotated[str | None, Meta(description="Pairings whose asset VIN is this, as Datahub told it.")] = None
    reason: Annotated[Literal["ManualPair", "AutoPair", "Asserted"] | None, Meta(description="How they came about.")] = None
    updated_since_us: Annotated[int | None, Meta(description="Pairings that were written at or after this time.")] = None


class OfAssets(PairingFilter, frozen=True, kw_only=True):
    """Pairings with any of these Datahub UUIDs, all of which are one asset of the registry; no parameter says so."""

    asset_ids: tuple[str, ...] | None = None

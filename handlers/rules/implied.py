"""What open pairings imply for the meters of assets (domain: "From pairings to the registry")."""

from collections.abc import Collection, Iterable, Mapping

from schemas.registry_records import OpenPairing

# Which meters a unit of a type delivers, as the settings say it.
UnitMeters = Mapping[str, Collection[str]]
# By assetId, then by meter code: the units that imply the meter, sorted.
Implied = dict[str, dict[str, tuple[str, ...]]]


def implied_meters(pairings: Iterable[OpenPairing], unit_meters: UnitMeters, existing: Collection[str]) -> Implied:
    """The meters that units which are on assets now imply for them, as far as such meters exist."""
    found: dict[str, dict[str, set[str]]] = {}
    for asset_id, unit_id, unit_type in pairings:
        for code in unit_meters.get(unit_type, ()):
            if code in existing:
                found.setdefault(asset_id, {}).setdefault(code, set()).add(unit_id)
    return {
        asset_id: {code: tuple(sorted(units)) for code, units in sorted(meters.items())} for asset_id, meters in found.items()
    }

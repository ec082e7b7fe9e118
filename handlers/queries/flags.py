"""Pairings as they are shown, with the flags that are computed on reading."""

from collections.abc import Iterable, Sequence

from handlers.ports import Transaction
from handlers.queries.known import known_neighbours
from handlers.rules.conflicts import find_conflicts, pairing_flags
from handlers.rules.views import pairing_view, unit_type
from schemas.answers import Pairing
from schemas.pairing import Interval
from schemas.unit_rows import NeighbourRow

# An interval with its organization and unit.
Owned = tuple[str, str, Interval]


async def show_pairings(tx: Transaction, owned: Sequence[Owned], known_at_us: int | None = None) -> list[Pairing]:
    """Intervals on the wire, in their order; what they conflict with is what is known now, or was at a time.

    Which assets of the registry they are on is what is linked now.
    """
    assets = _assets(owned)
    if not assets:
        neighbours: list[NeighbourRow] = []
    elif known_at_us is None:
        neighbours = await tx.pairings.neighbours(assets)
    else:
        neighbours = await known_neighbours(tx, assets, known_at_us)
    conflicts = find_conflicts(neighbours)
    named = sorted({(organization_id, interval.asset_id) for organization_id, _, interval in owned})
    links = await tx.links.linked(named) if named else {}
    return [
        pairing_view(
            organization_id,
            unit_id,
            interval,
            registry_asset_id=links.get((organization_id, interval.asset_id)),
            flags=pairing_flags(conflicts, organization_id, unit_id, interval),
        )
        for organization_id, unit_id, interval in owned
    ]


def _assets(owned: Iterable[Owned]) -> list[tuple[str, str]]:
    """The assets on which a conflict can be: those of units that have a type, from a known start."""
    return sorted(
        {
            (organization_id, interval.asset_id)
            for organization_id, unit_id, interval in owned
            if interval.paired_at_us is not None and unit_type(unit_id)
        }
    )

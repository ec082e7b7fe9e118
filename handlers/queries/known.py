"""What was known at a time: units folded from what had been recorded of them by then, a few at once."""

from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.refold import load_recorded
from handlers.rules.statements import fold_recorded
from handlers.rules.units import UnitFold
from handlers.rules.views import unit_type
from handlers.unit_ports import Unit
from schemas.unit_rows import NeighbourRow

FOLDED_AT_ONCE = 100


async def known_folds(tx: Transaction, units: Sequence[Unit], known_at_us: int) -> dict[Unit, UnitFold]:
    """The folds of those units of which anything was known."""
    recorded = await load_recorded(tx, units, known_at_us) if units else {}
    return {unit: fold_recorded(each) for unit, each in recorded.items() if not each.is_empty}


async def known_neighbours(tx: Transaction, assets: Sequence[tuple[str, str]], known_at_us: int) -> list[NeighbourRow]:
    """Who was on assets, given by (organization, asset id), and when, as it was known; like `Pairings.neighbours`."""
    by_organization: dict[str, set[str]] = {}
    for organization_id, asset_id in assets:
        by_organization.setdefault(organization_id, set()).add(asset_id)
    found: list[NeighbourRow] = []
    for organization_id, asset_ids in by_organization.items():
        after = ("", "")
        while units := await tx.pairings.units_naming(sorted(asset_ids), organization_id, after, FOLDED_AT_ONCE):
            after = units[-1]
            for (_, unit_id), fold in (await known_folds(tx, units, known_at_us)).items():
                found += _neighbours(organization_id, unit_id, fold, asset_ids)
    return found


def _neighbours(organization_id: str, unit_id: str, fold: UnitFold, asset_ids: set[str]) -> list[NeighbourRow]:
    kind = unit_type(unit_id)
    return [
        NeighbourRow(organization_id, interval.asset_id, unit_id, kind, interval.paired_at_us, interval.unpaired_at_us)
        for interval in fold.intervals
        if kind and interval.asset_id in asset_ids and interval.paired_at_us is not None
    ]

"""Which assets the sensor of a case could mean, found on reading. The one place that gathers them for the matching rules."""

from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.queries.vin import CANDIDATES_MAX, Sought, find_vins
from handlers.rules.views import unit_type
from schemas.unit_rows import CaseRow
from schemas.vin import Candidate


async def find_candidates(tx: Transaction, rows: Sequence[CaseRow], most: int = CANDIDATES_MAX) -> list[tuple[Candidate, ...]]:
    """The candidates of each case, best first: `most` assets whose VIN could be meant, and those that Datahub named."""
    found: dict[tuple[str, str], tuple[Candidate, ...]] = {}
    for organization_id in sorted({row.organization_id for row in rows}):
        cases = [row for row in rows if row.organization_id == organization_id]
        wanted = [
            Sought(row.episode.sensor_vin, unit_type(row.unit_id), row.unit_id, row.episode.candidate_asset_ids) for row in cases
        ]
        candidates = await find_vins(tx, organization_id, wanted, most)
        found |= {(organization_id, row.case_id): each for row, each in zip(cases, candidates, strict=True)}
    return [found[row.organization_id, row.case_id] for row in rows]

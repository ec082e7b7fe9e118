"""Which assets the sensor of a case could mean, found on reading. The one place that gathers them for the matching rules."""

from collections.abc import Sequence

from handlers.ports import Transaction
from handlers.rules.vin_match import match
from schemas.records import CaseRow
from schemas.vin import AssetVin, Candidate


async def find_candidates(_: Transaction, rows: Sequence[CaseRow]) -> list[tuple[Candidate, ...]]:
    """The candidates of each case, best first: the assets that Datahub named."""
    return [tuple(match(row.episode.sensor_vin, _named(row))) for row in rows]


def _named(row: CaseRow) -> list[AssetVin]:
    return [AssetVin(None, asset_id, None, named=True) for asset_id in row.episode.candidate_asset_ids]

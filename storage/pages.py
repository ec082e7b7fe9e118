"""Pages of lists whose newest rows come first."""

from collections.abc import Mapping

from storage.engine import Connection, Row
from storage.statements import Statement


async def newest_first(
    connection: Connection,
    statement: Statement,
    before: tuple[str, int, str],
    limit: int,
    organization_id: str | None,
    filters: Mapping[str, object],
) -> list[Row]:
    """Rows from before (organization, time, id), of one organization or of all."""
    return await connection.fetch(
        statement,
        before_organization_id=before[0],
        before_us=before[1],
        before_id=before[2],
        all_organizations=organization_id is None,
        limit=limit,
        organization_id=organization_id,
        **filters,
    )

"""How much there is of everything."""

from schemas.service_records import OverviewRecord
from storage.engine import Connection, Row
from storage.statements import Statement, load

SQL = load("overview")


class OverviewTables:
    """Implements `handlers.service_ports.Overview`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def count(self, now_us: int) -> OverviewRecord:
        """Everything counted, as of `now_us` where a deadline decides."""
        batches, applied, duplicates, quarantined, ignored = await self._row(SQL["count_batches"])
        (deliveries,) = await self._row(SQL["count_deliveries"])
        (pairings,) = await self._row(SQL["count_pairings"])
        cases, escalated = await self._row(SQL["count_cases"], now_us=now_us)
        rejected, rejected_bytes, oldest_us = await self._row(SQL["count_rejected"])
        (clients,) = await self._row(SQL["count_clients"])
        return OverviewRecord(
            deliveries=deliveries,
            batches=batches,
            applied=applied,
            duplicates=duplicates,
            quarantined=quarantined,
            ignored=ignored,
            units=dict(await self._connection.fetch(SQL["count_units"])),
            pairings=pairings,
            cases=cases,
            cases_escalated=escalated,
            rejected=rejected,
            rejected_bytes=rejected_bytes,
            rejected_oldest_us=oldest_us,
            clients=clients,
        )

    async def _row(self, statement: Statement, **values: object) -> Row:
        """The one row that a count gives."""
        (row,) = await self._connection.fetch(statement, **values)
        return row

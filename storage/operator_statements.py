"""What operators said."""

from collections.abc import Sequence

from handlers.unit_ports import Unit
from schemas.statements import Statement
from schemas.unit_rows import StatementRow
from schemas.wire import to_json_text
from storage.engine import Connection, Row
from storage.rows import columns, decode_details
from storage.statements import load

SQL = load("operator_statements")


def _statement(row: Row) -> Statement:
    organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details = row[:11]
    return Statement(
        organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, decode_details(details)
    )


def _row(row: Row) -> StatementRow:
    return StatementRow(_statement(row), row[11])


class OperatorStatementTable:
    """Implements `handlers.unit_ports.OperatorStatements`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def put(self, rows: Sequence[Statement]) -> None:
        """Add statements."""
        await self._connection.execute_many(
            SQL["insert_statement"],
            [
                (
                    row.organization_id,
                    row.seq,
                    row.kind,
                    row.unit_id,
                    row.event_key,
                    row.asset_id,
                    row.fact_at_us,
                    to_json_text(row.details),
                    row.actor,
                    row.note,
                    row.at_us,
                )
                for row in rows
            ],
        )

    async def of_units(self, units: Sequence[Unit], known_at_us: int | None = None) -> dict[Unit, list[Statement]]:
        """The statements about units, oldest first."""
        organization_ids, unit_ids = columns(units)
        found: dict[Unit, list[Statement]] = {}
        for row in await self._connection.fetch(
            SQL["of_units"], organization_ids=organization_ids, unit_ids=unit_ids, known_at_us=known_at_us
        ):
            statement = _statement(row)
            found.setdefault((statement.organization_id, statement.unit_id), []).append(statement)
        return found

    async def about(self, keys: Sequence[tuple[str, str]]) -> list[StatementRow]:
        """The statements about facts, oldest first."""
        organization_ids, event_keys = columns(keys)
        rows = await self._connection.fetch(SQL["about"], organization_ids=organization_ids, event_keys=event_keys)
        return [_row(row) for row in rows]

    async def find_assertion(self, event_key: str, organization_id: str | None) -> StatementRow | None:
        """The first statement that asserts a fact."""
        row = await self._connection.fetch_one(SQL["find_assertion"], event_key=event_key, organization_id=organization_id)
        return _row(row) if row else None

    async def list_assertions(
        self, before: int, limit: int, organization_id: str | None, **filters: object
    ) -> list[StatementRow]:
        """Assertions, newest first, from before a sequence number."""
        rows = await self._connection.fetch(
            SQL["list_assertions"], before=before, limit=limit, organization_id=organization_id, **filters
        )
        return [_row(row) for row in rows]

"""How an engine would go about a statement: for tests that an index serves a query."""

from storage.engine import Connection, Engine
from storage.statements import Statement, parse

_PREFER_INDEXES = parse(
    """
-- name: prefer_indexes
-- A table of a few rows is read whole, unless that looks dear.
SELECT set_config('enable_seqscan', 'off', true)
"""
)["prefer_indexes"]


async def query_plan(engine: Engine, statement: Statement, /, **values: object) -> str:
    """The plan as text, a line for each step. On PostgreSQL a table is read whole only where no index will do."""

    async def explain(connection: Connection) -> str:
        if connection.dialect == "postgres":
            await connection.fetch(_PREFER_INDEXES)
            return "\n".join(row[0] for row in await connection.fetch(statement.prefixed("EXPLAIN"), **values))
        return "\n".join(row[3] for row in await connection.fetch(statement.prefixed("EXPLAIN QUERY PLAN"), **values))

    return await engine.read(explain)

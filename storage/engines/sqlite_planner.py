"""What SQLite's query planner is told of our tables.

Knowing nothing, it takes one column for as good as another, and rather reads all that an organization has than use an index that
begins with the organization and goes on with a key; and what ANALYZE finds in a young database soon isn't so any more. So with
each migration it is told once which columns have few values, and its plans follow from the schema alone.
"""

from storage.engine import Connection

# What the table holds (sqlite.org/fileformat2.html, "The sqlite_stat1 table") is the rows of an index, then for each beginning of
# its columns how many rows are alike in it. The numbers are of a size that makes the difference; a partial index is a small one.
_TELL = """
ANALYZE sqlite_schema; -- makes the table
DELETE FROM sqlite_stat1;
INSERT INTO sqlite_stat1 (tbl, idx, stat)
SELECT tbl, idx, rows || ' ' || group_concat(alike, ' ')
FROM (
  SELECT tbl, idx, rows, CASE WHEN is_last AND is_unique THEN 1 WHEN all_coarse THEN rows >> 3 * place ELSE 10 END AS alike
  FROM (
    SELECT tables.name AS tbl,
           CASE WHEN indexes.origin = 'pk' AND tables.wr THEN tables.name ELSE indexes.name END AS idx,
           CASE WHEN indexes.partial THEN 100000 ELSE 1000000 END AS rows,
           columns.seqno + 1 AS place,
           indexes."unique" AS is_unique,
           columns.seqno = max(columns.seqno) OVER (PARTITION BY indexes.name) AS is_last,
           min(coalesce(columns.name, '') IN (
             'organization_id', 'kind', 'outcome', 'reason', 'state', 'status', 'subscription', 'unit_type'
           )) OVER (PARTITION BY indexes.name ORDER BY columns.seqno) AS all_coarse
    FROM pragma_table_list AS tables
    JOIN pragma_index_list(tables.name) AS indexes
    JOIN pragma_index_info(indexes.name) AS columns
    WHERE tables.schema = 'main' AND tables.name NOT LIKE 'sqlite!_%' ESCAPE '!'
  )
  ORDER BY tbl, idx, place
)
GROUP BY tbl, idx;
ANALYZE sqlite_schema; -- reads it
"""


async def tell_planner(connection: Connection) -> None:
    """Write what is assumed of the tables and indexes that there are now."""
    await connection.script(_TELL)

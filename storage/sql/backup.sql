-- What storage/engines asks while it makes a backup.

-- name: export_snapshot
-- The name under which another connection can see what this transaction sees; a connection of SQLite copies what it sees itself.
-- only: sqlite
SELECT ''
-- only: postgres
SELECT pg_export_snapshot()

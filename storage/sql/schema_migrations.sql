-- What storage/migrations.py asks.

-- name: lock
-- One process migrates at a time: on SQLite the write transaction sees to it.
-- only: sqlite
SELECT 1
-- only: postgres
SELECT pg_advisory_xact_lock(CAST(:key AS BIGINT))

-- name: find_records
-- Whether migrations are recorded in this database at all.
-- only: sqlite
SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'
-- only: postgres
SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = current_schema() AND tablename = 'schema_migrations'

-- name: create_records
-- The table of what was applied.
-- only: sqlite
CREATE TABLE schema_migrations (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL, applied_at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID
-- only: postgres
CREATE TABLE schema_migrations (
  name TEXT COLLATE "C" PRIMARY KEY, sha256 TEXT COLLATE "C" NOT NULL, applied_at_us BIGINT NOT NULL
)

-- name: list_records
-- What was applied, in order.
SELECT name, sha256 FROM schema_migrations ORDER BY name

-- name: insert_record
-- A migration is applied.
INSERT INTO schema_migrations (name, sha256, applied_at_us) VALUES (:name, :sha256, :applied_at_us)

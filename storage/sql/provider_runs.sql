-- name: see_provider
-- A provider that may never have been seen before.
INSERT INTO providers (organization_id, provider, first_seen_us, scheduled_us)
VALUES (:organization_id, :provider, :now_us, NULL)
ON CONFLICT (organization_id, provider) DO NOTHING

-- name: take_provider
-- A provider, locked.
SELECT organization_id, provider, first_seen_us, scheduled_us
FROM providers
WHERE organization_id = :organization_id AND provider = :provider for_update

-- name: find_provider
-- A provider.
SELECT organization_id, provider, first_seen_us, scheduled_us
FROM providers
WHERE organization_id = :organization_id AND provider = :provider

-- name: set_scheduled
-- A run has been started for a scheduled instant.
UPDATE providers SET scheduled_us = :scheduled_us WHERE organization_id = :organization_id AND provider = :provider

-- name: put_run
-- A run as it stands.
INSERT INTO provider_runs (organization_id, run_id, provider, environment, trigger_kind, actor, streams, status, attempt,
                           definition_hash, requested_at_us, scheduled_at_us, not_before_us, started_at_us, ended_at_us, holder,
                           replayed, error)
VALUES (:organization_id, :run_id, :provider, :environment, :trigger_kind, :actor, :streams, :status, :attempt,
        :definition_hash, :requested_at_us, :scheduled_at_us, :not_before_us, :started_at_us, :ended_at_us, :holder,
        :replayed, :error)
ON CONFLICT (organization_id, run_id) DO UPDATE
SET status = excluded.status, definition_hash = excluded.definition_hash, scheduled_at_us = excluded.scheduled_at_us,
    not_before_us = excluded.not_before_us, started_at_us = excluded.started_at_us, ended_at_us = excluded.ended_at_us,
    holder = excluded.holder, replayed = excluded.replayed, error = excluded.error

-- name: find_run
-- One run.
SELECT organization_id, run_id, provider, environment, trigger_kind, actor, streams, status, attempt, definition_hash,
       requested_at_us, scheduled_at_us, not_before_us, started_at_us, ended_at_us, holder, replayed, error
FROM provider_runs
WHERE run_id = :run_id
  AND organization_id = :organization_id --? organization_id

-- name: list_runs
-- Runs of a provider, newest first.
SELECT organization_id, run_id, provider, environment, trigger_kind, actor, streams, status, attempt, definition_hash,
       requested_at_us, scheduled_at_us, not_before_us, started_at_us, ended_at_us, holder, replayed, error
FROM provider_runs
WHERE organization_id = :organization_id AND provider = :provider AND run_id < :before
ORDER BY run_id DESC
LIMIT :limit

-- name: open_runs
-- Runs that wait or are under way.
SELECT organization_id, run_id, provider, environment, trigger_kind, actor, streams, status, attempt, definition_hash,
       requested_at_us, scheduled_at_us, not_before_us, started_at_us, ended_at_us, holder, replayed, error
FROM provider_runs
WHERE organization_id = :organization_id AND provider = :provider AND status IN ('queued', 'running')
ORDER BY run_id

-- name: ended_before
-- Runs that ended before a time, but not the last one of their provider.
SELECT ended.organization_id, ended.run_id
FROM provider_runs AS ended
WHERE ended.ended_at_us < :before_us
  AND EXISTS (
    SELECT 1
    FROM provider_runs AS later
    WHERE later.organization_id = ended.organization_id AND later.provider = ended.provider AND later.run_id > ended.run_id
  )
ORDER BY ended.ended_at_us
LIMIT :limit

-- name: delete_streams
-- How the streams of a run went.
DELETE FROM provider_run_streams WHERE organization_id = :organization_id AND run_id = :run_id

-- name: delete_run
-- A run.
DELETE FROM provider_runs WHERE organization_id = :organization_id AND run_id = :run_id

-- name: put_stream
-- How a stream went.
INSERT INTO provider_run_streams (organization_id, run_id, stream, place, entity, status, is_full, pages, fetched, created, updated,
                                  unchanged, quarantined, unidentified, deactivated, absence, errors, errors_total,
                                  started_at_us, ended_at_us)
VALUES (:organization_id, :run_id, :stream, :place, :entity, :status, :is_full, :pages, :fetched, :created, :updated,
        :unchanged, :quarantined, :unidentified, :deactivated, :absence, :errors, :errors_total,
        :started_at_us, :ended_at_us)

-- name: streams_of
-- How the streams of some runs went.
SELECT organization_id, run_id, stream, place, entity, status, is_full, pages, fetched, created, updated, unchanged, quarantined,
       unidentified, deactivated, absence, errors, errors_total, started_at_us, ended_at_us
FROM provider_run_streams
WHERE organization_id = :organization_id AND run_id in_ints(:run_ids)
ORDER BY run_id, place

-- name: watermarks
-- How far each scope of a stream is.
SELECT scope, watermark_us
FROM provider_watermarks
WHERE organization_id = :organization_id AND provider = :provider AND environment = :environment AND stream = :stream

-- name: set_watermark
-- How far a scope of a stream is; it never goes back.
INSERT INTO provider_watermarks (organization_id, provider, environment, stream, scope, watermark_us)
VALUES (:organization_id, :provider, :environment, :stream, :scope, :watermark_us)
ON CONFLICT (organization_id, provider, environment, stream, scope) DO UPDATE
SET watermark_us = excluded.watermark_us
WHERE provider_watermarks.watermark_us < excluded.watermark_us

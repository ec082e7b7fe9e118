-- name: count_batches
-- Batches, and their entries by what became of them; one that names several organizations is counted once.
SELECT count(DISTINCT batch_id), CAST(coalesce(sum(applied), 0) AS BIGINT), CAST(coalesce(sum(duplicates), 0) AS BIGINT),
       CAST(coalesce(sum(quarantined), 0) AS BIGINT), CAST(coalesce(sum(ignored), 0) AS BIGINT)
FROM batches

-- name: count_deliveries
-- Deliveries that were taken in.
SELECT count(*) FROM deliveries

-- name: count_units
-- Units by state.
SELECT status, count(*) FROM units GROUP BY status

-- name: count_pairings
-- Intervals, open and closed.
SELECT count(*) FROM pairings

-- name: count_cases
-- Cases that are neither resolved nor dismissed, and those of them that are past their deadline.
SELECT count(*), count(CASE WHEN deadline_us < :now_us THEN 1 END)
FROM cases
WHERE resolved_at_us IS NULL AND dismissed_at_us IS NULL

-- name: count_rejected
-- Deliveries held in the ring, the size of their bodies, and when the oldest came.
SELECT count(*), CAST(coalesce(sum(body_bytes), 0) AS BIGINT), min(received_at_us) FROM rejected

-- name: count_clients
-- API clients that aren't revoked.
SELECT count(*) FROM clients WHERE revoked_at_us IS NULL

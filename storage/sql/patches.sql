-- name: next_job
-- The next job's id. The row stays locked until the commit, so jobs become visible in the order of their ids.
UPDATE counters SET value = value + 1 WHERE name = 'patch_job' RETURNING value

-- name: insert_job
-- A job that was accepted.
INSERT INTO patch_jobs (organization_id, job_id, client_id, idempotency_key, fingerprint, status, total, done, succeeded,
                        created_at_us, started_at_us, ended_at_us, worker, lease_until_us)
VALUES (:organization_id, :job_id, :client_id, :idempotency_key, :fingerprint, :status, :total, :done, :succeeded,
        :created_at_us, :started_at_us, :ended_at_us, :worker, :lease_until_us)

-- name: insert_chunk
-- Some of a job's patches.
INSERT INTO patch_chunks (organization_id, job_id, first, patches) VALUES (:organization_id, :job_id, :first, :patches)

-- name: insert_error
-- Why an asset was not patched.
INSERT INTO patch_errors (organization_id, job_id, place, asset_id, message)
VALUES (:organization_id, :job_id, :place, :asset_id, :message)

-- name: find_job
-- One job.
SELECT organization_id, job_id, client_id, idempotency_key, fingerprint, status, total, done, succeeded,
       created_at_us, started_at_us, ended_at_us, worker, lease_until_us
FROM patch_jobs
WHERE job_id = :job_id
  AND organization_id = :organization_id --? organization_id

-- name: find_job_by_key
-- The job that a client's request with this key became.
SELECT organization_id, job_id, client_id, idempotency_key, fingerprint, status, total, done, succeeded,
       created_at_us, started_at_us, ended_at_us, worker, lease_until_us
FROM patch_jobs
WHERE client_id = :client_id AND idempotency_key = :idempotency_key

-- name: list_jobs
-- Jobs, newest first.
SELECT organization_id, job_id, client_id, idempotency_key, fingerprint, status, total, done, succeeded,
       created_at_us, started_at_us, ended_at_us, worker, lease_until_us
FROM patch_jobs
WHERE job_id < :before
  AND organization_id = :organization_id --? organization_id
  AND status = :status --? status
ORDER BY job_id DESC
LIMIT :limit

-- name: errors_of
-- What went wrong in some jobs, in the order of their requests.
SELECT job_id, place, asset_id, message
FROM patch_errors
WHERE job_id in_ints(:job_ids) AND organization_id in_list(:organization_ids)
ORDER BY organization_id, job_id, place

-- name: find_claimable
-- A job that nobody is at: of each organization the first that hasn't ended, so that later patches come after earlier ones.
SELECT job.organization_id, job.job_id
FROM patch_jobs AS job
WHERE job.ended_at_us IS NULL
  AND (job.lease_until_us IS NULL OR job.lease_until_us <= :now_us)
  AND NOT EXISTS (
    SELECT 1 FROM patch_jobs AS earlier
    WHERE earlier.organization_id = job.organization_id AND earlier.ended_at_us IS NULL AND earlier.job_id < job.job_id
  )
ORDER BY job.job_id
LIMIT 1
-- only: postgres
FOR UPDATE OF job SKIP LOCKED --? lock

-- name: claim_job
-- A worker takes a job on itself.
UPDATE patch_jobs
SET status = 'inProgress', started_at_us = COALESCE(started_at_us, :now_us), worker = :worker, lease_until_us = :lease_until_us
WHERE organization_id = :organization_id AND job_id = :job_id
RETURNING organization_id, job_id, client_id, idempotency_key, fingerprint, status, total, done, succeeded,
          created_at_us, started_at_us, ended_at_us, worker, lease_until_us

-- name: take_job
-- A job that a worker still has, locked until the transaction ends.
SELECT organization_id, job_id, client_id, idempotency_key, fingerprint, status, total, done, succeeded,
       created_at_us, started_at_us, ended_at_us, worker, lease_until_us
FROM patch_jobs
WHERE organization_id = :organization_id AND job_id = :job_id AND worker = :worker AND ended_at_us IS NULL
for_update

-- name: find_chunk
-- The patches that begin at a place of a job's request.
SELECT patches FROM patch_chunks WHERE organization_id = :organization_id AND job_id = :job_id AND first = :first

-- name: advance_job
-- How far a job is.
UPDATE patch_jobs
SET done = :done, succeeded = :succeeded, status = :status, ended_at_us = :ended_at_us, worker = :worker,
    lease_until_us = :lease_until_us
WHERE organization_id = :organization_id AND job_id = :job_id

-- name: release_jobs
-- A worker ends: others can go on with its jobs at once.
UPDATE patch_jobs SET worker = NULL, lease_until_us = NULL WHERE worker = :worker AND ended_at_us IS NULL

-- name: jobs_ended_before
-- Jobs that ended before a time.
SELECT organization_id, job_id FROM patch_jobs WHERE ended_at_us < :before_us ORDER BY ended_at_us LIMIT :limit

-- name: delete_job
-- A job.
DELETE FROM patch_jobs WHERE organization_id = :organization_id AND job_id = :job_id

-- name: delete_chunks
-- The patches of a job.
DELETE FROM patch_chunks WHERE organization_id = :organization_id AND job_id = :job_id

-- name: delete_errors
-- What went wrong in a job.
DELETE FROM patch_errors WHERE organization_id = :organization_id AND job_id = :job_id

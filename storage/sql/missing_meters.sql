-- name: insert_attempt
-- What came for a meter that doesn't exist; a sync that comes again adds nothing.
INSERT INTO missing_meter_attempts (organization_id, attempt_id, sync_seq, entry, meter_code, sync_type, state, asset_id,
                                    external_asset_id, asset_name, unit_id, client_id, sync_batch_id, received_at_us, resolved_at_us,
                                    resolved_by, replayed_at_us, held)
VALUES (:organization_id, :attempt_id, :sync_seq, :entry, :meter_code, :sync_type, :state, :asset_id,
        :external_asset_id, :asset_name, :unit_id, :client_id, :sync_batch_id, :received_at_us, :resolved_at_us,
        :resolved_by, :replayed_at_us, :held)
ON CONFLICT (organization_id, sync_seq, entry, meter_code) DO NOTHING

-- name: list_attempts
-- Attempts, newest first.
SELECT organization_id, attempt_id, sync_seq, entry, meter_code, sync_type, state, asset_id, external_asset_id, asset_name, unit_id,
       client_id, sync_batch_id, received_at_us, resolved_at_us, resolved_by, replayed_at_us, held
FROM missing_meter_attempts
WHERE attempt_id < :before
  AND organization_id = :organization_id --? organization_id
  AND state = :state --? state
  AND meter_code = :meter_code --? meter_code
ORDER BY attempt_id DESC
LIMIT :limit

-- name: find_attempt
-- One attempt.
SELECT organization_id, attempt_id, sync_seq, entry, meter_code, sync_type, state, asset_id, external_asset_id, asset_name, unit_id,
       client_id, sync_batch_id, received_at_us, resolved_at_us, resolved_by, replayed_at_us, held
FROM missing_meter_attempts
WHERE attempt_id = :attempt_id
  AND organization_id = :organization_id --? organization_id

-- name: unapplied_attempts
-- Attempts for a meter that were not applied yet, oldest first.
SELECT organization_id, attempt_id, sync_seq, entry, meter_code, sync_type, state, asset_id, external_asset_id, asset_name, unit_id,
       client_id, sync_batch_id, received_at_us, resolved_at_us, resolved_by, replayed_at_us, held
FROM missing_meter_attempts
WHERE organization_id = :organization_id AND meter_code = :meter_code AND attempt_id > :after AND replayed_at_us IS NULL
ORDER BY attempt_id
LIMIT :limit

-- name: resolve_attempt
-- An attempt needs no more looking at.
UPDATE missing_meter_attempts SET state = 'resolved', resolved_at_us = :now_us, resolved_by = :resolved_by
WHERE organization_id = :organization_id AND attempt_id = :attempt_id AND state = 'open'

-- name: resolve_attempts
-- All open attempts for a meter are resolved: it exists now.
UPDATE missing_meter_attempts SET state = 'resolved', resolved_at_us = :now_us, resolved_by = :resolved_by
WHERE organization_id = :organization_id AND meter_code = :meter_code AND state = 'open'

-- name: assignment_attempts
-- What attempts with an assignment held back for a meter of some assets, oldest first.
SELECT attempt_id, asset_id, held
FROM missing_meter_attempts
WHERE organization_id = :organization_id AND meter_code = :meter_code AND attempt_id > :after
  AND sync_type = 'ASSIGNMENT' AND asset_id in_list(:asset_ids)
ORDER BY attempt_id
LIMIT :limit

-- name: put_held
-- Another state of what an attempt holds back.
UPDATE missing_meter_attempts SET held = :held
WHERE organization_id = :organization_id AND attempt_id = :attempt_id

-- name: mark_replayed
-- What an attempt held back was applied.
UPDATE missing_meter_attempts SET replayed_at_us = :now_us
WHERE organization_id = :organization_id AND attempt_id = :attempt_id

-- name: of_ids
-- Assets or meters of a provider by their ids.
SELECT organization_id, provider, entity, external_id, stream, parent_id, record, state, seen_run_id, seen_at_us, created_at_us,
       changed_at_us, absent_at_us
FROM provider_entities
WHERE organization_id = :organization_id AND provider = :provider AND entity = :entity AND external_id in_list(:external_ids)

-- name: put
-- An asset or a meter as the provider gave it.
INSERT INTO provider_entities (organization_id, provider, entity, external_id, stream, parent_id, record, state, seen_run_id,
                               seen_at_us, created_at_us, changed_at_us, absent_at_us)
VALUES (:organization_id, :provider, :entity, :external_id, :stream, :parent_id, :record, :state, :seen_run_id,
        :seen_at_us, :created_at_us, :changed_at_us, :absent_at_us)
ON CONFLICT (organization_id, provider, entity, external_id) DO UPDATE
SET stream = excluded.stream, parent_id = excluded.parent_id, record = excluded.record, state = excluded.state,
    seen_run_id = excluded.seen_run_id, seen_at_us = excluded.seen_at_us, changed_at_us = excluded.changed_at_us,
    absent_at_us = excluded.absent_at_us

-- name: see
-- A run has seen these.
UPDATE provider_entities
SET seen_run_id = :run_id, seen_at_us = :now_us
WHERE organization_id = :organization_id AND provider = :provider AND entity = :entity AND external_id in_list(:external_ids)

-- name: count_active
-- How many a provider lists.
SELECT COUNT(*)
FROM provider_entities
WHERE organization_id = :organization_id AND provider = :provider AND entity = :entity AND state = 'active'

-- name: unseen
-- Those that a run hasn't seen, though they were listed before.
SELECT organization_id, provider, entity, external_id, stream, parent_id, record, state, seen_run_id, seen_at_us, created_at_us,
       changed_at_us, absent_at_us
FROM provider_entities
WHERE organization_id = :organization_id AND provider = :provider AND entity = :entity AND state = 'active'
  AND seen_run_id <> :run_id
ORDER BY external_id

-- name: make_absent
-- These are no longer listed.
UPDATE provider_entities
SET state = 'absent', absent_at_us = :now_us
WHERE organization_id = :organization_id AND provider = :provider AND entity = :entity AND external_id in_list(:external_ids)

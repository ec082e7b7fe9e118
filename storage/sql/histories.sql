-- name: add_units
-- Make sure that the rows of units exist, so that they can be locked.
INSERT INTO units (organization_id, unit_id, unit_type, status, last_event_at_us, state)
VALUES (:organization_id, :unit_id, '', 'unpaired', NULL, '{}')
ON CONFLICT (organization_id, unit_id) DO NOTHING

-- name: lock_units
-- The state of units, locked in their order until the transaction ends.
SELECT organization_id, unit_id, state
FROM units
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id
for_update

-- name: put_unit
-- A unit's row.
INSERT INTO units (organization_id, unit_id, unit_type, status, last_event_at_us, state)
VALUES (:organization_id, :unit_id, :unit_type, :status, :last_event_at_us, :state)
ON CONFLICT (organization_id, unit_id) DO UPDATE
SET unit_type = excluded.unit_type, status = excluded.status, last_event_at_us = excluded.last_event_at_us, state = excluded.state

-- name: stored_intervals
-- The stored intervals of units, oldest first.
SELECT organization_id, unit_id, interval_json
FROM pairings
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id, sort_us, pairing_id

-- name: put_pairing
-- An interval's row; its place never changes while its id stays.
INSERT INTO pairings (organization_id, unit_id, sort_us, pairing_id, unit_type, asset_id, paired_at_us, paired_after_us,
                      unpaired_at_us, reason, vin, updated_at_us, interval_json)
VALUES (:organization_id, :unit_id, :sort_us, :pairing_id, :unit_type, :asset_id, :paired_at_us, :paired_after_us,
        :unpaired_at_us, :reason, :vin, :updated_at_us, :interval_json)
ON CONFLICT (organization_id, unit_id, sort_us, pairing_id) DO UPDATE
SET paired_at_us = excluded.paired_at_us, paired_after_us = excluded.paired_after_us,
    unpaired_at_us = excluded.unpaired_at_us, reason = excluded.reason, vin = excluded.vin, updated_at_us = excluded.updated_at_us,
    interval_json = excluded.interval_json

-- name: delete_pairing
-- An interval that is no more.
DELETE FROM pairings WHERE organization_id = :organization_id AND unit_id = :unit_id AND pairing_id = :pairing_id

-- name: stored_episodes
-- The stored cases of units, oldest first.
SELECT organization_id, unit_id, episode_json
FROM cases
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id, first_at_us, case_id

-- name: put_case
-- A case's row.
INSERT INTO cases (organization_id, case_id, unit_id, reason, first_at_us, deadline_us, resolved_at_us, dismissed_at_us, episode_json)
VALUES (:organization_id, :case_id, :unit_id, :reason, :first_at_us, :deadline_us, :resolved_at_us, :dismissed_at_us, :episode_json)
ON CONFLICT (organization_id, case_id) DO UPDATE
SET unit_id = excluded.unit_id, reason = excluded.reason, first_at_us = excluded.first_at_us, deadline_us = excluded.deadline_us,
    resolved_at_us = excluded.resolved_at_us, dismissed_at_us = excluded.dismissed_at_us, episode_json = excluded.episode_json

-- name: delete_case
-- A case that is no more.
DELETE FROM cases WHERE organization_id = :organization_id AND case_id = :case_id

-- name: put_alias
-- An id by which a pairing or case is found too.
INSERT INTO aliases (organization_id, alias_id, unit_id, event_key)
VALUES (:organization_id, :alias_id, :unit_id, :event_key)
ON CONFLICT (organization_id, alias_id) DO UPDATE SET unit_id = excluded.unit_id, event_key = excluded.event_key

-- name: stored_flags
-- The flags of the facts of units.
SELECT organization_id, unit_id, event_key, flags
FROM fact_flags
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id, event_key

-- name: put_flags
-- The flags of a fact.
INSERT INTO fact_flags (organization_id, unit_id, event_key, flags)
VALUES (:organization_id, :unit_id, :event_key, :flags)
ON CONFLICT (organization_id, unit_id, event_key) DO UPDATE SET flags = excluded.flags

-- name: delete_flags
-- A fact that has no flag any more.
DELETE FROM fact_flags WHERE organization_id = :organization_id AND unit_id = :unit_id AND event_key = :event_key

-- name: stored_units
-- The rows of units.
SELECT organization_id, unit_id, unit_type, status, last_event_at_us, state
FROM units
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)

-- name: stored_pairings
-- The rows of the intervals of units, by key.
SELECT organization_id, unit_id, sort_us, pairing_id, unit_type, asset_id, paired_at_us, paired_after_us, unpaired_at_us, reason, vin,
       updated_at_us, interval_json
FROM pairings
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id, sort_us, pairing_id

-- name: stored_cases
-- The rows of the cases of units, oldest first.
SELECT organization_id, case_id, unit_id, reason, first_at_us, deadline_us, resolved_at_us, dismissed_at_us, episode_json
FROM cases
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id, first_at_us, case_id

-- name: stored_aliases
-- What is stored under some other ids of pairings and cases.
SELECT organization_id, alias_id, unit_id, event_key
FROM aliases
WHERE (organization_id, alias_id) in_pairs(:organization_ids, :alias_ids)

-- name: delete_unit
-- A unit of which nothing is recorded.
DELETE FROM units WHERE organization_id = :organization_id AND unit_id = :unit_id

-- name: all_units_after
-- Units of which anything is recorded or derived, in order, from after a given one.
SELECT organization_id, unit_id
FROM (
  SELECT organization_id, unit_id
  FROM (
    SELECT organization_id, unit_id
    FROM units
    WHERE (organization_id, unit_id) > (:organization_id, :unit_id)
    ORDER BY organization_id, unit_id
    LIMIT :limit
  ) AS some_units
  UNION
  SELECT organization_id, unit_id
  FROM (
    SELECT DISTINCT organization_id, unit_id
    FROM events
    WHERE (organization_id, unit_id) > (:organization_id, :unit_id) AND event_key IS NOT NULL
    ORDER BY organization_id, unit_id
    LIMIT :limit
  ) AS some_events
  UNION
  SELECT organization_id, unit_id
  FROM (
    SELECT DISTINCT organization_id, unit_id
    FROM statements
    WHERE (organization_id, unit_id) > (:organization_id, :unit_id)
    ORDER BY organization_id, unit_id
    LIMIT :limit
  ) AS some_statements
  UNION
  SELECT organization_id, unit_id
  FROM (
    SELECT DISTINCT organization_id, unit_id
    FROM pairings
    WHERE (organization_id, unit_id) > (:organization_id, :unit_id)
    ORDER BY organization_id, unit_id
    LIMIT :limit
  ) AS some_pairings
  UNION
  SELECT organization_id, unit_id
  FROM (
    SELECT DISTINCT organization_id, unit_id
    FROM cases
    WHERE (organization_id, unit_id) > (:organization_id, :unit_id)
    ORDER BY organization_id, unit_id
    LIMIT :limit
  ) AS some_cases
  UNION
  SELECT organization_id, unit_id
  FROM (
    SELECT DISTINCT organization_id, unit_id
    FROM fact_flags
    WHERE (organization_id, unit_id) > (:organization_id, :unit_id)
    ORDER BY organization_id, unit_id
    LIMIT :limit
  ) AS some_fact_flags
) AS all_units
ORDER BY organization_id, unit_id
LIMIT :limit

-- name: list_cases
-- Cases, newest first by their first failure.
SELECT organization_id, case_id, unit_id, episode_json
FROM cases
WHERE 1 = 1
  AND organization_id = :organization_id --? organization_id
  AND (first_at_us, case_id) < (:before_us, :before_id) --? organization_id
  AND (organization_id, first_at_us, case_id) < (:before_organization_id, :before_us, :before_id) --? all_organizations
  AND unit_id = :unit_id --? unit_id
  AND reason = :reason --? reason
  AND resolved_at_us IS NOT NULL --? only_resolved
  AND resolved_at_us IS NULL AND dismissed_at_us IS NOT NULL --? only_dismissed
  AND resolved_at_us IS NULL AND dismissed_at_us IS NULL --? only_open
  AND deadline_us >= :due_from_us --? due_from_us
  AND deadline_us < :due_before_us --? due_before_us
ORDER BY organization_id DESC, first_at_us DESC, case_id DESC
LIMIT :limit

-- name: find_case
-- A case by its id.
SELECT organization_id, case_id, unit_id, episode_json
FROM cases
WHERE case_id = :case_id
  AND organization_id = :organization_id --? organization_id

-- name: find_alias
-- The failure from which another id of a case was made.
SELECT organization_id, unit_id, event_key
FROM aliases
WHERE alias_id = :alias_id
  AND organization_id = :organization_id --? organization_id

-- name: cases_of_unit
-- All cases of a unit.
SELECT organization_id, case_id, unit_id, episode_json
FROM cases
WHERE organization_id = :organization_id AND unit_id = :unit_id
ORDER BY first_at_us, case_id

-- name: cases_of
-- Cases by their ids.
SELECT organization_id, case_id, unit_id, episode_json
FROM cases
WHERE (organization_id, case_id) in_pairs(:organization_ids, :case_ids)

-- name: due
-- Open cases past a deadline that was not announced yet, the longest due first.
SELECT organization_id, case_id, unit_id, episode_json
FROM cases
WHERE resolved_at_us IS NULL AND dismissed_at_us IS NULL AND deadline_us < :now_us
  AND NOT EXISTS (
    SELECT 1
    FROM escalations
    WHERE escalations.organization_id = cases.organization_id
      AND escalations.case_id = cases.case_id
      AND escalations.deadline_us = cases.deadline_us
  )
ORDER BY deadline_us, organization_id, case_id
LIMIT :limit

-- name: claim
-- Announce a deadline, unless somebody has done so; a transaction that is about to is waited for.
INSERT INTO escalations (organization_id, case_id, deadline_us)
VALUES (:organization_id, :case_id, :deadline_us)
ON CONFLICT (organization_id, case_id, deadline_us) DO NOTHING

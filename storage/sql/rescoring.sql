-- name: add_note
-- Something changed in the registry.
INSERT INTO touched_candidates (organization_id, kind, subject) VALUES (:organization_id, :kind, :subject)

-- name: notes
-- Some of what changed.
SELECT organization_id, note_id, kind, subject
FROM touched_candidates
-- only: sqlite
ORDER BY note_id LIMIT :limit
-- only: postgres
ORDER BY organization_id, note_id LIMIT :limit

-- name: delete_note
-- The cases that it could be about were looked at.
DELETE FROM touched_candidates WHERE organization_id = :organization_id AND note_id = :note_id

-- name: any_case
-- Whether any case of an organization has keys.
SELECT 1 FROM case_keys WHERE organization_id = :organization_id LIMIT 1

-- name: cases_with_keys
-- The cases that have one of some keys.
SELECT DISTINCT case_id FROM case_keys WHERE organization_id = :organization_id AND key in_list(:keys)

-- name: delete_case_keys
-- A case has other keys, or none any more.
DELETE FROM case_keys WHERE organization_id = :organization_id AND case_id = :case_id

-- name: insert_case_key
-- A case is found by a key.
INSERT INTO case_keys (organization_id, key, case_id) VALUES (:organization_id, :key, :case_id)

-- name: place
-- How far the change feed was followed; whoever asks too waits until the transaction ends.
SELECT position, n
FROM rescoring
WHERE name = 'cases'
for_update

-- name: set_place
-- It was followed further.
UPDATE rescoring SET position = :position, n = :n WHERE name = 'cases'

-- name: announced
-- What was last announced of some cases.
SELECT organization_id, case_id, best
FROM announced_candidates
WHERE (organization_id, case_id) in_pairs(:organization_ids, :case_ids)

-- name: put_announced
-- What was announced of a case.
INSERT INTO announced_candidates (organization_id, case_id, best) VALUES (:organization_id, :case_id, :best)
ON CONFLICT (organization_id, case_id) DO UPDATE SET best = excluded.best

-- name: delete_announced
-- The case is gone.
DELETE FROM announced_candidates WHERE organization_id = :organization_id AND case_id = :case_id

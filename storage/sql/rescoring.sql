-- name: add_vin
-- An asset got or lost a VIN.
INSERT INTO changed_vins (organization_id, vin) VALUES (:organization_id, :vin)
ON CONFLICT (organization_id, vin) DO NOTHING

-- name: changed_vins
-- Some of the VINs that changed.
SELECT organization_id, vin FROM changed_vins ORDER BY organization_id, vin LIMIT :limit

-- name: delete_vin
-- The cases that it could be about were looked at.
DELETE FROM changed_vins WHERE organization_id = :organization_id AND vin = :vin

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

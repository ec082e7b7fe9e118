-- name: insert_change
-- An entry of the feed.
INSERT INTO changes (organization_id, position, n, type, unit_id, at_us, data)
VALUES (:organization_id, :position, :n, :type, :unit_id, :at_us, :data)

-- name: changes_after
-- The feed from after a place, in its order.
SELECT organization_id, position, n, type, unit_id, at_us, data
FROM changes
WHERE (position, n) > (:position, :n)
  AND organization_id = :organization_id --? organization_id
ORDER BY position, n
LIMIT :limit

-- name: last_change
-- The last place of the feed.
SELECT position, n
FROM changes
WHERE 1 = 1
  AND organization_id = :organization_id --? organization_id
ORDER BY position DESC, n DESC
LIMIT 1

-- name: changes_of_event
-- What the transaction that applied an event told of its unit.
SELECT changes.organization_id, changes.position, changes.n, changes.type, changes.unit_id, changes.at_us, changes.data
FROM commits
JOIN changes ON changes.organization_id = :organization_id AND changes.position = commits.position AND changes.unit_id = :unit_id
WHERE commits.commit_id = :commit_id
ORDER BY changes.n

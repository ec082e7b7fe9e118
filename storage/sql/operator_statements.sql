-- name: insert_statement
-- A statement.
INSERT INTO statements (organization_id, seq, kind, unit_id, event_key, asset_id, fact_at_us, details, actor, note, at_us)
VALUES (:organization_id, :seq, :kind, :unit_id, :event_key, :asset_id, :fact_at_us, :details, :actor, :note, :at_us)

-- name: of_units
-- The statements about some units, or those known by a time.
SELECT organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details
FROM statements
JOIN commits ON commits.commit_id = statements.seq >> 24 AND commits.known_at_us <= :known_at_us --? known_at_us
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids)
ORDER BY organization_id, unit_id, seq

-- name: about
-- The statements about some facts, oldest first.
SELECT organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details, commits.known_at_us
FROM statements
JOIN commits ON commits.commit_id = statements.seq >> 24
WHERE (organization_id, event_key) in_pairs(:organization_ids, :event_keys)
ORDER BY seq

-- name: find_assertion
-- The first statement that asserts a fact.
SELECT organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details, commits.known_at_us
FROM statements
JOIN commits ON commits.commit_id = statements.seq >> 24
WHERE event_key = :event_key AND kind IN ('paired', 'unpaired')
  AND organization_id = :organization_id --? organization_id
ORDER BY seq
LIMIT 1

-- name: list_assertions
-- Assertions, newest first.
SELECT organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details, commits.known_at_us
FROM statements
JOIN commits ON commits.commit_id = statements.seq >> 24
WHERE seq < :before AND asset_id IS NOT NULL AND kind IN ('paired', 'unpaired')
  AND organization_id = :organization_id --? organization_id
  AND unit_id = :unit_id --? unit_id
  AND asset_id = :asset_id --? asset_id
  AND kind = :kind --? kind
  AND fact_at_us >= :from_us --? from_us
  AND fact_at_us < :to_us --? to_us
ORDER BY seq DESC
LIMIT :limit

-- name: put
-- A record that could not be understood; the same again keeps its place. What was discarded stays so.
INSERT INTO provider_quarantine (organization_id, entry_id, provider, stream, scope, record_key, state, entity, page, url, field,
                                 reason, problems, external_id, waits_for, definition_hash, first_seen_us, last_seen_us, times_seen,
                                 last_run_id, raw, parent)
VALUES (:organization_id, :entry_id, :provider, :stream, :scope, :record_key, :state, :entity, :page, :url, :field,
        :reason, :problems, :external_id, :waits_for, :definition_hash, :first_seen_us, :last_seen_us, :times_seen,
        :last_run_id, :raw, :parent)
ON CONFLICT (organization_id, provider, stream, scope, record_key) DO UPDATE
SET state = CASE WHEN provider_quarantine.state = 'discarded' THEN 'discarded' ELSE excluded.state END,
    entity = excluded.entity, page = excluded.page, url = excluded.url, field = excluded.field, reason = excluded.reason,
    problems = excluded.problems, external_id = excluded.external_id, waits_for = excluded.waits_for,
    definition_hash = excluded.definition_hash, last_seen_us = excluded.last_seen_us,
    times_seen = provider_quarantine.times_seen + 1, last_run_id = excluded.last_run_id, raw = excluded.raw,
    parent = excluded.parent,
    settled_us = CASE WHEN provider_quarantine.state = 'discarded' THEN provider_quarantine.settled_us ELSE NULL END

-- name: resolve
-- Records with these keys have been stored.
UPDATE provider_quarantine
SET state = 'resolved', settled_us = :now_us
WHERE organization_id = :organization_id AND provider = :provider AND stream = :stream AND scope = :scope
  AND record_key in_list(:keys) AND state = 'waiting'

-- name: resolve_unlisted
-- A complete run hasn't brought these any more.
UPDATE provider_quarantine
SET state = 'resolved', settled_us = :now_us
WHERE organization_id = :organization_id AND provider = :provider AND stream = :stream AND state = 'waiting'
  AND last_run_id <> :run_id

-- name: set_state
-- Entries that are resolved or discarded.
UPDATE provider_quarantine
SET state = :state, settled_us = :now_us
WHERE organization_id = :organization_id AND entry_id in_ints(:entry_ids)

-- name: settled_before
-- Entries that were resolved or discarded before a time, and haven't come again since.
SELECT organization_id, entry_id
FROM provider_quarantine
WHERE settled_us < :before_us AND last_seen_us < :before_us
ORDER BY settled_us
LIMIT :limit

-- name: delete
-- One entry.
DELETE FROM provider_quarantine WHERE organization_id = :organization_id AND entry_id = :entry_id

-- name: set_problem
-- What is wrong with an entry under another definition.
UPDATE provider_quarantine
SET field = :field, reason = :reason, problems = :problems, external_id = :external_id, waits_for = :waits_for,
    definition_hash = :definition_hash
WHERE organization_id = :organization_id AND entry_id = :entry_id

-- name: find
-- One entry.
SELECT organization_id, entry_id, provider, stream, scope, record_key, state, entity, page, url, field, reason, problems,
       external_id, waits_for, definition_hash, first_seen_us, last_seen_us, times_seen, last_run_id, raw, parent
FROM provider_quarantine
WHERE organization_id = :organization_id AND provider = :provider AND entry_id = :entry_id

-- name: list_entries
-- Entries of a provider, newest first.
SELECT organization_id, entry_id, provider, stream, scope, record_key, state, entity, page, url, field, reason, problems,
       external_id, waits_for, definition_hash, first_seen_us, last_seen_us, times_seen, last_run_id, raw, parent
FROM provider_quarantine
WHERE organization_id = :organization_id AND provider = :provider AND entry_id < :before
  AND state = :state --? state
  AND stream = :stream --? stream
ORDER BY entry_id DESC
LIMIT :limit

-- name: to_try
-- Waiting entries of another definition, that failed while being stored, or whose asset or meter is known by now.
SELECT organization_id, entry_id, provider, stream, scope, record_key, state, entity, page, url, field, reason, problems,
       external_id, waits_for, definition_hash, first_seen_us, last_seen_us, times_seen, last_run_id, raw, parent
FROM provider_quarantine AS refused
WHERE organization_id = :organization_id AND provider = :provider AND state = 'waiting' AND entity = :entity
  AND entry_id > :after AND field NOT LIKE 'parent.%'
  AND (
    definition_hash <> :definition_hash
    OR field = 'record'
    OR EXISTS (
      SELECT 1
      FROM provider_entities AS known
      WHERE known.organization_id = refused.organization_id AND known.provider = refused.provider
        AND known.entity = :parent_entity AND known.external_id = refused.waits_for
    )
  )
ORDER BY entry_id
LIMIT :limit

-- name: count_waiting
-- How many entries wait.
SELECT COUNT(*)
FROM provider_quarantine
WHERE organization_id = :organization_id AND provider = :provider AND state = 'waiting'

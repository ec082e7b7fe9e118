-- name: next_commit
-- A new commit id. On PostgreSQL a sequence: writers don't wait for each other here.
-- only: sqlite
UPDATE counters SET value = value + 1 WHERE name = 'commit' RETURNING value
-- only: postgres
SELECT nextval('commit_ids')

-- name: next_position
-- The next place in the journal. The row stays locked until the commit, so places become visible in their order; time never falls.
UPDATE counters
SET value = value + 1, known_at_us = CASE WHEN known_at_us > :now_us THEN known_at_us ELSE :now_us END
WHERE name = 'position'
RETURNING value, known_at_us

-- name: insert_commit
-- A transaction that recorded something.
INSERT INTO commits (commit_id, position, known_at_us) VALUES (:commit_id, :position, :known_at_us)

-- name: batches_of
-- Batches that came under one of these ids.
SELECT organization_id, batch_id, content_key, batch_key, event_batch_id, event_subscription_id, event_batch_time_us,
       source, subscription, applied, duplicates, quarantined, ignored
FROM batches
WHERE event_batch_id in_list(:event_batch_ids)

-- name: insert_batch
-- A batch, for one organization.
INSERT INTO batches (organization_id, batch_id, content_key, batch_key, event_batch_id, event_subscription_id, event_batch_time_us,
                     source, subscription, applied, duplicates, quarantined, ignored)
VALUES (:organization_id, :batch_id, :content_key, :batch_key, :event_batch_id, :event_subscription_id, :event_batch_time_us,
        :source, :subscription, :applied, :duplicates, :quarantined, :ignored)

-- name: insert_delivery
-- A delivery as received.
INSERT INTO deliveries (organization_id, delivery_id, batch_id, received_at_us, subscription, source, remote, headers, answer,
                        body_bytes, body)
VALUES (:organization_id, :delivery_id, :batch_id, :received_at_us, :subscription, :source, :remote, :headers, :answer,
        :body_bytes, :body)

-- name: insert_event
-- An entry of a batch.
INSERT INTO events (organization_id, seq, batch_id, delivery_id, entry, outcome, event_type, event_version, event_key, unit_id,
                    asset_id, kind, at_us, reason, meaning, source, batch_key, batch_time_us, raw)
VALUES (:organization_id, :seq, :batch_id, :delivery_id, :entry, :outcome, :event_type, :event_version, :event_key, :unit_id,
        :asset_id, :kind, :at_us, :reason, :meaning, :source, :batch_key, :batch_time_us, :raw)

-- name: delete_event
-- An entry that is about to be recorded anew.
DELETE FROM events WHERE organization_id = :organization_id AND seq = :seq

-- name: copies_of
-- All copies of some units, or those known by a time.
SELECT organization_id, unit_id, event_key, kind, at_us, asset_id, event_version, meaning, source, batch_key, batch_time_us
FROM events
JOIN commits ON commits.commit_id = events.seq >> 24 AND commits.known_at_us <= :known_at_us --? known_at_us
WHERE (organization_id, unit_id) in_pairs(:organization_ids, :unit_ids) AND event_key IS NOT NULL

-- name: move_count
-- An entry of a batch changes from quarantined or ignored to what became of it.
UPDATE batches
SET applied = applied + :applied, duplicates = duplicates + :duplicates,
    quarantined = quarantined + :quarantined, ignored = ignored + :ignored
WHERE organization_id = :organization_id AND batch_id = :batch_id

-- name: copy_batch
-- Make sure that a batch has a row for an organization that one of its entries turned out to name.
INSERT INTO batches (organization_id, batch_id, content_key, batch_key, event_batch_id, event_subscription_id, event_batch_time_us,
                     source, subscription, applied, duplicates, quarantined, ignored)
SELECT :organization_id, batch_id, content_key, batch_key, event_batch_id, event_subscription_id, event_batch_time_us,
       source, subscription, 0, 0, 0, 0
FROM batches
WHERE batch_id = :batch_id
LIMIT 1
ON CONFLICT (organization_id, batch_id) DO NOTHING

-- name: adopt_delivery
-- A delivery whose body turned out to be a batch after all.
UPDATE deliveries SET batch_id = :batch_id, answer = :answer WHERE delivery_id = :delivery_id

-- name: touch
-- A write that says nothing, in a row that nobody else waits for. It counts: SQLite writes no page whose bytes stay the same.
INSERT INTO counters (name, value, known_at_us) VALUES ('touch', 1, 0)
ON CONFLICT (name) DO UPDATE SET value = counters.value + 1

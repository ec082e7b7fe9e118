-- name: list_events
-- Entries of batches with what became of them, newest first.
SELECT events.organization_id, events.seq, events.batch_id, events.outcome, events.event_type, events.event_version, events.event_key,
       events.unit_id, events.asset_id, events.kind, events.at_us, events.meaning, commits.known_at_us
FROM events
JOIN commits ON commits.commit_id = events.seq >> 24
WHERE events.seq < :before
  AND events.organization_id = :organization_id --? organization_id
  AND events.event_key IS NOT NULL AND events.unit_id = :unit_id --? unit_id
  AND events.asset_id = :asset_id --? asset_id
  AND events.event_type = :event_type --? event_type
  AND events.kind = :kind --? kind
  AND events.reason = :reason --? reason
  AND events.outcome = :outcome --? outcome
  AND events.outcome <> 'applied' --? set_aside
  AND events.at_us >= :from_us --? from_us
  AND events.at_us < :to_us --? to_us
ORDER BY events.seq DESC
LIMIT :limit

-- name: find_event
-- The copies of one event, in the order in which they came.
SELECT events.organization_id, events.seq, events.batch_id, events.outcome, events.event_type, events.event_version, events.event_key,
       events.unit_id, events.asset_id, events.kind, events.at_us, events.meaning, commits.known_at_us
FROM events
JOIN commits ON commits.commit_id = events.seq >> 24
WHERE events.event_key = :event_key
  AND events.organization_id = :organization_id --? organization_id
ORDER BY events.seq

-- name: held_events
-- Ignored entries with what is needed to try them again, oldest first.
SELECT organization_id, seq, batch_id, delivery_id, entry, outcome, event_type, event_version, event_key, unit_id, asset_id, kind,
       at_us, reason, meaning, source, batch_key, batch_time_us, raw
FROM events
WHERE seq > :after AND outcome = 'ignored' AND outcome <> 'applied'
  AND organization_id = :organization_id --? organization_id
  AND event_type = :event_type --? event_type
ORDER BY seq
LIMIT :limit

-- name: find_entry
-- One entry of a batch as it is kept.
SELECT organization_id, seq, batch_id, delivery_id, entry, outcome, event_type, event_version, event_key, unit_id, asset_id, kind,
       at_us, reason, meaning, source, batch_key, batch_time_us, raw
FROM events
WHERE organization_id = :organization_id AND seq = :seq

-- name: take_ignored
-- One ignored entry, locked until the transaction ends.
SELECT organization_id, seq, batch_id, delivery_id, entry, outcome, event_type, event_version, event_key, unit_id, asset_id, kind,
       at_us, reason, meaning, source, batch_key, batch_time_us, raw
FROM events
WHERE organization_id = :organization_id AND seq = :seq AND outcome = 'ignored'
for_update

-- name: list_batches
-- Batches, newest first; one that names several organizations is summed up over those that may be seen.
SELECT batch_id, min(event_batch_id), min(event_subscription_id), min(event_batch_time_us), min(source), min(subscription),
       sum(applied), sum(duplicates), sum(quarantined), sum(ignored)
FROM batches
WHERE batch_id < :before
  AND organization_id = :organization_id --? organization_id
GROUP BY batch_id
ORDER BY batch_id DESC
LIMIT :limit

-- name: find_batch
-- One batch by its own id or by Datahub's, the latter while it is unambiguous.
SELECT batch_id, min(event_batch_id), min(event_subscription_id), min(event_batch_time_us), min(source), min(subscription),
       sum(applied), sum(duplicates), sum(quarantined), sum(ignored)
FROM batches
WHERE 1 = 1
  AND batch_id = :batch_id --? batch_id
  AND event_batch_id = :event_batch_id --? event_batch_id
  AND organization_id = :organization_id --? organization_id
GROUP BY batch_id
ORDER BY batch_id
LIMIT 2

-- name: deliveries_of
-- The deliveries that brought some batches, oldest first.
SELECT batch_id, delivery_id, received_at_us, remote, answer
FROM deliveries
WHERE batch_id in_ints(:batch_ids)
ORDER BY batch_id, delivery_id

-- name: drop_bodies
-- Forget the bodies of so many deliveries received before a time, oldest first; what they brought stays.
UPDATE deliveries SET body = NULL
WHERE delivery_id IN (
  SELECT delivery_id FROM deliveries WHERE received_at_us < :before_us AND body IS NOT NULL ORDER BY received_at_us LIMIT :limit
)

-- name: last_delivery
-- When a subscription last heard from Datahub.
SELECT received_at_us
FROM deliveries
WHERE subscription = :subscription AND source <> 'replay'
ORDER BY delivery_id DESC
LIMIT 1

-- name: find_delivery
-- A delivery with all that is kept of it.
SELECT organization_id, delivery_id, batch_id, received_at_us, subscription, source, remote, headers, answer, body_bytes, body
FROM deliveries
WHERE delivery_id = :delivery_id

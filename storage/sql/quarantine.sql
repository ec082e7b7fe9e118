-- name: insert_quarantine
-- What could not be understood.
INSERT INTO quarantine (organization_id, quarantine_id, state, kind, path, message, received_at_us, delivery_id, batch_id, entry,
                        event_seq, subscription, bound, raw)
VALUES (:organization_id, :quarantine_id, :state, :kind, :path, :message, :received_at_us, :delivery_id, :batch_id, :entry,
        :event_seq, :subscription, :bound, :raw)

-- name: find_quarantine
-- One entry.
SELECT organization_id, quarantine_id, state, kind, path, message, received_at_us, delivery_id, batch_id, entry, event_seq,
       subscription, bound, raw
FROM quarantine
WHERE quarantine_id = :quarantine_id

-- name: take_quarantine
-- One entry, locked until the transaction ends.
SELECT organization_id, quarantine_id, state, kind, path, message, received_at_us, delivery_id, batch_id, entry, event_seq,
       subscription, bound, raw
FROM quarantine
WHERE quarantine_id = :quarantine_id
for_update

-- name: list_quarantine
-- Entries, newest first. What names no organization, or was refused by a binding, is not for one organization's eyes.
SELECT organization_id, quarantine_id, state, kind, path, message, received_at_us, delivery_id, batch_id, entry, event_seq,
       subscription, bound, raw
FROM quarantine
WHERE quarantine_id < :before
  AND organization_id = :organization_id --? organization_id
  AND bound = 0 --? without_bound
  AND state = :state --? state
  AND kind = :kind --? kind
  AND subscription = :subscription --? subscription
  AND path = :path --? path
  AND received_at_us >= :from_us --? from_us
  AND received_at_us < :to_us --? to_us
ORDER BY quarantine_id DESC
LIMIT :limit

-- name: set_quarantine_state
-- An entry is resolved or discarded.
UPDATE quarantine SET state = :state WHERE organization_id = :organization_id AND quarantine_id = :quarantine_id

-- name: set_quarantine_problem
-- An entry was tried again, and this is why it still can't be understood.
UPDATE quarantine SET path = :path, message = :message
WHERE organization_id = :organization_id AND quarantine_id = :quarantine_id

-- name: quarantine_state
-- How many entries wait, and since when the oldest does.
SELECT count(*), min(received_at_us) FROM quarantine WHERE state = 'waiting'

-- name: find_target
-- How far a target has been told.
SELECT name, address_key, position, n, failures, paused_until_us, disabled_at_us FROM alert_targets WHERE name = :name

-- name: list_targets
-- All targets that there ever were.
SELECT name, address_key, position, n, failures, paused_until_us, disabled_at_us FROM alert_targets ORDER BY name

-- name: add_target
-- A new target, unless somebody else has just added it.
INSERT INTO alert_targets (name, address_key, position, n, failures, paused_until_us, disabled_at_us)
VALUES (:name, :address_key, :position, :n, 0, 0, NULL)
ON CONFLICT (name) DO NOTHING

-- name: set_address
-- A target has another address, about which nothing is known.
UPDATE alert_targets SET address_key = :address_key, failures = 0, paused_until_us = 0, disabled_at_us = NULL
WHERE name = :name AND address_key <> :address_key

-- name: move_target
-- A target has been told up to a place.
UPDATE alert_targets SET position = :position, n = :n
WHERE name = :name AND (position < :position OR (position = :position AND n < :n))

-- name: set_rest
-- How a target stands.
UPDATE alert_targets SET failures = :failures, paused_until_us = :paused_until_us, disabled_at_us = :disabled_at_us
WHERE name = :name

-- name: insert_notice
-- Something to tell that is no change of a pairing or a case.
INSERT INTO alert_notices (organization_id, position, n, type, at_us, data)
VALUES (:organization_id, :position, :n, :type, :at_us, :data)

-- name: last_notice
-- The last place of a notice.
SELECT position, n FROM alert_notices ORDER BY position DESC, n DESC LIMIT 1

-- name: notices_after
-- Notices from after a place.
SELECT organization_id, position, n, type, type, at_us, data
FROM alert_notices
WHERE (position, n) > (:position, :n)
ORDER BY position, n
LIMIT :limit

-- name: changes_at
-- Entries of the change feed at some places.
SELECT changes.organization_id, changes.position, changes.n, changes.type, changes.unit_id, changes.at_us, changes.data
FROM rows_of(:positions BIGINT, :ns BIGINT) AS some_places
JOIN changes ON changes.position = some_places.positions AND changes.n = some_places.ns

-- name: notices_at
-- Notices at some places.
SELECT alert_notices.organization_id, alert_notices.position, alert_notices.n, alert_notices.type, alert_notices.type,
       alert_notices.at_us, alert_notices.data
FROM rows_of(:positions BIGINT, :ns BIGINT) AS some_places
JOIN alert_notices ON alert_notices.position = some_places.positions AND alert_notices.n = some_places.ns

-- name: insert_message
-- A message that waits.
INSERT INTO alert_messages (organization_id, target, position, n, message_id, type, subject, attempts, next_at_us, error, dead_at_us)
VALUES (:organization_id, :target, :position, :n, :message_id, :type, :subject, :attempts, :next_at_us, :error, :dead_at_us)

-- name: count_waiting
-- How many messages of a target wait, up to a number.
SELECT CAST(COUNT(*) AS BIGINT)
FROM (SELECT 1 AS one FROM alert_messages WHERE target = :target AND dead_at_us IS NULL LIMIT :limit) AS counted

-- name: first_messages
-- The messages of a target that wait for no earlier one of their subject, by the time at which they are due.
SELECT organization_id, target, position, n, message_id, type, subject, attempts, next_at_us, error, dead_at_us
FROM alert_messages AS message
WHERE message.target = :target AND message.dead_at_us IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM alert_messages AS earlier
    WHERE earlier.organization_id = message.organization_id AND earlier.target = message.target
      AND earlier.subject = message.subject AND earlier.dead_at_us IS NULL
      AND (earlier.position, earlier.n) < (message.position, message.n)
  )
ORDER BY message.next_at_us, message.position, message.n
LIMIT :limit

-- name: update_message
-- What came of an attempt.
UPDATE alert_messages SET attempts = :attempts, next_at_us = :next_at_us, error = :error, dead_at_us = :dead_at_us
WHERE organization_id = :organization_id AND target = :target AND position = :position AND n = :n

-- name: delete_message
-- A message that is delivered.
DELETE FROM alert_messages WHERE organization_id = :organization_id AND target = :target AND position = :position AND n = :n

-- name: delete_waiting
-- All that waits for a target.
DELETE FROM alert_messages WHERE target = :target AND dead_at_us IS NULL

-- name: count_messages
-- How many messages of each target wait, and how many are dead.
SELECT target, CAST(COUNT(*) - COUNT(dead_at_us) AS BIGINT), CAST(COUNT(dead_at_us) AS BIGINT)
FROM alert_messages
GROUP BY target
ORDER BY target

-- name: list_dead
-- Dead letters, those of the newest changes first.
SELECT organization_id, target, position, n, message_id, type, subject, attempts, next_at_us, error, dead_at_us
FROM alert_messages
WHERE dead_at_us IS NOT NULL AND (position, n, target) < (:position, :n, :before_target)
  AND organization_id = :organization_id --? organization_id
  AND target = :target --? target
ORDER BY position DESC, n DESC, target DESC
LIMIT :limit

-- name: revive
-- Dead letters that are to be tried again.
UPDATE alert_messages SET attempts = 0, next_at_us = :now_us, dead_at_us = NULL
WHERE dead_at_us IS NOT NULL
  AND organization_id = :organization_id --? organization_id
  AND target = :target --? target
  AND message_id in_list(:message_ids) --? message_ids

-- name: dead_before
-- Dead letters from before a time.
SELECT organization_id, target, position, n FROM alert_messages WHERE dead_at_us < :before_us ORDER BY dead_at_us LIMIT :limit

-- name: notices_before
-- Notices from before a time.
SELECT organization_id, position, n FROM alert_notices WHERE at_us < :before_us ORDER BY at_us LIMIT :limit

-- name: delete_notice
-- A notice.
DELETE FROM alert_notices WHERE organization_id = :organization_id AND position = :position AND n = :n

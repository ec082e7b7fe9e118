-- name: insert_rejected
-- A delivery that could not prove who it is.
INSERT INTO rejected (rejected_id, subscription, received_at_us, remote, reason, headers, body_bytes, body)
VALUES (:rejected_id, :subscription, :received_at_us, :remote, :reason, :headers, :body_bytes, :body)

-- name: trim_rejected
-- Drop the oldest beyond the bounds of the ring.
DELETE FROM rejected
WHERE rejected_id IN (
  SELECT rejected_id
  FROM (
    SELECT rejected_id,
           row_number() OVER (ORDER BY rejected_id DESC) AS place,
           sum(body_bytes) OVER (ORDER BY rejected_id DESC) AS bytes_so_far
    FROM rejected
  ) AS ring
  WHERE place > :deliveries_max OR bytes_so_far > :bytes_max
)

-- name: list_rejected
-- Held deliveries, oldest first.
SELECT rejected_id, subscription, received_at_us, remote, reason, headers, body_bytes, body
FROM rejected
WHERE rejected_id > :after
  AND subscription = :subscription --? subscription
ORDER BY rejected_id
LIMIT :limit

-- name: delete_rejected
-- A held delivery that has been taken in after all.
DELETE FROM rejected WHERE rejected_id = :rejected_id

-- name: drop_rejected_before
-- Held deliveries that nobody came back for.
DELETE FROM rejected WHERE received_at_us < :before_us

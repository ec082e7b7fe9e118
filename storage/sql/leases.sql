-- name: claim
-- Take work that nobody has, or has any more; who has it already keeps it.
INSERT INTO leases (name, holder, until_us)
VALUES (:name, :holder, :until_us)
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, until_us = excluded.until_us
WHERE leases.holder = excluded.holder OR leases.until_us <= :now_us

-- name: keep
-- Go on with work that one has; the row stays locked until the commit.
UPDATE leases
SET until_us = CASE WHEN until_us > :until_us THEN until_us ELSE :until_us END
WHERE name = :name AND holder = :holder

-- name: release
-- Let go of work that one has.
DELETE FROM leases WHERE name = :name AND holder = :holder

-- name: find
-- Who has some work.
SELECT holder, until_us FROM leases WHERE name = :name

-- name: find_token
-- The token of a client and an audience.
SELECT token_key, sealed, expires_at_us, requested_at FROM feed_tokens WHERE token_key = :token_key

-- name: put_token
-- Keep a token in place of the one before.
INSERT INTO feed_tokens (token_key, sealed, expires_at_us, requested_at)
VALUES (:token_key, :sealed, :expires_at_us, :requested_at)
ON CONFLICT (token_key) DO UPDATE
SET sealed = excluded.sealed, expires_at_us = excluded.expires_at_us, requested_at = excluded.requested_at

-- name: put_client
-- A client; the same id again replaces it.
INSERT INTO clients (client_id, name, organization_id, scopes, secret_hash, created_at_us, revoked_at_us)
VALUES (:client_id, :name, :organization_id, :scopes, :secret_hash, :created_at_us, :revoked_at_us)
ON CONFLICT (client_id) DO UPDATE
SET name = excluded.name, organization_id = excluded.organization_id, scopes = excluded.scopes, secret_hash = excluded.secret_hash,
    revoked_at_us = excluded.revoked_at_us

-- name: find_client
-- One client.
SELECT client_id, name, organization_id, scopes, secret_hash, created_at_us, revoked_at_us
FROM clients
WHERE client_id = :client_id

-- name: list_clients
-- All clients.
SELECT client_id, name, organization_id, scopes, secret_hash, created_at_us, revoked_at_us FROM clients ORDER BY client_id

-- name: revoke_client
-- A client that may do nothing any more.
UPDATE clients SET revoked_at_us = :revoked_at_us WHERE client_id = :client_id AND revoked_at_us IS NULL

-- name: insert_token
-- A bearer token, by its hash.
INSERT INTO tokens (token_hash, client_id, used_at_us) VALUES (:token_hash, :client_id, :used_at_us)

-- name: find_token
-- Whose token it is, and when it was used last.
SELECT client_id, used_at_us FROM tokens WHERE token_hash = :token_hash

-- name: touch_token
-- A token is in use.
UPDATE tokens SET used_at_us = :used_at_us WHERE token_hash = :token_hash AND used_at_us < :used_at_us

-- name: delete_idle_tokens
-- Tokens that nobody has used since a time.
DELETE FROM tokens WHERE used_at_us < :before_us

-- name: delete_tokens_of
-- All tokens of a client.
DELETE FROM tokens WHERE client_id = :client_id

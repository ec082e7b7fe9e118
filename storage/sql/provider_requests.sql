-- name: counts
-- What was sent, by the slots of all caps.
SELECT span_us, slot, requests
FROM provider_requests
WHERE organization_id = :organization_id AND provider = :provider AND environment = :environment AND scope = :scope

-- name: add
-- One more request in a slot.
INSERT INTO provider_requests (organization_id, provider, environment, scope, span_us, slot, requests)
VALUES (:organization_id, :provider, :environment, :scope, :span_us, :slot, 1)
ON CONFLICT (organization_id, provider, environment, scope, span_us, slot) DO UPDATE
SET requests = provider_requests.requests + 1

-- name: forget
-- A slot that doesn't count any more.
DELETE FROM provider_requests
WHERE organization_id = :organization_id AND provider = :provider AND environment = :environment AND scope = :scope
  AND span_us = :span_us AND slot = :slot

-- name: find_sync
-- The first receipt of a sync.
SELECT organization_id, client_id, sync_batch_id, body_hash, seq, received_at_us
FROM syncs
WHERE organization_id = :organization_id AND client_id = :client_id AND sync_batch_id = :sync_batch_id AND body_hash = :body_hash

-- name: insert_sync
-- A sync that has an id came for the first time.
INSERT INTO syncs (organization_id, client_id, sync_batch_id, body_hash, seq, received_at_us)
VALUES (:organization_id, :client_id, :sync_batch_id, :body_hash, :seq, :received_at_us)

-- name: insert_asset_change
-- Who changed what of an asset.
INSERT INTO asset_history (organization_id, asset_id, change_no, at_us, actor_kind, actor, changes)
VALUES (:organization_id, :asset_id, :change_no, :at_us, :actor_kind, :actor, :changes)

-- name: asset_history
-- What changed of an asset, newest first.
SELECT asset_id, change_no, at_us, actor_kind, actor, changes
FROM asset_history
WHERE organization_id = :organization_id AND asset_id = :asset_id AND change_no < :before
ORDER BY change_no DESC
LIMIT :limit

-- name: insert_meter_change
-- Who changed what of a meter.
INSERT INTO meter_history (organization_id, meter_code, change_no, at_us, actor_kind, actor, changes)
VALUES (:organization_id, :meter_code, :change_no, :at_us, :actor_kind, :actor, :changes)

-- name: meter_history
-- What changed of a meter, newest first.
SELECT meter_code, change_no, at_us, actor_kind, actor, changes
FROM meter_history
WHERE organization_id = :organization_id AND meter_code = :meter_code AND change_no < :before
ORDER BY change_no DESC
LIMIT :limit

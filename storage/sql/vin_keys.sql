-- name: insert_key
-- An asset is found by a key.
INSERT INTO asset_vin_keys (organization_id, key, asset_id) VALUES (:organization_id, :key, :asset_id)
ON CONFLICT (organization_id, key, asset_id) DO NOTHING

-- name: delete_key
-- It isn't any more.
DELETE FROM asset_vin_keys WHERE organization_id = :organization_id AND key = :key AND asset_id = :asset_id

-- name: assets_with_keys
-- The assets that are found by some keys, each with what stands as its serial.
SELECT some_keys.key, assets.asset_id, assets.serial
FROM (
  SELECT organization_id, key, asset_id
  FROM asset_vin_keys
  WHERE organization_id = :organization_id AND key in_list(:keys)
  LIMIT :limit
) AS some_keys
JOIN assets ON assets.organization_id = some_keys.organization_id AND assets.asset_id = some_keys.asset_id

-- name: count_with_key
-- How many assets are found by a key.
SELECT CAST(COUNT(*) AS BIGINT) FROM asset_vin_keys WHERE organization_id = :organization_id AND key = :key

-- name: keys_of
-- Which of some keys are there.
SELECT asset_vin_keys.key, asset_vin_keys.asset_id
FROM rows_of(:keys TEXT, :asset_ids TEXT) AS asked
JOIN asset_vin_keys
  ON asset_vin_keys.organization_id = :organization_id AND asset_vin_keys.key = asked.keys
  AND asset_vin_keys.asset_id = asked.asset_ids

-- name: keys_after
-- All keys in order, from after one.
SELECT organization_id, key, asset_id
FROM asset_vin_keys
WHERE (organization_id, key, asset_id) > (:organization_id, :key, :asset_id)
ORDER BY organization_id, key, asset_id
LIMIT :limit

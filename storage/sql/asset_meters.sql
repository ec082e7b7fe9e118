-- name: meters_of_assets
-- What is stored of all meters of some assets.
SELECT asset_id, meter_code, explicit, equipment_seq, last_seen_us, missing, counted_seq, expected
FROM asset_meters
WHERE organization_id = :organization_id AND asset_id in_list(:asset_ids)
ORDER BY asset_id, meter_code

-- name: put_asset_meter
-- A meter of an asset.
INSERT INTO asset_meters (organization_id, asset_id, meter_code, explicit, equipment_seq, last_seen_us, missing, counted_seq, expected)
VALUES (:organization_id, :asset_id, :meter_code, :explicit, :equipment_seq, :last_seen_us, :missing, :counted_seq, :expected)
ON CONFLICT (organization_id, asset_id, meter_code) DO UPDATE
SET explicit = excluded.explicit, equipment_seq = excluded.equipment_seq, last_seen_us = excluded.last_seen_us,
    missing = excluded.missing, counted_seq = excluded.counted_seq, expected = excluded.expected

-- name: quiet_meters
-- Expected meters by asset and code (some only while a unit is on the asset that delivers them), those that have been silent for so
-- many syncs, or since a time. Provisional assets whose Datahub asset turned out to be another have none.
SELECT asset_meters.organization_id, asset_meters.asset_id, assets.external_asset_id, asset_meters.meter_code,
       asset_meters.last_seen_us, asset_meters.missing
FROM asset_meters
JOIN assets ON assets.organization_id = asset_meters.organization_id AND assets.asset_id = asset_meters.asset_id
WHERE asset_meters.expected > 0
  AND (asset_meters.expected = 1 OR EXISTS (
    SELECT 1
    FROM asset_links
    JOIN pairings
      ON pairings.organization_id = asset_links.organization_id AND pairings.asset_id = asset_links.datahub_asset_id
    JOIN rows_of(:unit_type TEXT, :meter_code TEXT) AS s ON s.unit_type = pairings.unit_type
    WHERE asset_links.organization_id = asset_meters.organization_id AND asset_links.asset_id = asset_meters.asset_id
      AND pairings.unpaired_at_us IS NULL AND s.meter_code = asset_meters.meter_code
  ))
  AND (assets.origin <> 'datahub' OR EXISTS (
    SELECT 1
    FROM asset_links
    WHERE asset_links.organization_id = assets.organization_id AND asset_links.asset_id = assets.asset_id
  ))
  AND (asset_meters.organization_id, asset_meters.asset_id, asset_meters.meter_code)
      > (:after_organization_id, :after_asset_id, :after_meter_code)
  AND asset_meters.organization_id = :organization_id --? organization_id
  AND asset_meters.missing > 0 AND asset_meters.missing >= :min_missing --? min_missing
  AND (asset_meters.last_seen_us IS NULL OR asset_meters.last_seen_us < :stale_since_us) --? stale_since_us
ORDER BY asset_meters.organization_id, asset_meters.asset_id, asset_meters.meter_code
LIMIT :limit

-- name: never_counted
-- Meters that open pairings imply and of which nothing is kept yet, of assets in use, by asset and code. CROSS JOIN: assets are walked
-- in their order, and the few meters of each looked up.
SELECT assets.organization_id, assets.asset_id, assets.external_asset_id, meters.code
FROM assets
CROSS JOIN meters
WHERE meters.organization_id = assets.organization_id AND meters.code in_list(:meter_code) AND assets.status = 'ACTIVE'
  AND NOT EXISTS (
    SELECT 1
    FROM asset_meters
    WHERE asset_meters.organization_id = assets.organization_id AND asset_meters.asset_id = assets.asset_id
      AND asset_meters.meter_code = meters.code
  )
  AND EXISTS (
    SELECT 1
    FROM asset_links
    JOIN pairings
      ON pairings.organization_id = asset_links.organization_id AND pairings.asset_id = asset_links.datahub_asset_id
    JOIN rows_of(:unit_type TEXT, :meter_code TEXT) AS s ON s.unit_type = pairings.unit_type
    WHERE asset_links.organization_id = assets.organization_id AND asset_links.asset_id = assets.asset_id
      AND pairings.unpaired_at_us IS NULL AND s.meter_code = meters.code
  )
  AND (assets.organization_id, assets.asset_id) >= (:after_organization_id, :after_asset_id)
  AND (assets.organization_id, assets.asset_id, meters.code) > (:after_organization_id, :after_asset_id, :after_meter_code)
  AND assets.organization_id = :organization_id --? organization_id
ORDER BY assets.organization_id, assets.asset_id, meters.code
LIMIT :limit

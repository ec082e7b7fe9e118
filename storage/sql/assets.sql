-- name: lock
-- One writer of an organization's registry at a time, until the transaction ends.
-- only: sqlite
SELECT 1
-- only: postgres
SELECT pg_advisory_xact_lock(hashtextextended('registry ' || CAST(:organization_id AS TEXT), 0))

-- name: mint
-- New integer ids of assets, unique over the installation: each of them on PostgreSQL, the last of them on SQLite.
-- only: sqlite
UPDATE counters SET value = value + :count WHERE name = 'lease_asset' RETURNING value
-- only: postgres
SELECT nextval('lease_asset_ids') FROM generate_series(1, CAST(:count AS BIGINT))

-- name: assets_with_identities
-- The assets that go by one of these identities. DISTINCT: else PostgreSQL without statistics goes through them for each asset.
SELECT organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code, serial,
       status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us
FROM assets
WHERE organization_id = :organization_id AND asset_id IN (
  SELECT DISTINCT asset_id FROM asset_identities WHERE organization_id = :organization_id AND identity in_list(:identities)
)

-- name: assets_with_codes
-- The assets that have one of these codes.
SELECT organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code, serial,
       status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us
FROM assets
WHERE organization_id = :organization_id AND code in_list(:codes)

-- name: assets_of
-- Assets by their ids.
SELECT organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code, serial,
       status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us
FROM assets
WHERE organization_id = :organization_id AND asset_id in_list(:asset_ids)

-- name: assets_of_lease
-- Assets by their integer ids.
SELECT organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code, serial,
       status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us
FROM assets
WHERE organization_id = :organization_id AND lease_asset_id in_ints(:lease_asset_ids)

-- name: find_assets
-- The assets that a reference can mean, in every organization in view.
SELECT organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code, serial,
       status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us
FROM assets
WHERE 1 = 1
  AND organization_id = :organization_id --? organization_id
  AND asset_id = :asset_id --? asset_id
  AND lease_asset_id = :lease_asset_id --? lease_asset_id
  AND (organization_id, asset_id) IN ( --? identity
    SELECT organization_id, asset_id FROM asset_identities WHERE identity = :identity --? identity
  ) --? identity
  AND (organization_id, asset_id) IN ( --? datahub_asset_id
    SELECT organization_id, asset_id FROM asset_links WHERE datahub_asset_id = :datahub_asset_id --? datahub_asset_id
  ) --? datahub_asset_id
ORDER BY lease_asset_id
LIMIT 2

-- name: list_assets
-- Assets in the order of their creation, without provisional ones whose Datahub asset turned out to be another.
SELECT organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code, serial,
       status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us
FROM assets
WHERE lease_asset_id > :after
  AND (origin <> 'datahub' OR EXISTS (
    SELECT 1
    FROM asset_links
    WHERE asset_links.organization_id = assets.organization_id AND asset_links.asset_id = assets.asset_id
  ))
  AND organization_id = :organization_id --? organization_id
  AND lease_asset_id = :lease_asset_id --? lease_asset_id
  AND code = :code --? code
  AND vin = :vin --? vin
  AND status = :status --? status
  AND site_code = :site_code --? site_code
  AND asset_type_name = :asset_type_name --? asset_type_name
  AND (organization_id, asset_id) IN ( --? external_asset_id
    SELECT organization_id, asset_id FROM asset_identities WHERE identity = :external_asset_id --? external_asset_id
    UNION --? provisionally
    SELECT asset_links.organization_id, asset_links.asset_id --? provisionally
    FROM asset_links --? provisionally
    JOIN asset_identities AS own --? provisionally
      ON own.organization_id = asset_links.organization_id AND own.identity = :external_asset_id --? provisionally
    JOIN assets AS provisional --? provisionally
      ON provisional.organization_id = own.organization_id AND provisional.asset_id = own.asset_id --? provisionally
    WHERE asset_links.datahub_asset_id = :provisionally AND provisional.origin = 'datahub' --? provisionally
      AND NOT EXISTS ( --? provisionally
        SELECT 1 FROM asset_links AS others --? provisionally
        WHERE others.organization_id = own.organization_id AND others.asset_id = own.asset_id --? provisionally
      ) --? provisionally
  ) --? external_asset_id
  AND (organization_id, asset_id) IN ( --? datahub_asset_id
    SELECT organization_id, asset_id FROM asset_links WHERE datahub_asset_id = :datahub_asset_id --? datahub_asset_id
  ) --? datahub_asset_id
  AND (name LIKE :pattern ESCAPE '\' OR code LIKE :pattern ESCAPE '\' --? pattern
       OR external_asset_id LIKE :pattern ESCAPE '\' OR serial LIKE :pattern ESCAPE '\') --? pattern
ORDER BY lease_asset_id
LIMIT :limit

-- name: put_asset
-- An asset, made or changed.
INSERT INTO assets (organization_id, asset_id, lease_asset_id, external_asset_id, code, code_given, name, asset_type_name, site_code,
                    serial, vin, status, origin, retired_at_us, time_zone, details, created_at_us, updated_at_us)
VALUES (:organization_id, :asset_id, :lease_asset_id, :external_asset_id, :code, :code_given, :name, :asset_type_name, :site_code,
        :serial, :vin, :status, :origin, :retired_at_us, :time_zone, :details, :created_at_us, :updated_at_us)
ON CONFLICT (organization_id, asset_id) DO UPDATE
SET external_asset_id = excluded.external_asset_id, code = excluded.code, code_given = excluded.code_given, name = excluded.name,
    asset_type_name = excluded.asset_type_name, site_code = excluded.site_code, serial = excluded.serial, vin = excluded.vin,
    status = excluded.status, origin = excluded.origin, retired_at_us = excluded.retired_at_us, time_zone = excluded.time_zone,
    details = excluded.details, updated_at_us = excluded.updated_at_us

-- name: insert_identity
-- An externalAssetId or alias of an asset.
INSERT INTO asset_identities (organization_id, identity, asset_id) VALUES (:organization_id, :identity, :asset_id)

-- name: assets_with_vins
-- The assets that have one of these VINs, oldest first.
SELECT vin, asset_id, origin
FROM assets
WHERE organization_id = :organization_id AND vin in_list(:vins)
ORDER BY lease_asset_id

-- name: vins_after
-- Assets of all organizations with their serials and VINs, in order, from after a given one.
SELECT organization_id, asset_id, serial, vin, origin
FROM assets
WHERE (organization_id, asset_id) > (:organization_id, :asset_id)
ORDER BY organization_id, asset_id
LIMIT :limit

-- name: links_to
-- Which assets some Datahub assets are.
SELECT datahub_asset_id, asset_id
FROM asset_links
WHERE organization_id = :organization_id AND datahub_asset_id in_list(:datahub_asset_ids)

-- name: links_from
-- The Datahub assets that some assets are.
SELECT organization_id, asset_id, datahub_asset_id
FROM asset_links
WHERE (organization_id, asset_id) in_pairs(:organization_ids, :asset_ids)
ORDER BY organization_id, asset_id, datahub_asset_id

-- name: put_link
-- A Datahub asset is an asset.
INSERT INTO asset_links (organization_id, datahub_asset_id, asset_id) VALUES (:organization_id, :datahub_asset_id, :asset_id)
ON CONFLICT (organization_id, datahub_asset_id) DO UPDATE SET asset_id = excluded.asset_id

-- name: delete_link
-- A Datahub asset is no asset of ours any more.
DELETE FROM asset_links WHERE organization_id = :organization_id AND datahub_asset_id = :datahub_asset_id

-- name: open_pairings
-- The units of some types that are on some assets now.
SELECT asset_links.asset_id, pairings.unit_id, pairings.unit_type
FROM asset_links
JOIN pairings ON pairings.organization_id = asset_links.organization_id AND pairings.asset_id = asset_links.datahub_asset_id
WHERE asset_links.organization_id = :organization_id AND asset_links.asset_id in_list(:asset_ids)
  AND pairings.unpaired_at_us IS NULL AND pairings.unit_type in_list(:unit_types)
ORDER BY asset_links.asset_id, pairings.unit_id

-- name: paired_types
-- How many units of each of some types are on an asset now.
SELECT organization_id, unit_type, count(*)
FROM pairings
WHERE unpaired_at_us IS NULL AND unit_type in_list(:unit_types)
  AND organization_id = :organization_id --? organization_id
GROUP BY organization_id, unit_type
ORDER BY organization_id, unit_type

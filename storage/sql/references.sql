-- name: known_asset_types
-- Which of these asset types exist.
SELECT name FROM asset_types WHERE organization_id = :organization_id AND name in_list(:names)

-- name: known_sites
-- Which of these sites exist.
SELECT code FROM sites WHERE organization_id = :organization_id AND code in_list(:codes)

-- name: known_meters
-- Which of these meters exist, and what they are.
SELECT code, unit, name, type, subtype FROM meters WHERE organization_id = :organization_id AND code in_list(:codes)

-- name: list_meters
-- Meters by code.
SELECT code, unit, name, type, subtype
FROM meters
WHERE organization_id = :organization_id AND code > :after
ORDER BY code
LIMIT :limit

-- name: put_meter
-- A meter, made or changed.
INSERT INTO meters (organization_id, code, unit, name, type, subtype)
VALUES (:organization_id, :code, :unit, :name, :type, :subtype)
ON CONFLICT (organization_id, code) DO UPDATE
SET unit = excluded.unit, name = excluded.name, type = excluded.type, subtype = excluded.subtype

-- name: delete_meter
-- A meter that nothing uses.
DELETE FROM meters WHERE organization_id = :organization_id AND code = :code

-- name: meter_in_use
-- Whether a meter has readings; with `assigned`, whether it has them or is assigned.
SELECT 1
WHERE EXISTS (SELECT 1 FROM series WHERE organization_id = :organization_id AND meter_code = :code)
  OR EXISTS (SELECT 1 FROM unit_readings WHERE organization_id = :organization_id AND meter_code = :code AND asset_id IS NULL)
  OR EXISTS (SELECT 1 FROM asset_meters WHERE organization_id = :organization_id AND meter_code = :code) --? assigned

-- name: list_asset_types
-- Asset types by name.
SELECT name, NULL
FROM asset_types
WHERE organization_id = :organization_id AND name > :after
ORDER BY name
LIMIT :limit

-- name: find_asset_type
-- One of them.
SELECT name, NULL FROM asset_types WHERE organization_id = :organization_id AND name = :name

-- name: put_asset_type
-- An asset type.
INSERT INTO asset_types (organization_id, name) VALUES (:organization_id, :name)
ON CONFLICT (organization_id, name) DO NOTHING

-- name: delete_asset_type
-- An asset type that no asset has.
DELETE FROM asset_types WHERE organization_id = :organization_id AND name = :name

-- name: asset_type_in_use
-- Whether an asset has this type.
SELECT 1 FROM assets WHERE organization_id = :organization_id AND asset_type_name = :name LIMIT 1

-- name: list_sites
-- Sites by code.
SELECT code, name
FROM sites
WHERE organization_id = :organization_id AND code > :after
ORDER BY code
LIMIT :limit

-- name: find_site
-- One of them.
SELECT code, name FROM sites WHERE organization_id = :organization_id AND code = :code

-- name: put_site
-- A site, made or renamed.
INSERT INTO sites (organization_id, code, name) VALUES (:organization_id, :code, :name)
ON CONFLICT (organization_id, code) DO UPDATE SET name = excluded.name

-- name: delete_site
-- A site at which no asset is.
DELETE FROM sites WHERE organization_id = :organization_id AND code = :code

-- name: site_in_use
-- Whether an asset is at this site.
SELECT 1 FROM assets WHERE organization_id = :organization_id AND site_code = :code LIMIT 1

-- name: list_custom_fields
-- Custom fields by name.
SELECT name, NULL
FROM custom_fields
WHERE organization_id = :organization_id AND name > :after
ORDER BY name
LIMIT :limit

-- name: find_custom_field
-- One of them.
SELECT name, NULL FROM custom_fields WHERE organization_id = :organization_id AND name = :name

-- name: put_custom_field
-- A custom field that patches may set.
INSERT INTO custom_fields (organization_id, name) VALUES (:organization_id, :name)
ON CONFLICT (organization_id, name) DO NOTHING

-- name: delete_custom_field
-- A custom field that no asset has.
DELETE FROM custom_fields WHERE organization_id = :organization_id AND name = :name

-- name: details_with
-- Details of assets that may have a custom field, by their integer id.
SELECT lease_asset_id, details
FROM assets
WHERE organization_id = :organization_id AND lease_asset_id > :after AND details LIKE :pattern ESCAPE '!'
ORDER BY lease_asset_id
LIMIT :limit

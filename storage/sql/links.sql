-- name: hold_datahub_assets
-- What is known of Datahub assets, locked in their order until the transaction ends.
SELECT organization_id, datahub_asset_id, at_us, event_key, vin, vin_key
FROM datahub_assets
WHERE (organization_id, datahub_asset_id) in_pairs(:organization_ids, :datahub_asset_ids)
ORDER BY organization_id, datahub_asset_id
for_update

-- name: add_datahub_assets
-- Make sure that the rows of Datahub assets exist, so that they can be locked.
INSERT INTO datahub_assets (organization_id, datahub_asset_id, at_us, event_key, vin, vin_key)
VALUES (:organization_id, :datahub_asset_id, -9223372036854775808, '', NULL, NULL)
ON CONFLICT (organization_id, datahub_asset_id) DO NOTHING

-- name: put_datahub_asset
-- What is known of a Datahub asset.
INSERT INTO datahub_assets (organization_id, datahub_asset_id, at_us, event_key, vin, vin_key)
VALUES (:organization_id, :datahub_asset_id, :at_us, :event_key, :vin, :vin_key)
ON CONFLICT (organization_id, datahub_asset_id) DO UPDATE
SET at_us = excluded.at_us, event_key = excluded.event_key, vin = excluded.vin, vin_key = excluded.vin_key

-- name: delete_datahub_asset
-- A Datahub asset that no fact names any more.
DELETE FROM datahub_assets WHERE organization_id = :organization_id AND datahub_asset_id = :datahub_asset_id

-- name: datahub_assets_of
-- What is known of Datahub assets.
SELECT organization_id, datahub_asset_id, at_us, event_key, vin, vin_key
FROM datahub_assets
WHERE organization_id = :organization_id AND datahub_asset_id in_list(:datahub_asset_ids)

-- name: datahub_assets_with_vins
-- The Datahub assets with one of these VINs.
SELECT organization_id, datahub_asset_id, at_us, event_key, vin, vin_key
FROM datahub_assets
WHERE organization_id = :organization_id AND vin_key in_list(:vins)
ORDER BY datahub_asset_id

-- name: provisional_with_vins
-- The provisional assets of Datahub assets with one of these VINs, oldest first, where no operator has said otherwise.
SELECT datahub_assets.vin_key, assets.asset_id
FROM datahub_assets
JOIN asset_links
  ON asset_links.organization_id = datahub_assets.organization_id
  AND asset_links.datahub_asset_id = datahub_assets.datahub_asset_id
JOIN assets ON assets.organization_id = asset_links.organization_id AND assets.asset_id = asset_links.asset_id
WHERE datahub_assets.organization_id = :organization_id AND datahub_assets.vin_key in_list(:vins)
  AND assets.origin = 'datahub'
  AND NOT EXISTS (
    SELECT 1
    FROM explicit_links
    WHERE explicit_links.organization_id = datahub_assets.organization_id
      AND explicit_links.datahub_asset_id = datahub_assets.datahub_asset_id
  )
ORDER BY assets.lease_asset_id

-- name: copies_naming
-- All copies of facts that name some Datahub assets.
SELECT organization_id, unit_id, event_key, kind, at_us, asset_id, event_version, meaning, source, batch_key, batch_time_us
FROM events
WHERE asset_id in_list(:datahub_asset_ids) AND organization_id = :organization_id AND event_key IS NOT NULL

-- name: statements_naming
-- What was asserted of some Datahub assets.
SELECT organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details
FROM statements
WHERE organization_id = :organization_id AND asset_id in_list(:datahub_asset_ids)

-- name: judgements_of
-- What was said of some facts.
SELECT organization_id, seq, kind, unit_id, event_key, actor, at_us, note, asset_id, fact_at_us, details
FROM statements
WHERE organization_id = :organization_id AND event_key in_list(:event_keys)

-- name: explicit_links_of
-- The links that operators made of some Datahub assets.
SELECT datahub_asset_id, asset_id
FROM explicit_links
WHERE organization_id = :organization_id AND datahub_asset_id in_list(:datahub_asset_ids)

-- name: put_explicit_link
-- An operator's link.
INSERT INTO explicit_links (organization_id, datahub_asset_id, asset_id, actor, at_us)
VALUES (:organization_id, :datahub_asset_id, :asset_id, :actor, :at_us)
ON CONFLICT (organization_id, datahub_asset_id) DO UPDATE
SET asset_id = excluded.asset_id, actor = excluded.actor, at_us = excluded.at_us

-- name: delete_explicit_link
-- An operator takes a link back.
DELETE FROM explicit_links
WHERE organization_id = :organization_id AND datahub_asset_id = :datahub_asset_id AND asset_id = :asset_id

-- name: move_identity
-- An identity finds another asset from now on.
INSERT INTO asset_identities (organization_id, identity, asset_id) VALUES (:organization_id, :identity, :asset_id)
ON CONFLICT (organization_id, identity) DO UPDATE SET asset_id = excluded.asset_id

-- name: owners_of
-- The provisional assets that go by some identities and stand for no Datahub asset any more.
SELECT asset_identities.organization_id, asset_identities.identity, asset_identities.asset_id
FROM asset_identities
JOIN assets ON assets.organization_id = asset_identities.organization_id AND assets.asset_id = asset_identities.asset_id
WHERE (asset_identities.organization_id, asset_identities.identity) in_pairs(:organization_ids, :identities)
  AND assets.origin = 'datahub'
  AND NOT EXISTS (
    SELECT 1
    FROM asset_links
    WHERE asset_links.organization_id = assets.organization_id AND asset_links.asset_id = assets.asset_id
  )

-- name: links_of
-- Which assets some Datahub assets are.
SELECT organization_id, datahub_asset_id, asset_id
FROM asset_links
WHERE (organization_id, datahub_asset_id) in_pairs(:organization_ids, :datahub_asset_ids)

-- name: datahub_ids_after
-- Ids of Datahub assets of which anything is recorded or derived, in order, from after a given one.
SELECT asset_id
FROM (
  SELECT asset_id
  FROM (
    SELECT DISTINCT asset_id FROM events WHERE asset_id > :after_id AND event_key IS NOT NULL ORDER BY asset_id LIMIT :limit
  ) AS some_events
  UNION
  SELECT asset_id
  FROM (SELECT DISTINCT asset_id FROM statements WHERE asset_id > :after_id ORDER BY asset_id LIMIT :limit) AS some_statements
  UNION
  SELECT asset_id
  FROM (
    SELECT DISTINCT datahub_asset_id AS asset_id FROM datahub_assets WHERE datahub_asset_id > :after_id ORDER BY 1 LIMIT :limit
  ) AS some_known
  UNION
  SELECT asset_id
  FROM (
    SELECT DISTINCT datahub_asset_id AS asset_id FROM asset_links WHERE datahub_asset_id > :after_id ORDER BY 1 LIMIT :limit
  ) AS some_links
  UNION
  SELECT asset_id
  FROM (
    SELECT DISTINCT datahub_asset_id AS asset_id FROM explicit_links WHERE datahub_asset_id > :after_id ORDER BY 1 LIMIT :limit
  ) AS some_said
) AS named
ORDER BY asset_id
LIMIT :limit

-- name: owners_of_datahub_ids
-- The organizations in which anything is recorded or derived of some Datahub assets.
SELECT organization_id, asset_id FROM events WHERE asset_id in_list(:ids) AND event_key IS NOT NULL
UNION
SELECT organization_id, asset_id FROM statements WHERE asset_id in_list(:ids)
UNION
SELECT organization_id, datahub_asset_id FROM datahub_assets WHERE datahub_asset_id in_list(:ids)
UNION
SELECT organization_id, datahub_asset_id FROM asset_links WHERE datahub_asset_id in_list(:ids)
UNION
SELECT organization_id, datahub_asset_id FROM explicit_links WHERE datahub_asset_id in_list(:ids)
ORDER BY 1, 2

-- name: links_after
-- What is derived of Datahub assets, with the first id of the assets that they are, in order, from after a given one.
SELECT asset_links.organization_id, asset_links.datahub_asset_id, datahub_assets.vin, datahub_assets.vin_key,
       assets.external_asset_id
FROM asset_links
LEFT JOIN datahub_assets
  ON datahub_assets.organization_id = asset_links.organization_id
  AND datahub_assets.datahub_asset_id = asset_links.datahub_asset_id
LEFT JOIN assets ON assets.organization_id = asset_links.organization_id AND assets.asset_id = asset_links.asset_id
WHERE (asset_links.organization_id, asset_links.datahub_asset_id) > (:organization_id, :datahub_asset_id)
ORDER BY asset_links.organization_id, asset_links.datahub_asset_id
LIMIT :limit

-- name: list_units
-- Units in order.
SELECT organization_id, unit_id, status, last_event_at_us, state
FROM units
WHERE 1 = 1
  AND organization_id = :organization_id AND unit_id > :after_unit_id --? organization_id
  AND (organization_id, unit_id) > (:after_organization_id, :after_unit_id) --? all_organizations
  AND status = :status --? status
  AND status <> 'paired' --? set_aside
  AND unit_type = :unit_type --? unit_type
  AND unit_id = :unit_id --? unit_id
  AND unit_id LIKE :pattern ESCAPE '\' --? pattern
ORDER BY organization_id, unit_id
LIMIT :limit

-- name: find_unit
-- A unit; in every organization that has one of this id.
SELECT organization_id, unit_id, status, last_event_at_us, state
FROM units
WHERE unit_id = :unit_id
  AND organization_id = :organization_id --? organization_id
ORDER BY organization_id
LIMIT 2

-- name: list_pairings
-- Intervals, newest first by their start (or end, where the start is unknown).
SELECT organization_id, unit_id, sort_us, pairing_id, interval_json
FROM pairings
WHERE 1 = 1
  AND organization_id = :organization_id --? organization_id
  AND (sort_us, pairing_id) < (:before_us, :before_id) --? organization_id
  AND (organization_id, sort_us, pairing_id) < (:before_organization_id, :before_us, :before_id) --? all_organizations
  AND unit_id = :unit_id --? unit_id
  AND asset_id = :asset_id --? asset_id
  AND asset_id in_list(:asset_ids) --? asset_ids
  AND unit_type = :unit_type --? unit_type
  AND vin IS NOT NULL AND substr(vin, 1, 32) = substr(:vin, 1, 32) AND coalesce(vin, '') = :vin --? vin
  AND reason = :reason --? reason
  AND updated_at_us >= :updated_since_us --? updated_since_us
  AND unpaired_at_us IS NULL --? only_open
  AND unpaired_at_us IS NOT NULL --? only_closed
  AND paired_at_us <= :at_us AND (unpaired_at_us IS NULL OR unpaired_at_us > :at_us) --? surely_in_force
  AND (unpaired_at_us IS NULL OR unpaired_at_us > :at_us) --? possibly_in_force
  AND (paired_at_us <= :at_us OR paired_at_us IS NULL AND (paired_after_us IS NULL OR paired_after_us <= :at_us)) --? possibly_in_force
ORDER BY organization_id DESC, sort_us DESC, pairing_id DESC
LIMIT :limit

-- name: find_pairing
-- An interval by its id.
SELECT organization_id, unit_id, sort_us, pairing_id, interval_json
FROM pairings
WHERE pairing_id = :pairing_id
  AND organization_id = :organization_id --? organization_id

-- name: find_alias
-- The fact from which another id of an interval or a case was made.
SELECT organization_id, unit_id, event_key
FROM aliases
WHERE alias_id = :alias_id
  AND organization_id = :organization_id --? organization_id

-- name: neighbours
-- Who was on some assets, and when: for conflicts between units of one type.
SELECT organization_id, asset_id, unit_id, unit_type, paired_at_us, unpaired_at_us
FROM pairings
WHERE (organization_id, asset_id) in_pairs(:organization_ids, :asset_ids) AND unit_type <> '' AND paired_at_us IS NOT NULL

-- name: units_naming
-- Units that something recorded puts on one of some assets, or takes off it, in order.
SELECT organization_id, unit_id
FROM (
  SELECT organization_id, unit_id
  FROM events
  WHERE asset_id in_list(:asset_ids) AND event_key IS NOT NULL
    AND (organization_id, unit_id) > (:after_organization_id, :after_unit_id)
    AND organization_id = :organization_id --? organization_id
  UNION
  SELECT organization_id, unit_id
  FROM statements
  WHERE asset_id in_list(:asset_ids)
    AND (organization_id, unit_id) > (:after_organization_id, :after_unit_id)
    AND organization_id = :organization_id --? organization_id
) AS named
ORDER BY organization_id, unit_id
LIMIT :limit

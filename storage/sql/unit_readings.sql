-- name: insert_unit_reading
-- A reading as a unit brought it; a sync that comes again adds nothing.
INSERT INTO unit_readings (organization_id, unit_id, at_us, reading_no, meter_code, value, source, note, received_at_us, asset_id)
VALUES (:organization_id, :unit_id, :at_us, :reading_no, :meter_code, :value, :source, :note, :received_at_us, :asset_id)

-- name: units_with_readings
-- Which of these units have brought a reading.
SELECT s.organization_id, s.unit_id
FROM rows_of(:organization_id TEXT, :unit_id TEXT) AS s
WHERE EXISTS (
  SELECT 1 FROM unit_readings AS r WHERE r.organization_id = s.organization_id AND r.unit_id = s.unit_id
)

-- name: pairings_at
-- The Datahub asset that each of some units was on at a time, where the start of the pairing is known.
SELECT s.unit_id, s.at_us, p.asset_id
FROM rows_of(:unit_id TEXT, :at_us BIGINT) AS s
JOIN pairings AS p ON p.organization_id = :organization_id AND p.unit_id = s.unit_id
WHERE p.paired_at_us <= s.at_us AND (p.unpaired_at_us IS NULL OR p.unpaired_at_us > s.at_us)

-- name: spans_on
-- When units that have brought readings were on some Datahub assets.
SELECT p.unit_id, p.paired_at_us, COALESCE(p.unpaired_at_us, 9223372036854775807), p.asset_id
FROM pairings AS p
WHERE p.organization_id = :organization_id AND p.asset_id in_list(:datahub_asset_ids) AND p.paired_at_us IS NOT NULL
  AND EXISTS (SELECT 1 FROM unit_readings AS r WHERE r.organization_id = p.organization_id AND r.unit_id = p.unit_id)
ORDER BY p.unit_id, p.paired_at_us

-- name: unit_readings_between
-- Readings of some units in a span of time each, in their order, from after a given one.
SELECT r.organization_id, r.unit_id, r.at_us, r.reading_no, r.meter_code, r.value, r.source, r.note, r.received_at_us, r.asset_id
FROM unit_readings AS r
WHERE r.organization_id = :organization_id AND r.unit_id = :unit_id AND (r.at_us, r.reading_no) > (:after_us, :after_no)
  AND r.at_us < :to_us
ORDER BY r.at_us, r.reading_no
LIMIT :limit

-- name: set_attribution
-- In whose series a reading of a unit stands.
UPDATE unit_readings SET asset_id = :asset_id
WHERE organization_id = :organization_id AND unit_id = :unit_id AND at_us = :at_us AND reading_no = :reading_no

-- name: list_waiting
-- Readings that no pairing covers, in the order in which they came.
SELECT organization_id, unit_id, at_us, reading_no, meter_code, value, source, note, received_at_us, asset_id
FROM unit_readings
WHERE asset_id IS NULL AND reading_no > :after
  AND organization_id = :organization_id --? organization_id
  AND unit_id = :unit_id --? unit_id
  AND meter_code = :meter_code --? meter_code
ORDER BY reading_no
LIMIT :limit

-- name: all_unit_readings_after
-- Readings of units of all organizations by key, from after a given one.
SELECT organization_id, unit_id, at_us, reading_no, meter_code, value, source, note, received_at_us, asset_id
FROM unit_readings
WHERE (organization_id, unit_id, at_us, reading_no) > (:organization_id, :unit_id, :at_us, :reading_no)
ORDER BY organization_id, unit_id, at_us, reading_no
LIMIT :limit

-- name: unit_readings_at
-- Some readings of units by their place.
SELECT r.organization_id, r.unit_id, r.at_us, r.reading_no, r.meter_code, r.value, r.source, r.note, r.received_at_us, r.asset_id
FROM rows_of(:unit_id TEXT, :at_us BIGINT, :reading_no BIGINT) AS s
CROSS JOIN unit_readings AS r
WHERE r.organization_id = :organization_id AND r.unit_id = s.unit_id AND r.at_us = s.at_us AND r.reading_no = s.reading_no

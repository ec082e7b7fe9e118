-- name: series_of
-- What the series of some meters of some assets come to.
SELECT asset_id, meter_code, last_at_us, latest_at_us, latest_no, latest_value, newest_at_us, newest_no, newest_value
FROM series
WHERE organization_id = :organization_id AND asset_id in_list(:asset_ids) AND meter_code in_list(:meter_codes)

-- name: series_of_asset
-- What all series of an asset come to.
SELECT asset_id, meter_code, last_at_us, latest_at_us, latest_no, latest_value, newest_at_us, newest_no, newest_value
FROM series
WHERE organization_id = :organization_id AND asset_id = :asset_id

-- name: put_series
-- What a series comes to.
INSERT INTO series (organization_id, asset_id, meter_code, last_at_us, latest_at_us, latest_no, latest_value, newest_at_us, newest_no,
                    newest_value)
VALUES (:organization_id, :asset_id, :meter_code, :last_at_us, :latest_at_us, :latest_no, :latest_value, :newest_at_us, :newest_no,
        :newest_value)
ON CONFLICT (organization_id, asset_id, meter_code) DO UPDATE
SET last_at_us = excluded.last_at_us, latest_at_us = excluded.latest_at_us, latest_no = excluded.latest_no,
    latest_value = excluded.latest_value, newest_at_us = excluded.newest_at_us, newest_no = excluded.newest_no,
    newest_value = excluded.newest_value

-- name: delete_series
-- A series without a reading.
DELETE FROM series WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code

-- name: insert_reading
-- A reading, as its series takes it.
INSERT INTO readings (organization_id, asset_id, meter_code, at_us, reading_no, value, source, note, unit_id, received_at_us, mark,
                      shown, reason)
VALUES (:organization_id, :asset_id, :meter_code, :at_us, :reading_no, :value, :source, :note, :unit_id, :received_at_us, :mark,
        :shown, :reason)

-- name: set_mark
-- What a series now makes of a reading.
UPDATE readings SET mark = :mark, shown = :shown, reason = :reason
WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code AND at_us = :at_us
  AND reading_no = :reading_no

-- name: delete_reading
-- A reading of a unit leaves a series.
DELETE FROM readings
WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code AND at_us = :at_us
  AND reading_no = :reading_no AND unit_id IS NOT NULL

-- name: last_before
-- The last reading of each series before a time: of all, of those accepted, or of those that say whether there is a meter.
-- only: sqlite
SELECT s.asset_id, s.meter_code, r.at_us, r.reading_no, r.value
FROM rows_of(:asset_id TEXT, :meter_code TEXT, :from_us BIGINT) AS s
CROSS JOIN readings AS r
WHERE r.organization_id = :organization_id AND r.asset_id = s.asset_id AND r.meter_code = s.meter_code
  AND (r.at_us, r.reading_no) = (
    SELECT b.at_us, b.reading_no
    FROM readings AS b
    WHERE b.organization_id = :organization_id AND b.asset_id = s.asset_id AND b.meter_code = s.meter_code AND b.at_us < s.from_us
      AND b.mark = 'NORMAL' AND b.shown = 1 --? accepted
      AND b.mark IN ('NORMAL', 'NOT_EQUIPPED') AND b.shown = 1 --? telling
    ORDER BY b.at_us DESC, b.reading_no DESC
    LIMIT 1
  )
-- only: postgres
SELECT s.asset_id, s.meter_code, r.at_us, r.reading_no, r.value
FROM rows_of(:asset_id TEXT, :meter_code TEXT, :from_us BIGINT) AS s
CROSS JOIN LATERAL (
  SELECT b.at_us, b.reading_no, b.value
  FROM readings AS b
  WHERE b.organization_id = :organization_id AND b.asset_id = s.asset_id AND b.meter_code = s.meter_code AND b.at_us < s.from_us
    AND b.mark = 'NORMAL' AND b.shown = 1 --? accepted
    AND b.mark IN ('NORMAL', 'NOT_EQUIPPED') AND b.shown = 1 --? telling
  ORDER BY b.at_us DESC, b.reading_no DESC
  LIMIT 1
) AS r

-- name: readings_between
-- The readings of some series in a span of time, in their order.
SELECT s.asset_id, s.meter_code, r.at_us, r.reading_no, r.value, r.mark, r.shown, r.reason
FROM rows_of(:asset_id TEXT, :meter_code TEXT, :from_us BIGINT, :to_us BIGINT) AS s
CROSS JOIN readings AS r
WHERE r.organization_id = :organization_id AND r.asset_id = s.asset_id AND r.meter_code = s.meter_code
  AND r.at_us >= s.from_us AND r.at_us < s.to_us
ORDER BY s.asset_id, s.meter_code, r.at_us, r.reading_no

-- name: readings_after
-- The next readings of some series, some of each, in their order.
-- only: sqlite
WITH s AS MATERIALIZED (
  SELECT w.asset_id, w.meter_code, w.after_us, w.after_no, COALESCE((
    SELECT b.at_us
    FROM readings AS b
    WHERE b.organization_id = :organization_id AND b.asset_id = w.asset_id AND b.meter_code = w.meter_code
      AND (b.at_us, b.reading_no) > (w.after_us, w.after_no)
    ORDER BY b.at_us, b.reading_no
    LIMIT 1 OFFSET :limit - 1
  ), 9223372036854775807) AS last_us
  FROM rows_of(:asset_id TEXT, :meter_code TEXT, :after_us BIGINT, :after_no BIGINT) AS w
)
SELECT s.asset_id, s.meter_code, r.at_us, r.reading_no, r.value, r.mark, r.shown, r.reason
FROM s
CROSS JOIN readings AS r
WHERE r.organization_id = :organization_id AND r.asset_id = s.asset_id AND r.meter_code = s.meter_code
  AND (r.at_us, r.reading_no) > (s.after_us, s.after_no) AND r.at_us <= s.last_us
ORDER BY s.asset_id, s.meter_code, r.at_us, r.reading_no
-- only: postgres
SELECT s.asset_id, s.meter_code, r.at_us, r.reading_no, r.value, r.mark, r.shown, r.reason
FROM rows_of(:asset_id TEXT, :meter_code TEXT, :after_us BIGINT, :after_no BIGINT) AS s
CROSS JOIN LATERAL (
  SELECT b.at_us, b.reading_no, b.value, b.mark, b.shown, b.reason
  FROM readings AS b
  WHERE b.organization_id = :organization_id AND b.asset_id = s.asset_id AND b.meter_code = s.meter_code
    AND (b.at_us, b.reading_no) > (s.after_us, s.after_no)
  ORDER BY b.at_us, b.reading_no
  LIMIT :limit
) AS r
ORDER BY s.asset_id, s.meter_code, r.at_us, r.reading_no

-- name: list_readings
-- Readings of a meter of an asset, oldest first; duplicates are left out, corrected ones shown only when they are asked for.
SELECT asset_id, meter_code, at_us, reading_no, value, source, note, unit_id, received_at_us, mark, shown, reason
FROM readings
WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code
  AND (at_us, reading_no) > (:after_us, :after_no) AND shown = 1
  AND at_us >= :from_us --? from_us
  AND at_us < :to_us --? to_us
  AND mark <> 'CORRECTED' --? uncorrected
  AND mark = 'NORMAL' --? accepted
  AND mark <> 'NORMAL' AND mark = :mark --? mark
ORDER BY at_us, reading_no
LIMIT :limit

-- name: readings_at
-- Some readings of an asset by their place.
SELECT r.asset_id, r.meter_code, r.at_us, r.reading_no, r.value, r.source, r.note, r.unit_id, r.received_at_us, r.mark, r.shown, r.reason
FROM rows_of(:meter_code TEXT, :at_us BIGINT, :reading_no BIGINT) AS s
CROSS JOIN readings AS r
WHERE r.organization_id = :organization_id AND r.asset_id = :asset_id AND r.meter_code = s.meter_code AND r.at_us = s.at_us
  AND r.reading_no = s.reading_no

-- name: counted_between
-- What counts for consumption, oldest first: accepted readings, and SUSPECT ones to be told of.
SELECT at_us, value, mark
FROM readings
WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code
  AND at_us >= :from_us AND at_us < :to_us AND shown = 1 AND mark IN ('NORMAL', 'SUSPECT')
ORDER BY at_us, reading_no

-- name: accepted_beside
-- The last accepted reading before a span of time, and the first at its end or after it.
SELECT at_us, value
FROM (
  SELECT at_us, value
  FROM readings
  WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code AND at_us < :from_us
    AND shown = 1 AND mark = 'NORMAL'
  ORDER BY at_us DESC, reading_no DESC
  LIMIT 1
) AS before_it
UNION ALL
SELECT at_us, value
FROM (
  SELECT at_us, value
  FROM readings
  WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code AND at_us >= :to_us
    AND shown = 1 AND mark = 'NORMAL'
  ORDER BY at_us, reading_no
  LIMIT 1
) AS after_it

-- name: first_reading
-- When the first accepted reading of a series was.
SELECT at_us
FROM readings
WHERE organization_id = :organization_id AND asset_id = :asset_id AND meter_code = :meter_code AND shown = 1 AND mark = 'NORMAL'
ORDER BY at_us
LIMIT 1

-- name: rows_after
-- Readings of all organizations by key, from after a given one, with all their columns.
SELECT organization_id, asset_id, meter_code, at_us, reading_no, value, source, note, unit_id, received_at_us, mark, shown, reason
FROM readings
WHERE (organization_id, asset_id, meter_code, at_us, reading_no)
      > (:organization_id, :asset_id, :meter_code, :at_us, :reading_no)
ORDER BY organization_id, asset_id, meter_code, at_us, reading_no
LIMIT :limit

-- name: series_after
-- Series of all organizations that have a row or a reading, in order, from after a given one.
SELECT organization_id, asset_id, meter_code
FROM (
  SELECT organization_id, asset_id, meter_code
  FROM (
    SELECT organization_id, asset_id, meter_code
    FROM series
    WHERE (organization_id, asset_id, meter_code) > (:organization_id, :asset_id, :meter_code)
    ORDER BY organization_id, asset_id, meter_code
    LIMIT :limit
  ) AS some_series
  UNION
  SELECT organization_id, asset_id, meter_code
  FROM (
    SELECT DISTINCT organization_id, asset_id, meter_code
    FROM readings
    WHERE (organization_id, asset_id, meter_code) > (:organization_id, :asset_id, :meter_code)
    ORDER BY organization_id, asset_id, meter_code
    LIMIT :limit
  ) AS some_readings
) AS all_series
ORDER BY organization_id, asset_id, meter_code
LIMIT :limit

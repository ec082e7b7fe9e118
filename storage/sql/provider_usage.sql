-- name: of_spans
-- Usage of some meters for exactly these spans.
SELECT usage.organization_id, usage.meter_code, usage.kind, usage.start_us, usage.end_us, usage.revision, usage.asset_id,
       usage.value, usage.redelivery, usage.production, usage.cost, usage.currency, usage.estimated, usage.metadata, usage.run_id,
       usage.recorded_at_us
FROM rows_of(:codes TEXT, :starts BIGINT, :ends BIGINT) AS asked
JOIN provider_usage AS usage
  ON usage.organization_id = :organization_id AND usage.meter_code = asked.codes AND usage.kind = :kind
  AND usage.start_us = asked.starts AND usage.end_us = asked.ends

-- name: put
-- What a provider says of a span.
INSERT INTO provider_usage (organization_id, meter_code, kind, start_us, end_us, revision, asset_id, value, redelivery, production,
                            cost, currency, estimated, metadata, run_id, recorded_at_us)
VALUES (:organization_id, :meter_code, :kind, :start_us, :end_us, :revision, :asset_id, :value, :redelivery, :production,
        :cost, :currency, :estimated, :metadata, :run_id, :recorded_at_us)
ON CONFLICT (organization_id, meter_code, kind, start_us, end_us) DO UPDATE
SET revision = excluded.revision, asset_id = excluded.asset_id, value = excluded.value, redelivery = excluded.redelivery,
    production = excluded.production, cost = excluded.cost, currency = excluded.currency, estimated = excluded.estimated,
    metadata = excluded.metadata, run_id = excluded.run_id, recorded_at_us = excluded.recorded_at_us

-- name: add_history
-- What a provider said of a span before.
INSERT INTO provider_usage_history (organization_id, meter_code, kind, start_us, end_us, revision, asset_id, value, redelivery,
                                    production, cost, currency, estimated, metadata, run_id, recorded_at_us, replaced_at_us)
VALUES (:organization_id, :meter_code, :kind, :start_us, :end_us, :revision, :asset_id, :value, :redelivery,
        :production, :cost, :currency, :estimated, :metadata, :run_id, :recorded_at_us, :replaced_at_us)

-- name: list_usage
-- Usage of a meter of an asset, by time.
SELECT organization_id, meter_code, kind, start_us, end_us, revision, asset_id, value, redelivery, production, cost, currency,
       estimated, metadata, run_id, recorded_at_us
FROM provider_usage
WHERE organization_id = :organization_id AND meter_code = :meter_code AND kind = :kind AND asset_id = :asset_id
  AND (start_us, end_us) > (:after_start_us, :after_end_us)
  AND end_us > :from_us --? from_us
  AND start_us < :to_us --? to_us
ORDER BY start_us, end_us
LIMIT :limit

-- name: history_of
-- What was said of a span before.
SELECT organization_id, meter_code, kind, start_us, end_us, revision, asset_id, value, redelivery, production, cost, currency,
       estimated, metadata, run_id, recorded_at_us
FROM provider_usage_history
WHERE organization_id = :organization_id AND meter_code = :meter_code AND kind = :kind AND start_us = :start_us
  AND end_us = :end_us
ORDER BY revision

-- name: has_any
-- Whether there is usage of a meter.
SELECT 1 FROM provider_usage WHERE organization_id = :organization_id AND meter_code = :meter_code LIMIT 1

-- name: put_counter
-- What is known of a counter.
INSERT INTO meter_counters (organization_id, meter_code, rollover, reset_to, gap_us_max, granularity)
VALUES (:organization_id, :meter_code, :rollover, :reset_to, :gap_us_max, :granularity)
ON CONFLICT (organization_id, meter_code) DO UPDATE
SET rollover = excluded.rollover, reset_to = excluded.reset_to, gap_us_max = excluded.gap_us_max,
    granularity = excluded.granularity

-- name: counter_of
-- What is known of the counter behind a meter.
SELECT organization_id, meter_code, rollover, reset_to, gap_us_max, granularity
FROM meter_counters
WHERE organization_id = :organization_id AND meter_code = :meter_code

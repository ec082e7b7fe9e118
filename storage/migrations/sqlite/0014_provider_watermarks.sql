-- How far a stream is in each environment: what was pulled from staging must not be left out of production.
ALTER TABLE provider_watermarks RENAME TO old_watermarks;
CREATE TABLE provider_watermarks (
  organization_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  stream TEXT NOT NULL,
  scope TEXT NOT NULL, -- the parent's record, or ''
  watermark_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, provider, environment, stream, scope)
) STRICT, WITHOUT ROWID;
INSERT INTO provider_watermarks (organization_id, provider, environment, stream, scope, watermark_us)
SELECT organization_id, provider,
       COALESCE((
         SELECT run.environment
         FROM provider_runs AS run
         WHERE run.organization_id = old.organization_id AND run.provider = old.provider
         ORDER BY run.run_id DESC
         LIMIT 1
       ), 'production'),
       stream, scope, watermark_us
FROM old_watermarks AS old;
DROP TABLE old_watermarks;

-- How many requests a provider was sent, in short slots of time, so that its caps hold over all runs and processes.
CREATE TABLE provider_requests (
  organization_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  scope TEXT NOT NULL, -- a stream with caps of its own, or '' for all requests
  span_us INTEGER NOT NULL, -- of the cap that they are counted for
  slot INTEGER NOT NULL, -- of its slots since 1970
  requests INTEGER NOT NULL,
  PRIMARY KEY (organization_id, provider, environment, scope, span_us, slot)
) STRICT, WITHOUT ROWID;

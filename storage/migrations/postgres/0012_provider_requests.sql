-- How many requests a provider was sent, in short slots of time, so that its caps hold over all runs and processes.
CREATE TABLE provider_requests (
  organization_id TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  environment TEXT COLLATE "C" NOT NULL,
  scope TEXT COLLATE "C" NOT NULL, -- a stream with caps of its own, or '' for all requests
  span_us BIGINT NOT NULL, -- of the cap that they are counted for
  slot BIGINT NOT NULL, -- of its slots since 1970
  requests BIGINT NOT NULL,
  PRIMARY KEY (organization_id, provider, environment, scope, span_us, slot)
);

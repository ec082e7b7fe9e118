-- Recorded: bulk patches of assets, each a job. Ids count up in the order in which jobs were accepted.
INSERT INTO counters VALUES ('patch_job', 0, 0);

CREATE TABLE patch_jobs (
  organization_id TEXT COLLATE "C" NOT NULL,
  job_id BIGINT NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL, -- who asked for it
  idempotency_key TEXT COLLATE "C",
  fingerprint TEXT COLLATE "C" NOT NULL, -- of the request: what a repeat with the same key must be the same as
  status TEXT COLLATE "C" NOT NULL,
  total BIGINT NOT NULL,
  done BIGINT NOT NULL, -- patches that were applied or failed: the place of the next one
  succeeded BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  started_at_us BIGINT,
  ended_at_us BIGINT,
  worker TEXT COLLATE "C", -- who is at it, until the time that follows unless it is told on
  lease_until_us BIGINT,
  PRIMARY KEY (organization_id, job_id)
);
CREATE UNIQUE INDEX patch_jobs_id ON patch_jobs (job_id);
CREATE UNIQUE INDEX patch_jobs_key ON patch_jobs (client_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX patch_jobs_open ON patch_jobs (job_id) WHERE ended_at_us IS NULL;
CREATE INDEX patch_jobs_next ON patch_jobs (organization_id, job_id) WHERE ended_at_us IS NULL;
CREATE INDEX patch_jobs_ended ON patch_jobs (ended_at_us) WHERE ended_at_us IS NOT NULL;

CREATE TABLE patch_chunks (
  organization_id TEXT COLLATE "C" NOT NULL,
  job_id BIGINT NOT NULL,
  first BIGINT NOT NULL, -- the place of its first patch in the request
  patches TEXT COLLATE "C" NOT NULL, -- JSON
  PRIMARY KEY (organization_id, job_id, first)
);

CREATE TABLE patch_errors (
  organization_id TEXT COLLATE "C" NOT NULL,
  job_id BIGINT NOT NULL,
  place BIGINT NOT NULL, -- of the patch in the request
  asset_id BIGINT NOT NULL, -- the integer id, as sent
  message TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, job_id, place)
);

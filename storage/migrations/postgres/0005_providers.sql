-- Work that one process at a time may do, such as reading a feed: who has it, until the time that it isn't renewed.
CREATE TABLE leases (
  name TEXT COLLATE "C" PRIMARY KEY,
  holder TEXT COLLATE "C" NOT NULL,
  until_us BIGINT NOT NULL
);

-- Access tokens of the Feed, for their life: one for all feeds of a client and an audience.
CREATE TABLE feed_tokens (
  token_key TEXT COLLATE "C" PRIMARY KEY,
  sealed TEXT COLLATE "C" NOT NULL, -- encrypted by a key made from the client secret, which isn't here; '' for none
  expires_at_us BIGINT NOT NULL,
  requested_at TEXT COLLATE "C" NOT NULL -- JSON: when tokens were asked for within the last hour
);

CREATE TABLE providers (
  organization_id TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  first_seen_us BIGINT NOT NULL,
  scheduled_us BIGINT, -- the scheduled instant of the last run that was started for one
  PRIMARY KEY (organization_id, provider)
);

CREATE TABLE provider_runs (
  organization_id TEXT COLLATE "C" NOT NULL,
  run_id BIGINT NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  environment TEXT COLLATE "C" NOT NULL,
  trigger_kind TEXT COLLATE "C" NOT NULL, -- schedule, manual, resume: after a wait that the provider asked for, or after an interruption
  actor TEXT COLLATE "C" NOT NULL,
  streams TEXT COLLATE "C" NOT NULL, -- JSON: those asked for; none means all
  status TEXT COLLATE "C" NOT NULL, -- queued, running, then succeeded, failed, rescheduled or interrupted
  attempt BIGINT NOT NULL, -- how many runs in a row were interrupted, and this one
  definition_hash TEXT COLLATE "C" NOT NULL,
  requested_at_us BIGINT NOT NULL,
  scheduled_at_us BIGINT,
  not_before_us BIGINT NOT NULL,
  started_at_us BIGINT,
  ended_at_us BIGINT,
  holder TEXT COLLATE "C" NOT NULL,
  replayed BIGINT NOT NULL, -- quarantined records that could be stored after all
  error TEXT COLLATE "C",
  PRIMARY KEY (organization_id, run_id)
);
CREATE INDEX provider_runs_provider ON provider_runs (organization_id, provider, run_id);
CREATE INDEX provider_runs_open ON provider_runs (organization_id, provider, run_id) WHERE status IN ('queued', 'running');

CREATE TABLE provider_run_streams (
  organization_id TEXT COLLATE "C" NOT NULL,
  run_id BIGINT NOT NULL,
  stream TEXT COLLATE "C" NOT NULL,
  place BIGINT NOT NULL,
  entity TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  is_full BIGINT NOT NULL,
  pages BIGINT NOT NULL,
  fetched BIGINT NOT NULL,
  created BIGINT NOT NULL,
  updated BIGINT NOT NULL,
  unchanged BIGINT NOT NULL,
  quarantined BIGINT NOT NULL,
  unidentified BIGINT NOT NULL,
  deactivated BIGINT NOT NULL,
  absence TEXT COLLATE "C" NOT NULL, -- what came of what wasn't listed, in words
  errors TEXT COLLATE "C" NOT NULL, -- JSON: the first of them
  errors_total BIGINT NOT NULL,
  started_at_us BIGINT NOT NULL,
  ended_at_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, run_id, stream)
);

CREATE TABLE provider_watermarks (
  organization_id TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  stream TEXT COLLATE "C" NOT NULL,
  scope TEXT COLLATE "C" NOT NULL, -- the parent's record, or ''
  watermark_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, provider, stream, scope)
);

-- Assets and meters as the provider last gave them, and whether it still lists them.
CREATE TABLE provider_entities (
  organization_id TEXT COLLATE "C" NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  entity TEXT COLLATE "C" NOT NULL, -- assets, meters
  external_id TEXT COLLATE "C" NOT NULL,
  stream TEXT COLLATE "C" NOT NULL,
  parent_id TEXT COLLATE "C" NOT NULL, -- of a meter: the external id of its asset; else ''
  record TEXT COLLATE "C" NOT NULL, -- JSON, the standard form
  state TEXT COLLATE "C" NOT NULL, -- active, or absent: deactivated because it was no longer listed
  seen_run_id BIGINT NOT NULL,
  seen_at_us BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  changed_at_us BIGINT NOT NULL,
  absent_at_us BIGINT,
  PRIMARY KEY (organization_id, provider, entity, external_id)
);
CREATE INDEX provider_entities_seen ON provider_entities (organization_id, provider, entity, state, seen_run_id);
CREATE INDEX provider_entities_parent ON provider_entities (organization_id, provider, entity, parent_id);

-- Usage as providers gave it: readings, whose start and end are one instant, and consumption over a period.
CREATE TABLE provider_usage (
  organization_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL, -- reading, consumption
  start_us BIGINT NOT NULL,
  end_us BIGINT NOT NULL,
  revision BIGINT NOT NULL, -- 1, and one more for each time that another value came
  asset_id TEXT COLLATE "C" NOT NULL, -- the registry's, of which it is a meter
  value TEXT COLLATE "C" NOT NULL, -- decimals in the meter's unit
  redelivery TEXT COLLATE "C",
  production TEXT COLLATE "C",
  cost TEXT COLLATE "C",
  currency TEXT COLLATE "C",
  estimated BIGINT,
  metadata TEXT COLLATE "C" NOT NULL, -- JSON
  run_id BIGINT NOT NULL,
  recorded_at_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, meter_code, kind, start_us, end_us)
);

CREATE TABLE provider_usage_history (
  organization_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  start_us BIGINT NOT NULL,
  end_us BIGINT NOT NULL,
  revision BIGINT NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C" NOT NULL,
  redelivery TEXT COLLATE "C",
  production TEXT COLLATE "C",
  cost TEXT COLLATE "C",
  currency TEXT COLLATE "C",
  estimated BIGINT,
  metadata TEXT COLLATE "C" NOT NULL,
  run_id BIGINT NOT NULL,
  recorded_at_us BIGINT NOT NULL,
  replaced_at_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, meter_code, kind, start_us, end_us, revision)
);

-- What is known of the counter behind a meter: for usage by day and month.
CREATE TABLE meter_counters (
  organization_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  rollover TEXT COLLATE "C", -- decimal
  reset_to TEXT COLLATE "C", -- decimal
  gap_us_max BIGINT,
  PRIMARY KEY (organization_id, meter_code)
);

CREATE TABLE provider_quarantine (
  organization_id TEXT COLLATE "C" NOT NULL,
  entry_id BIGINT NOT NULL,
  provider TEXT COLLATE "C" NOT NULL,
  stream TEXT COLLATE "C" NOT NULL,
  scope TEXT COLLATE "C" NOT NULL,
  record_key TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL, -- waiting, resolved, discarded
  entity TEXT COLLATE "C" NOT NULL,
  page BIGINT NOT NULL,
  url TEXT COLLATE "C" NOT NULL,
  field TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  problems TEXT COLLATE "C" NOT NULL, -- JSON
  external_id TEXT COLLATE "C",
  waits_for TEXT COLLATE "C", -- the id of the asset or meter that it names and that isn't known
  definition_hash TEXT COLLATE "C" NOT NULL,
  first_seen_us BIGINT NOT NULL,
  last_seen_us BIGINT NOT NULL,
  times_seen BIGINT NOT NULL,
  last_run_id BIGINT NOT NULL,
  raw TEXT COLLATE "C" NOT NULL, -- the record as it came, JSON
  parent TEXT COLLATE "C" NOT NULL, -- JSON: what else it was mapped with
  PRIMARY KEY (organization_id, entry_id)
);
CREATE UNIQUE INDEX provider_quarantine_key ON provider_quarantine (organization_id, provider, stream, scope, record_key);
CREATE INDEX provider_quarantine_state ON provider_quarantine (organization_id, provider, state, entry_id);

-- Work that one process at a time may do, such as reading a feed: who has it, until the time that it isn't renewed.
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Access tokens of the Feed, for their life: one for all feeds of a client and an audience.
CREATE TABLE feed_tokens (
  token_key TEXT PRIMARY KEY,
  sealed TEXT NOT NULL, -- encrypted by a key made from the client secret, which isn't here; '' for none
  expires_at_us INTEGER NOT NULL,
  requested_at TEXT NOT NULL -- JSON: when tokens were asked for within the last hour
) STRICT, WITHOUT ROWID;

CREATE TABLE providers (
  organization_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  first_seen_us INTEGER NOT NULL,
  scheduled_us INTEGER, -- the scheduled instant of the last run that was started for one
  PRIMARY KEY (organization_id, provider)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_runs (
  organization_id TEXT NOT NULL,
  run_id INTEGER NOT NULL,
  provider TEXT NOT NULL,
  environment TEXT NOT NULL,
  trigger_kind TEXT NOT NULL, -- schedule, manual, resume: after a wait that the provider asked for, or after an interruption
  actor TEXT NOT NULL,
  streams TEXT NOT NULL, -- JSON: those asked for; none means all
  status TEXT NOT NULL, -- queued, running, then succeeded, failed, rescheduled or interrupted
  attempt INTEGER NOT NULL, -- how many runs in a row were interrupted, and this one
  definition_hash TEXT NOT NULL,
  requested_at_us INTEGER NOT NULL,
  scheduled_at_us INTEGER,
  not_before_us INTEGER NOT NULL,
  started_at_us INTEGER,
  ended_at_us INTEGER,
  holder TEXT NOT NULL,
  replayed INTEGER NOT NULL, -- quarantined records that could be stored after all
  error TEXT,
  PRIMARY KEY (organization_id, run_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_runs_provider ON provider_runs (organization_id, provider, run_id);
CREATE INDEX provider_runs_open ON provider_runs (organization_id, provider, run_id) WHERE status IN ('queued', 'running');

CREATE TABLE provider_run_streams (
  organization_id TEXT NOT NULL,
  run_id INTEGER NOT NULL,
  stream TEXT NOT NULL,
  place INTEGER NOT NULL,
  entity TEXT NOT NULL,
  status TEXT NOT NULL,
  is_full INTEGER NOT NULL,
  pages INTEGER NOT NULL,
  fetched INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  unchanged INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  unidentified INTEGER NOT NULL,
  deactivated INTEGER NOT NULL,
  absence TEXT NOT NULL, -- what came of what wasn't listed, in words
  errors TEXT NOT NULL, -- JSON: the first of them
  errors_total INTEGER NOT NULL,
  started_at_us INTEGER NOT NULL,
  ended_at_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, run_id, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_watermarks (
  organization_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  stream TEXT NOT NULL,
  scope TEXT NOT NULL, -- the parent's record, or ''
  watermark_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, provider, stream, scope)
) STRICT, WITHOUT ROWID;

-- Assets and meters as the provider last gave them, and whether it still lists them.
CREATE TABLE provider_entities (
  organization_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  entity TEXT NOT NULL, -- assets, meters
  external_id TEXT NOT NULL,
  stream TEXT NOT NULL,
  parent_id TEXT NOT NULL, -- of a meter: the external id of its asset; else ''
  record TEXT NOT NULL, -- JSON, the standard form
  state TEXT NOT NULL, -- active, or absent: deactivated because it was no longer listed
  seen_run_id INTEGER NOT NULL,
  seen_at_us INTEGER NOT NULL,
  created_at_us INTEGER NOT NULL,
  changed_at_us INTEGER NOT NULL,
  absent_at_us INTEGER,
  PRIMARY KEY (organization_id, provider, entity, external_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX provider_entities_seen ON provider_entities (organization_id, provider, entity, state, seen_run_id);
CREATE INDEX provider_entities_parent ON provider_entities (organization_id, provider, entity, parent_id);

-- Usage as providers gave it: readings, whose start and end are one instant, and consumption over a period.
CREATE TABLE provider_usage (
  organization_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  kind TEXT NOT NULL, -- reading, consumption
  start_us INTEGER NOT NULL,
  end_us INTEGER NOT NULL,
  revision INTEGER NOT NULL, -- 1, and one more for each time that another value came
  asset_id TEXT NOT NULL, -- the registry's, of which it is a meter
  value TEXT NOT NULL, -- decimals in the meter's unit
  redelivery TEXT,
  production TEXT,
  cost TEXT,
  currency TEXT,
  estimated INTEGER,
  metadata TEXT NOT NULL, -- JSON
  run_id INTEGER NOT NULL,
  recorded_at_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, meter_code, kind, start_us, end_us)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_usage_history (
  organization_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  kind TEXT NOT NULL,
  start_us INTEGER NOT NULL,
  end_us INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  asset_id TEXT NOT NULL,
  value TEXT NOT NULL,
  redelivery TEXT,
  production TEXT,
  cost TEXT,
  currency TEXT,
  estimated INTEGER,
  metadata TEXT NOT NULL,
  run_id INTEGER NOT NULL,
  recorded_at_us INTEGER NOT NULL,
  replaced_at_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, meter_code, kind, start_us, end_us, revision)
) STRICT, WITHOUT ROWID;

-- What is known of the counter behind a meter: for usage by day and month.
CREATE TABLE meter_counters (
  organization_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  rollover TEXT, -- decimal
  reset_to TEXT, -- decimal
  gap_us_max INTEGER,
  PRIMARY KEY (organization_id, meter_code)
) STRICT, WITHOUT ROWID;

CREATE TABLE provider_quarantine (
  organization_id TEXT NOT NULL,
  entry_id INTEGER NOT NULL,
  provider TEXT NOT NULL,
  stream TEXT NOT NULL,
  scope TEXT NOT NULL,
  record_key TEXT NOT NULL,
  state TEXT NOT NULL, -- waiting, resolved, discarded
  entity TEXT NOT NULL,
  page INTEGER NOT NULL,
  url TEXT NOT NULL,
  field TEXT NOT NULL,
  reason TEXT NOT NULL,
  problems TEXT NOT NULL, -- JSON
  external_id TEXT,
  waits_for TEXT, -- the id of the asset or meter that it names and that isn't known
  definition_hash TEXT NOT NULL,
  first_seen_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL,
  times_seen INTEGER NOT NULL,
  last_run_id INTEGER NOT NULL,
  raw TEXT NOT NULL, -- the record as it came, JSON
  parent TEXT NOT NULL, -- JSON: what else it was mapped with
  PRIMARY KEY (organization_id, entry_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX provider_quarantine_key ON provider_quarantine (organization_id, provider, stream, scope, record_key);
CREATE INDEX provider_quarantine_state ON provider_quarantine (organization_id, provider, state, entry_id);

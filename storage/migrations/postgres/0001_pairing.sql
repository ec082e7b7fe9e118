-- Times are microseconds since 1970 UTC. Ids are commit_id * 2^24 + n: unique, and rising with the journal.
CREATE TABLE counters (name TEXT COLLATE "C" PRIMARY KEY, value BIGINT NOT NULL, known_at_us BIGINT NOT NULL);
INSERT INTO counters VALUES ('position', 0, 0);
CREATE SEQUENCE commit_ids;

-- One row a transaction that recorded anything. `position` is the order in which they became visible, `known_at_us` never falls in it.
CREATE TABLE commits (commit_id BIGINT PRIMARY KEY, position BIGINT NOT NULL UNIQUE, known_at_us BIGINT NOT NULL);

CREATE TABLE batches (
  organization_id TEXT COLLATE "C" NOT NULL, -- one row for each organization that the batch names; '' for entries that name none
  batch_id BIGINT NOT NULL,
  content_key TEXT COLLATE "C" NOT NULL, -- the envelope and its events: the same content is the same row
  batch_key TEXT COLLATE "C" NOT NULL, -- eventBatchId and events alone: the same batch, whoever delivered it
  event_batch_id TEXT COLLATE "C" NOT NULL,
  event_subscription_id TEXT COLLATE "C" NOT NULL,
  event_batch_time_us BIGINT NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  subscription TEXT COLLATE "C" NOT NULL,
  applied BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  quarantined BIGINT NOT NULL,
  ignored BIGINT NOT NULL,
  PRIMARY KEY (organization_id, batch_id)
);
CREATE UNIQUE INDEX batches_content ON batches (event_batch_id, content_key, organization_id);
CREATE UNIQUE INDEX batches_id ON batches (batch_id, organization_id);

CREATE TABLE deliveries (
  organization_id TEXT COLLATE "C" NOT NULL, -- '' where the batch names none or several
  delivery_id BIGINT NOT NULL,
  batch_id BIGINT, -- null: not an envelope
  received_at_us BIGINT NOT NULL,
  subscription TEXT COLLATE "C" NOT NULL,
  source TEXT COLLATE "C" NOT NULL,
  remote TEXT COLLATE "C",
  headers TEXT COLLATE "C" NOT NULL,
  answer TEXT COLLATE "C" NOT NULL,
  body_bytes BIGINT NOT NULL,
  body BYTEA, -- null once retention has dropped it
  PRIMARY KEY (organization_id, delivery_id)
);
CREATE UNIQUE INDEX deliveries_id ON deliveries (delivery_id);
CREATE INDEX deliveries_batch ON deliveries (batch_id, delivery_id);
CREATE INDEX deliveries_subscription ON deliveries (subscription, delivery_id) WHERE source <> 'replay';
CREATE INDEX deliveries_bodies ON deliveries (received_at_us) WHERE body IS NOT NULL;

CREATE TABLE events (
  organization_id TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,
  batch_id BIGINT NOT NULL,
  delivery_id BIGINT NOT NULL,
  entry BIGINT NOT NULL, -- its index in eventsData
  outcome TEXT COLLATE "C" NOT NULL,
  event_type TEXT COLLATE "C",
  event_version BIGINT,
  event_key TEXT COLLATE "C", -- null where the entry is no fact (quarantined, ignored)
  unit_id TEXT COLLATE "C",
  asset_id TEXT COLLATE "C",
  kind TEXT COLLATE "C",
  at_us BIGINT,
  reason TEXT COLLATE "C",
  meaning TEXT COLLATE "C",
  source TEXT COLLATE "C" NOT NULL,
  batch_key TEXT COLLATE "C" NOT NULL,
  batch_time_us BIGINT NOT NULL,
  raw BYTEA, -- the entry as it came, for those that are no fact yet
  PRIMARY KEY (organization_id, seq)
);
CREATE UNIQUE INDEX events_seq ON events (seq);
CREATE INDEX events_unit ON events (organization_id, unit_id, seq) WHERE event_key IS NOT NULL;
CREATE INDEX events_key ON events (event_key) WHERE event_key IS NOT NULL;
CREATE INDEX events_asset ON events (asset_id, seq) WHERE asset_id IS NOT NULL;
CREATE INDEX events_outcome ON events (outcome, seq) WHERE outcome <> 'applied';

CREATE TABLE quarantine (
  organization_id TEXT COLLATE "C" NOT NULL, -- '' where the entry names none
  quarantine_id BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL,
  path TEXT COLLATE "C" NOT NULL,
  message TEXT COLLATE "C" NOT NULL,
  received_at_us BIGINT NOT NULL,
  delivery_id BIGINT NOT NULL,
  batch_id BIGINT,
  entry BIGINT,
  event_seq BIGINT,
  subscription TEXT COLLATE "C" NOT NULL,
  bound BIGINT NOT NULL, -- 1: refused by a subscription's binding, so for operators of all organizations alone
  raw BYTEA NOT NULL,
  PRIMARY KEY (organization_id, quarantine_id)
);
CREATE UNIQUE INDEX quarantine_id ON quarantine (quarantine_id);
CREATE INDEX quarantine_state ON quarantine (state, quarantine_id);
CREATE INDEX quarantine_waiting ON quarantine (received_at_us) WHERE state = 'waiting';

-- Deliveries that could not prove who they are: a ring, the oldest is dropped first.
CREATE TABLE rejected (
  rejected_id BIGINT PRIMARY KEY,
  subscription TEXT COLLATE "C" NOT NULL,
  received_at_us BIGINT NOT NULL,
  remote TEXT COLLATE "C",
  reason TEXT COLLATE "C" NOT NULL,
  headers TEXT COLLATE "C" NOT NULL,
  body_bytes BIGINT NOT NULL,
  body BYTEA NOT NULL
);

-- Derived from here on: `rebuild` makes these rows anew from events.
CREATE TABLE units (
  organization_id TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  unit_type TEXT COLLATE "C" NOT NULL,
  status TEXT COLLATE "C" NOT NULL,
  last_event_at_us BIGINT,
  state TEXT COLLATE "C" NOT NULL, -- what the fold needs to go on
  PRIMARY KEY (organization_id, unit_id)
);
CREATE INDEX units_status ON units (organization_id, status, unit_id) WHERE status <> 'paired';

CREATE TABLE pairings (
  organization_id TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  sort_us BIGINT NOT NULL, -- its start, or the last microsecond in it where the start is unknown
  pairing_id TEXT COLLATE "C" NOT NULL,
  unit_type TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  paired_at_us BIGINT,
  paired_after_us BIGINT,
  unpaired_at_us BIGINT,
  reason TEXT COLLATE "C",
  vin TEXT COLLATE "C",
  updated_at_us BIGINT NOT NULL,
  interval_json TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, unit_id, sort_us, pairing_id)
);
CREATE INDEX pairings_id ON pairings (pairing_id);
CREATE INDEX pairings_asset ON pairings (asset_id, organization_id, sort_us, pairing_id);
CREATE INDEX pairings_vin ON pairings (substr(vin, 1, 32), organization_id, sort_us, pairing_id) WHERE vin IS NOT NULL; -- of any length
CREATE INDEX pairings_time ON pairings (organization_id, sort_us, pairing_id);

CREATE TABLE cases (
  organization_id TEXT COLLATE "C" NOT NULL,
  case_id TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  first_at_us BIGINT NOT NULL,
  deadline_us BIGINT NOT NULL,
  resolved_at_us BIGINT,
  episode_json TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, case_id)
);
CREATE INDEX cases_unit ON cases (organization_id, unit_id, first_at_us);
CREATE INDEX cases_time ON cases (organization_id, first_at_us, case_id);

-- Ids that an interval or a case could carry but doesn't: those made from facts in it other than the first.
CREATE TABLE aliases (
  organization_id TEXT COLLATE "C" NOT NULL,
  alias_id TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  event_key TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, alias_id)
);

CREATE TABLE fact_flags (
  organization_id TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  event_key TEXT COLLATE "C" NOT NULL,
  flags TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, unit_id, event_key)
);

-- Recorded: what was told stays told.
CREATE TABLE changes (
  organization_id TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  n BIGINT NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL,
  data TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, position, n)
);
CREATE UNIQUE INDEX changes_position ON changes (position, n);

CREATE TABLE clients (
  client_id TEXT COLLATE "C" PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  organization_id TEXT COLLATE "C" NOT NULL, -- '*': all
  scopes TEXT COLLATE "C" NOT NULL,
  secret_hash TEXT COLLATE "C" NOT NULL,
  created_at_us BIGINT NOT NULL,
  revoked_at_us BIGINT
);

CREATE TABLE tokens (
  token_hash TEXT COLLATE "C" PRIMARY KEY,
  client_id TEXT COLLATE "C" NOT NULL REFERENCES clients (client_id),
  used_at_us BIGINT NOT NULL
);
CREATE INDEX tokens_used ON tokens (used_at_us);

-- Times are microseconds since 1970 UTC. Ids are commit_id * 2^24 + n: unique, and rising with the journal.
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL, known_at_us INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('commit', 0, 0), ('position', 0, 0);

-- One row a transaction that recorded anything. `position` is the order in which they became visible, `known_at_us` never falls in it.
CREATE TABLE commits (commit_id INTEGER PRIMARY KEY, position INTEGER NOT NULL UNIQUE, known_at_us INTEGER NOT NULL) STRICT;

CREATE TABLE batches (
  organization_id TEXT NOT NULL, -- one row for each organization that the batch names; '' for entries that name none
  batch_id INTEGER NOT NULL,
  content_key TEXT NOT NULL, -- the envelope and its events: the same content is the same row
  batch_key TEXT NOT NULL, -- eventBatchId and events alone: the same batch, whoever delivered it
  event_batch_id TEXT NOT NULL,
  event_subscription_id TEXT NOT NULL,
  event_batch_time_us INTEGER NOT NULL,
  source TEXT NOT NULL,
  subscription TEXT NOT NULL,
  applied INTEGER NOT NULL,
  duplicates INTEGER NOT NULL,
  quarantined INTEGER NOT NULL,
  ignored INTEGER NOT NULL,
  PRIMARY KEY (organization_id, batch_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX batches_content ON batches (event_batch_id, content_key, organization_id);
CREATE UNIQUE INDEX batches_id ON batches (batch_id, organization_id);

CREATE TABLE deliveries (
  organization_id TEXT NOT NULL, -- '' where the batch names none or several
  delivery_id INTEGER PRIMARY KEY, -- the rowid: bodies are long, and stay out of the tree that is searched
  batch_id INTEGER, -- null: not an envelope
  received_at_us INTEGER NOT NULL,
  subscription TEXT NOT NULL,
  source TEXT NOT NULL,
  remote TEXT,
  headers TEXT NOT NULL,
  answer TEXT NOT NULL,
  body_bytes INTEGER NOT NULL,
  body BLOB -- null once retention has dropped it
) STRICT;
CREATE INDEX deliveries_batch ON deliveries (batch_id, delivery_id);
CREATE INDEX deliveries_subscription ON deliveries (subscription, delivery_id) WHERE source <> 'replay';
CREATE INDEX deliveries_bodies ON deliveries (received_at_us) WHERE body IS NOT NULL;

CREATE TABLE events (
  organization_id TEXT NOT NULL,
  seq INTEGER PRIMARY KEY, -- the rowid: what only grows is appended, and what points at it is short
  batch_id INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  entry INTEGER NOT NULL, -- its index in eventsData
  outcome TEXT NOT NULL,
  event_type TEXT,
  event_version INTEGER,
  event_key TEXT, -- null where the entry is no fact (quarantined, ignored)
  unit_id TEXT,
  asset_id TEXT,
  kind TEXT,
  at_us INTEGER,
  reason TEXT,
  meaning TEXT,
  source TEXT NOT NULL,
  batch_key TEXT NOT NULL,
  batch_time_us INTEGER NOT NULL,
  raw BLOB, -- the entry as it came, for those that are no fact yet
  UNIQUE (organization_id, seq)
) STRICT;
CREATE INDEX events_unit ON events (organization_id, unit_id, seq) WHERE event_key IS NOT NULL;
CREATE INDEX events_key ON events (event_key) WHERE event_key IS NOT NULL;
CREATE INDEX events_asset ON events (asset_id, seq) WHERE asset_id IS NOT NULL;
CREATE INDEX events_outcome ON events (outcome, seq) WHERE outcome <> 'applied';

CREATE TABLE quarantine (
  organization_id TEXT NOT NULL, -- '' where the entry names none
  quarantine_id INTEGER NOT NULL,
  state TEXT NOT NULL,
  kind TEXT NOT NULL,
  path TEXT NOT NULL,
  message TEXT NOT NULL,
  received_at_us INTEGER NOT NULL,
  delivery_id INTEGER NOT NULL,
  batch_id INTEGER,
  entry INTEGER,
  event_seq INTEGER,
  subscription TEXT NOT NULL,
  bound INTEGER NOT NULL, -- 1: refused by a subscription's binding, so for operators of all organizations alone
  raw BLOB NOT NULL,
  PRIMARY KEY (organization_id, quarantine_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX quarantine_id ON quarantine (quarantine_id);
CREATE INDEX quarantine_state ON quarantine (state, quarantine_id);
CREATE INDEX quarantine_waiting ON quarantine (received_at_us) WHERE state = 'waiting';

-- Deliveries that could not prove who they are: a ring, the oldest is dropped first.
CREATE TABLE rejected (
  rejected_id INTEGER PRIMARY KEY,
  subscription TEXT NOT NULL,
  received_at_us INTEGER NOT NULL,
  remote TEXT,
  reason TEXT NOT NULL,
  headers TEXT NOT NULL,
  body_bytes INTEGER NOT NULL,
  body BLOB NOT NULL
) STRICT;

-- Derived from here on: `rebuild` makes these rows anew from events.
CREATE TABLE units (
  organization_id TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  unit_type TEXT NOT NULL,
  status TEXT NOT NULL,
  last_event_at_us INTEGER,
  state TEXT NOT NULL, -- what the fold needs to go on
  PRIMARY KEY (organization_id, unit_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX units_status ON units (organization_id, status, unit_id) WHERE status <> 'paired';

CREATE TABLE pairings (
  organization_id TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  sort_us INTEGER NOT NULL, -- its start, or the last microsecond in it where the start is unknown
  pairing_id TEXT NOT NULL,
  unit_type TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  paired_at_us INTEGER,
  paired_after_us INTEGER,
  unpaired_at_us INTEGER,
  reason TEXT,
  vin TEXT,
  updated_at_us INTEGER NOT NULL,
  interval_json TEXT NOT NULL,
  PRIMARY KEY (organization_id, unit_id, sort_us, pairing_id)
) STRICT;
CREATE INDEX pairings_id ON pairings (pairing_id);
CREATE INDEX pairings_asset ON pairings (asset_id, organization_id, sort_us, pairing_id);
CREATE INDEX pairings_vin ON pairings (substr(vin, 1, 32), organization_id, sort_us, pairing_id) WHERE vin IS NOT NULL; -- of any length
CREATE INDEX pairings_time ON pairings (organization_id, sort_us, pairing_id);

CREATE TABLE cases (
  organization_id TEXT NOT NULL,
  case_id TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  reason TEXT NOT NULL,
  first_at_us INTEGER NOT NULL,
  deadline_us INTEGER NOT NULL,
  resolved_at_us INTEGER,
  episode_json TEXT NOT NULL,
  PRIMARY KEY (organization_id, case_id)
) STRICT;
CREATE INDEX cases_unit ON cases (organization_id, unit_id, first_at_us);
CREATE INDEX cases_time ON cases (organization_id, first_at_us, case_id);

-- Ids that an interval or a case could carry but doesn't: those made from facts in it other than the first.
CREATE TABLE aliases (
  organization_id TEXT NOT NULL,
  alias_id TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  event_key TEXT NOT NULL,
  PRIMARY KEY (organization_id, alias_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE fact_flags (
  organization_id TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  event_key TEXT NOT NULL,
  flags TEXT NOT NULL,
  PRIMARY KEY (organization_id, unit_id, event_key)
) STRICT, WITHOUT ROWID;

-- Recorded: what was told stays told.
CREATE TABLE changes (
  organization_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  n INTEGER NOT NULL,
  type TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  data TEXT NOT NULL,
  PRIMARY KEY (organization_id, position, n)
) STRICT;
CREATE UNIQUE INDEX changes_position ON changes (position, n);

CREATE TABLE clients (
  client_id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  organization_id TEXT NOT NULL, -- '*': all
  scopes TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  revoked_at_us INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  token_hash TEXT PRIMARY KEY,
  client_id TEXT NOT NULL REFERENCES clients (client_id),
  used_at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_used ON tokens (used_at_us);

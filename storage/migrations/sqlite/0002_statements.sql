-- Recorded: what operators said.
CREATE TABLE statements (
  organization_id TEXT NOT NULL,
  seq INTEGER NOT NULL, -- commit_id * 2^24 + n, one row of numbers with events
  kind TEXT NOT NULL, -- paired, unpaired: assertions; void, restore: of a fact; dismiss, reopen, note: of a case
  unit_id TEXT NOT NULL,
  event_key TEXT NOT NULL, -- the fact that is asserted or judged, or a failure in the case
  asset_id TEXT, -- of assertions
  fact_at_us INTEGER, -- of assertions: the time that they speak of
  details TEXT NOT NULL, -- JSON
  actor TEXT NOT NULL,
  note TEXT NOT NULL,
  at_us INTEGER NOT NULL, -- when it was said
  PRIMARY KEY (organization_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX statements_seq ON statements (seq);
CREATE INDEX statements_unit ON statements (organization_id, unit_id, seq);
CREATE INDEX statements_key ON statements (organization_id, event_key, seq);
CREATE INDEX statements_asset ON statements (organization_id, asset_id, seq) WHERE asset_id IS NOT NULL;

-- Recorded: the deadlines whose passing was announced, each once whoever sees it first.
CREATE TABLE escalations (
  organization_id TEXT NOT NULL,
  case_id TEXT NOT NULL,
  deadline_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, case_id, deadline_us)
) STRICT, WITHOUT ROWID;

ALTER TABLE cases ADD COLUMN dismissed_at_us INTEGER;
CREATE INDEX cases_open ON cases (organization_id, first_at_us, case_id) WHERE resolved_at_us IS NULL;
CREATE INDEX cases_deadline ON cases (deadline_us) WHERE resolved_at_us IS NULL AND dismissed_at_us IS NULL;

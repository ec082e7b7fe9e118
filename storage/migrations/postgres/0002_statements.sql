-- Recorded: what operators said.
CREATE TABLE statements (
  organization_id TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL, -- commit_id * 2^24 + n, one row of numbers with events
  kind TEXT COLLATE "C" NOT NULL, -- paired, unpaired: assertions; void, restore: of a fact; dismiss, reopen, note: of a case
  unit_id TEXT COLLATE "C" NOT NULL,
  event_key TEXT COLLATE "C" NOT NULL, -- the fact that is asserted or judged, or a failure in the case
  asset_id TEXT COLLATE "C", -- of assertions
  fact_at_us BIGINT, -- of assertions: the time that they speak of
  details TEXT COLLATE "C" NOT NULL, -- JSON
  actor TEXT COLLATE "C" NOT NULL,
  note TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL, -- when it was said
  PRIMARY KEY (organization_id, seq)
);
CREATE UNIQUE INDEX statements_seq ON statements (seq);
CREATE INDEX statements_unit ON statements (organization_id, unit_id, seq);
CREATE INDEX statements_key ON statements (organization_id, event_key, seq);
CREATE INDEX statements_asset ON statements (organization_id, asset_id, seq) WHERE asset_id IS NOT NULL;

-- Recorded: the deadlines whose passing was announced, each once whoever sees it first.
CREATE TABLE escalations (
  organization_id TEXT COLLATE "C" NOT NULL,
  case_id TEXT COLLATE "C" NOT NULL,
  deadline_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, case_id, deadline_us)
);

ALTER TABLE cases ADD COLUMN dismissed_at_us BIGINT;
CREATE INDEX cases_open ON cases (organization_id, first_at_us, case_id) WHERE resolved_at_us IS NULL;
CREATE INDEX cases_deadline ON cases (deadline_us) WHERE resolved_at_us IS NULL AND dismissed_at_us IS NULL;

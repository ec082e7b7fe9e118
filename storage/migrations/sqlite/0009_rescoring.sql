-- VINs that assets got or lost since open cases were last looked at again.
CREATE TABLE changed_vins (
  organization_id TEXT NOT NULL,
  vin TEXT NOT NULL,
  PRIMARY KEY (organization_id, vin)
) STRICT, WITHOUT ROWID;

-- How far the change feed was followed for that: one row.
CREATE TABLE rescoring (
  name TEXT PRIMARY KEY,
  position INTEGER NOT NULL,
  n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO rescoring (name, position, n) VALUES ('cases', 0, 0);

-- Recorded: the best candidate that was last announced of a case.
CREATE TABLE announced_candidates (
  organization_id TEXT NOT NULL,
  case_id TEXT NOT NULL,
  best TEXT NOT NULL, -- JSON
  PRIMARY KEY (organization_id, case_id)
) STRICT, WITHOUT ROWID;

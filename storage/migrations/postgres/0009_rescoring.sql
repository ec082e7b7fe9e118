-- VINs that assets got or lost since open cases were last looked at again.
CREATE TABLE changed_vins (
  organization_id TEXT COLLATE "C" NOT NULL,
  vin TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, vin)
);

-- How far the change feed was followed for that: one row.
CREATE TABLE rescoring (
  name TEXT COLLATE "C" PRIMARY KEY,
  position BIGINT NOT NULL,
  n BIGINT NOT NULL
);
INSERT INTO rescoring (name, position, n) VALUES ('cases', 0, 0);

-- Recorded: the best candidate that was last announced of a case.
CREATE TABLE announced_candidates (
  organization_id TEXT COLLATE "C" NOT NULL,
  case_id TEXT COLLATE "C" NOT NULL,
  best TEXT COLLATE "C" NOT NULL, -- JSON
  PRIMARY KEY (organization_id, case_id)
);

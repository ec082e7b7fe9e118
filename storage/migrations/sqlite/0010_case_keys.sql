-- The keys by which open cases are found for an asset's VIN, and for a Datahub asset that they name; who follows the change feed
-- keeps them.
CREATE TABLE case_keys (
  organization_id TEXT NOT NULL,
  key TEXT NOT NULL,
  case_id TEXT NOT NULL,
  PRIMARY KEY (organization_id, key, case_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_keys_case ON case_keys (organization_id, case_id);

-- What changed in the registry since open cases were last looked at again: VINs, Datahub assets and assets, one in each row. Rows
-- are only added and taken away, so that nobody waits for anybody.
CREATE TABLE touched_candidates (
  note_id INTEGER PRIMARY KEY,
  organization_id TEXT NOT NULL,
  kind TEXT NOT NULL, -- vin, datahub, asset
  subject TEXT NOT NULL
) STRICT;
INSERT INTO touched_candidates (organization_id, kind, subject) SELECT organization_id, 'vin', vin FROM changed_vins;
DROP TABLE changed_vins;

-- The feed is followed from its start once more, so that the cases of before get their keys.
UPDATE rescoring SET position = 0, n = 0;

-- The keys by which open cases are found for an asset's VIN, and for a Datahub asset that they name; who follows the change feed
-- keeps them.
CREATE TABLE case_keys (
  organization_id TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  case_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, key, case_id)
);
CREATE INDEX case_keys_case ON case_keys (organization_id, case_id);

-- What changed in the registry since open cases were last looked at again: VINs, Datahub assets and assets, one in each row. Rows
-- are only added and taken away, so that nobody waits for anybody.
CREATE TABLE touched_candidates (
  note_id BIGINT GENERATED ALWAYS AS IDENTITY,
  organization_id TEXT COLLATE "C" NOT NULL,
  kind TEXT COLLATE "C" NOT NULL, -- vin, datahub, asset
  subject TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, note_id)
);
INSERT INTO touched_candidates (organization_id, kind, subject) SELECT organization_id, 'vin', vin FROM changed_vins;
DROP TABLE changed_vins;

-- The feed is followed from its start once more, so that the cases of before get their keys.
UPDATE rescoring SET position = 0, n = 0;

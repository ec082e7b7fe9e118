-- The registry: what syncs, patches and providers wrote is recorded; what follows from it is derived, and says so.
CREATE TABLE assets (
  organization_id TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  lease_asset_id INTEGER NOT NULL, -- the integer id of bulk patches, in the order of creation
  external_asset_id TEXT NOT NULL,
  code TEXT NOT NULL,
  code_given INTEGER NOT NULL, -- 0: the externalAssetId stands in for a code that nobody gave
  name TEXT NOT NULL,
  asset_type_name TEXT,
  site_code TEXT,
  serial TEXT,
  vin TEXT, -- derived: the serial normalized, where its verdict isn't invalid
  status TEXT NOT NULL,
  origin TEXT NOT NULL,
  retired_at_us INTEGER,
  time_zone TEXT,
  details TEXT NOT NULL, -- JSON: aliases, and the fields that are only shown
  created_at_us INTEGER NOT NULL,
  updated_at_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, asset_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX assets_lease ON assets (lease_asset_id);
CREATE UNIQUE INDEX assets_code ON assets (organization_id, code);
CREATE INDEX assets_listed ON assets (organization_id, lease_asset_id);
CREATE INDEX assets_status ON assets (organization_id, status, lease_asset_id);
CREATE INDEX assets_site ON assets (organization_id, site_code, lease_asset_id) WHERE site_code IS NOT NULL;
CREATE INDEX assets_type ON assets (organization_id, asset_type_name, lease_asset_id) WHERE asset_type_name IS NOT NULL;
CREATE INDEX assets_vin ON assets (organization_id, vin, lease_asset_id) WHERE vin IS NOT NULL;
INSERT INTO counters VALUES ('lease_asset', 0, 0);

-- Every externalAssetId and alias of an asset.
CREATE TABLE asset_identities (
  organization_id TEXT NOT NULL,
  identity TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  PRIMARY KEY (organization_id, identity)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_identities_identity ON asset_identities (identity);

-- Derived: which asset a Datahub asset is.
CREATE TABLE asset_links (
  organization_id TEXT NOT NULL,
  datahub_asset_id TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  PRIMARY KEY (organization_id, datahub_asset_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_links_asset ON asset_links (organization_id, asset_id, datahub_asset_id);
CREATE INDEX asset_links_datahub ON asset_links (datahub_asset_id);

CREATE TABLE asset_types (
  organization_id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (organization_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE sites (
  organization_id TEXT NOT NULL,
  code TEXT NOT NULL,
  name TEXT,
  PRIMARY KEY (organization_id, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE meters (
  organization_id TEXT NOT NULL,
  code TEXT NOT NULL,
  unit TEXT NOT NULL,
  name TEXT,
  type TEXT,
  subtype TEXT,
  PRIMARY KEY (organization_id, code)
) STRICT, WITHOUT ROWID;

CREATE TABLE custom_fields (
  organization_id TEXT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (organization_id, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE asset_meters (
  organization_id TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  explicit TEXT, -- JSON of what was literally said; null: nothing was, the meter is implied by pairings and counted
  equipment_seq INTEGER, -- the sync that last set equipmentStatus in it
  last_seen_us INTEGER,
  missing INTEGER NOT NULL,
  counted_seq INTEGER NOT NULL, -- the latest sync that counted
  expected INTEGER NOT NULL, -- derived, 0 or 1: a sync that is silent about it counts as missing
  PRIMARY KEY (organization_id, asset_id, meter_code)
) STRICT, WITHOUT ROWID;
CREATE INDEX asset_meters_meter ON asset_meters (organization_id, meter_code, asset_id);
CREATE INDEX asset_meters_quiet ON asset_meters (organization_id, asset_id, meter_code) WHERE expected = 1 AND missing > 0;

-- Rows without a unit_id are recorded and never change but for their last three columns; rows with one are derived.
CREATE TABLE readings (
  organization_id TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  reading_no INTEGER NOT NULL, -- its place in the journal: commit_id * 2^24 + n
  value TEXT, -- a decimal in the meter's unit; null: NOT_EQUIPPED
  source TEXT NOT NULL,
  note TEXT,
  unit_id TEXT,
  received_at_us INTEGER NOT NULL,
  mark TEXT NOT NULL, -- derived: NORMAL, NOT_EQUIPPED, SUSPECT, CORRECTED
  shown INTEGER NOT NULL, -- derived: 0 for a duplicate
  reason TEXT, -- derived: the bound that a SUSPECT one breaks
  PRIMARY KEY (organization_id, asset_id, meter_code, at_us, reading_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX readings_marked ON readings (organization_id, asset_id, meter_code, mark, at_us, reading_no) WHERE mark <> 'NORMAL';

-- Derived: what the readings of a meter of an asset come to.
CREATE TABLE series (
  organization_id TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  last_at_us INTEGER NOT NULL, -- of its last reading, whatever became of it
  latest_at_us INTEGER, -- the latest accepted reading
  latest_no INTEGER,
  latest_value TEXT,
  newest_at_us INTEGER, -- the newest reading that says whether there is a meter at all
  newest_no INTEGER,
  newest_value TEXT,
  PRIMARY KEY (organization_id, asset_id, meter_code)
) STRICT, WITHOUT ROWID;
CREATE INDEX series_meter ON series (organization_id, meter_code, asset_id);

-- Readings of units, which stand in the series of the asset that the unit was on.
CREATE TABLE unit_readings (
  organization_id TEXT NOT NULL,
  unit_id TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  reading_no INTEGER NOT NULL,
  meter_code TEXT NOT NULL,
  value TEXT,
  source TEXT NOT NULL,
  note TEXT,
  received_at_us INTEGER NOT NULL,
  asset_id TEXT, -- derived: in whose series it stands; null: no pairing covers it, so it waits
  PRIMARY KEY (organization_id, unit_id, at_us, reading_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_readings_waiting ON unit_readings (organization_id, reading_no) WHERE asset_id IS NULL;
CREATE INDEX unit_readings_meter ON unit_readings (organization_id, meter_code) WHERE asset_id IS NULL;

-- What came for meters that didn't exist.
CREATE TABLE missing_meter_attempts (
  organization_id TEXT NOT NULL,
  attempt_id INTEGER NOT NULL,
  sync_seq INTEGER NOT NULL,
  entry INTEGER NOT NULL, -- its index in the request
  meter_code TEXT NOT NULL,
  sync_type TEXT NOT NULL,
  state TEXT NOT NULL,
  asset_id TEXT, -- null: it came by unit
  external_asset_id TEXT,
  asset_name TEXT,
  unit_id TEXT,
  client_id TEXT NOT NULL,
  sync_batch_id TEXT,
  received_at_us INTEGER NOT NULL,
  resolved_at_us INTEGER,
  resolved_by TEXT,
  replayed_at_us INTEGER,
  held TEXT NOT NULL, -- JSON: what is applied once the meter exists
  PRIMARY KEY (organization_id, attempt_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX missing_meter_attempts_entry ON missing_meter_attempts (organization_id, sync_seq, entry, meter_code);
CREATE INDEX missing_meter_attempts_state ON missing_meter_attempts (organization_id, state, attempt_id);
CREATE INDEX missing_meter_attempts_meter ON missing_meter_attempts (organization_id, meter_code, attempt_id);

-- Who changed what of an asset and its assignments, and of a meter itself.
CREATE TABLE asset_history (
  organization_id TEXT NOT NULL,
  asset_id TEXT NOT NULL,
  change_no INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  changes TEXT NOT NULL, -- JSON
  PRIMARY KEY (organization_id, asset_id, change_no)
) STRICT, WITHOUT ROWID;

CREATE TABLE meter_history (
  organization_id TEXT NOT NULL,
  meter_code TEXT NOT NULL,
  change_no INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  actor_kind TEXT NOT NULL,
  actor TEXT NOT NULL,
  changes TEXT NOT NULL, -- JSON
  PRIMARY KEY (organization_id, meter_code, change_no)
) STRICT, WITHOUT ROWID;

-- The first receipt of each sync that has an id, so that a retry can be told from another sync.
CREATE TABLE syncs (
  organization_id TEXT NOT NULL,
  client_id TEXT NOT NULL,
  sync_batch_id TEXT NOT NULL,
  body_hash TEXT NOT NULL,
  seq INTEGER NOT NULL,
  received_at_us INTEGER NOT NULL,
  PRIMARY KEY (organization_id, client_id, sync_batch_id, body_hash)
) STRICT, WITHOUT ROWID;

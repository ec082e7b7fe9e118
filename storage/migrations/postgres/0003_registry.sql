-- The registry: what syncs, patches and providers wrote is recorded; what follows from it is derived, and says so.
CREATE TABLE assets (
  organization_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  lease_asset_id BIGINT NOT NULL, -- the integer id of bulk patches, in the order of creation
  external_asset_id TEXT COLLATE "C" NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  code_given BIGINT NOT NULL, -- 0: the externalAssetId stands in for a code that nobody gave
  name TEXT COLLATE "C" NOT NULL,
  asset_type_name TEXT COLLATE "C",
  site_code TEXT COLLATE "C",
  serial TEXT COLLATE "C",
  vin TEXT COLLATE "C", -- derived: the serial normalized, where its verdict isn't invalid
  status TEXT COLLATE "C" NOT NULL,
  origin TEXT COLLATE "C" NOT NULL,
  retired_at_us BIGINT,
  time_zone TEXT COLLATE "C",
  details TEXT COLLATE "C" NOT NULL, -- JSON: aliases, and the fields that are only shown
  created_at_us BIGINT NOT NULL,
  updated_at_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, asset_id)
);
CREATE UNIQUE INDEX assets_lease ON assets (lease_asset_id);
CREATE UNIQUE INDEX assets_code ON assets (organization_id, code);
CREATE INDEX assets_listed ON assets (organization_id, lease_asset_id);
CREATE INDEX assets_status ON assets (organization_id, status, lease_asset_id);
CREATE INDEX assets_site ON assets (organization_id, site_code, lease_asset_id) WHERE site_code IS NOT NULL;
CREATE INDEX assets_type ON assets (organization_id, asset_type_name, lease_asset_id) WHERE asset_type_name IS NOT NULL;
CREATE INDEX assets_vin ON assets (organization_id, vin, lease_asset_id) WHERE vin IS NOT NULL;
CREATE SEQUENCE lease_asset_ids;

-- Every externalAssetId and alias of an asset.
CREATE TABLE asset_identities (
  organization_id TEXT COLLATE "C" NOT NULL,
  identity TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, identity)
);
CREATE INDEX asset_identities_identity ON asset_identities (identity);

-- Derived: which asset a Datahub asset is.
CREATE TABLE asset_links (
  organization_id TEXT COLLATE "C" NOT NULL,
  datahub_asset_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, datahub_asset_id)
);
CREATE INDEX asset_links_asset ON asset_links (organization_id, asset_id, datahub_asset_id);
CREATE INDEX asset_links_datahub ON asset_links (datahub_asset_id);

CREATE TABLE asset_types (
  organization_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, name)
);

CREATE TABLE sites (
  organization_id TEXT COLLATE "C" NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C",
  PRIMARY KEY (organization_id, code)
);

CREATE TABLE meters (
  organization_id TEXT COLLATE "C" NOT NULL,
  code TEXT COLLATE "C" NOT NULL,
  unit TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C",
  type TEXT COLLATE "C",
  subtype TEXT COLLATE "C",
  PRIMARY KEY (organization_id, code)
);

CREATE TABLE custom_fields (
  organization_id TEXT COLLATE "C" NOT NULL,
  name TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, name)
);

CREATE TABLE asset_meters (
  organization_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  explicit TEXT COLLATE "C", -- JSON of what was literally said; null: nothing was, the meter is implied by pairings and counted
  equipment_seq BIGINT, -- the sync that last set equipmentStatus in it
  last_seen_us BIGINT,
  missing BIGINT NOT NULL,
  counted_seq BIGINT NOT NULL, -- the latest sync that counted
  expected BIGINT NOT NULL, -- derived, 0 or 1: a sync that is silent about it counts as missing
  PRIMARY KEY (organization_id, asset_id, meter_code)
);
CREATE INDEX asset_meters_meter ON asset_meters (organization_id, meter_code, asset_id);
CREATE INDEX asset_meters_quiet ON asset_meters (organization_id, asset_id, meter_code) WHERE expected = 1 AND missing > 0;

-- Rows without a unit_id are recorded and never change but for their last three columns; rows with one are derived.
CREATE TABLE readings (
  organization_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL,
  reading_no BIGINT NOT NULL, -- its place in the journal: commit_id * 2^24 + n
  value TEXT COLLATE "C", -- a decimal in the meter's unit; null: NOT_EQUIPPED
  source TEXT COLLATE "C" NOT NULL,
  note TEXT COLLATE "C",
  unit_id TEXT COLLATE "C",
  received_at_us BIGINT NOT NULL,
  mark TEXT COLLATE "C" NOT NULL, -- derived: NORMAL, NOT_EQUIPPED, SUSPECT, CORRECTED
  shown BIGINT NOT NULL, -- derived: 0 for a duplicate
  reason TEXT COLLATE "C", -- derived: the bound that a SUSPECT one breaks
  PRIMARY KEY (organization_id, asset_id, meter_code, at_us, reading_no)
);
CREATE INDEX readings_marked ON readings (organization_id, asset_id, meter_code, mark, at_us, reading_no) WHERE mark <> 'NORMAL';

-- Derived: what the readings of a meter of an asset come to.
CREATE TABLE series (
  organization_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  last_at_us BIGINT NOT NULL, -- of its last reading, whatever became of it
  latest_at_us BIGINT, -- the latest accepted reading
  latest_no BIGINT,
  latest_value TEXT COLLATE "C",
  newest_at_us BIGINT, -- the newest reading that says whether there is a meter at all
  newest_no BIGINT,
  newest_value TEXT COLLATE "C",
  PRIMARY KEY (organization_id, asset_id, meter_code)
);
CREATE INDEX series_meter ON series (organization_id, meter_code, asset_id);

-- Readings of units, which stand in the series of the asset that the unit was on.
CREATE TABLE unit_readings (
  organization_id TEXT COLLATE "C" NOT NULL,
  unit_id TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL,
  reading_no BIGINT NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  value TEXT COLLATE "C",
  source TEXT COLLATE "C" NOT NULL,
  note TEXT COLLATE "C",
  received_at_us BIGINT NOT NULL,
  asset_id TEXT COLLATE "C", -- derived: in whose series it stands; null: no pairing covers it, so it waits
  PRIMARY KEY (organization_id, unit_id, at_us, reading_no)
);
CREATE INDEX unit_readings_waiting ON unit_readings (organization_id, reading_no) WHERE asset_id IS NULL;
CREATE INDEX unit_readings_meter ON unit_readings (organization_id, meter_code) WHERE asset_id IS NULL;

-- What came for meters that didn't exist.
CREATE TABLE missing_meter_attempts (
  organization_id TEXT COLLATE "C" NOT NULL,
  attempt_id BIGINT NOT NULL,
  sync_seq BIGINT NOT NULL,
  entry BIGINT NOT NULL, -- its index in the request
  meter_code TEXT COLLATE "C" NOT NULL,
  sync_type TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C", -- null: it came by unit
  external_asset_id TEXT COLLATE "C",
  asset_name TEXT COLLATE "C",
  unit_id TEXT COLLATE "C",
  client_id TEXT COLLATE "C" NOT NULL,
  sync_batch_id TEXT COLLATE "C",
  received_at_us BIGINT NOT NULL,
  resolved_at_us BIGINT,
  resolved_by TEXT COLLATE "C",
  replayed_at_us BIGINT,
  held TEXT COLLATE "C" NOT NULL, -- JSON: what is applied once the meter exists
  PRIMARY KEY (organization_id, attempt_id)
);
CREATE UNIQUE INDEX missing_meter_attempts_entry ON missing_meter_attempts (organization_id, sync_seq, entry, meter_code);
CREATE INDEX missing_meter_attempts_state ON missing_meter_attempts (organization_id, state, attempt_id);
CREATE INDEX missing_meter_attempts_meter ON missing_meter_attempts (organization_id, meter_code, attempt_id);

-- Who changed what of an asset and its assignments, and of a meter itself.
CREATE TABLE asset_history (
  organization_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  change_no BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  changes TEXT COLLATE "C" NOT NULL, -- JSON
  PRIMARY KEY (organization_id, asset_id, change_no)
);

CREATE TABLE meter_history (
  organization_id TEXT COLLATE "C" NOT NULL,
  meter_code TEXT COLLATE "C" NOT NULL,
  change_no BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  actor_kind TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  changes TEXT COLLATE "C" NOT NULL, -- JSON
  PRIMARY KEY (organization_id, meter_code, change_no)
);

-- The first receipt of each sync that has an id, so that a retry can be told from another sync.
CREATE TABLE syncs (
  organization_id TEXT COLLATE "C" NOT NULL,
  client_id TEXT COLLATE "C" NOT NULL,
  sync_batch_id TEXT COLLATE "C" NOT NULL,
  body_hash TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL,
  received_at_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, client_id, sync_batch_id, body_hash)
);

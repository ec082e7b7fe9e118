-- What Datahub's assets are told to be. Derived: what is recorded of pairings says it.
CREATE TABLE datahub_assets (
  organization_id TEXT COLLATE "C" NOT NULL,
  datahub_asset_id TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL, -- the fact that told its VIN, here by time and key: later ones tell the same, or none
  event_key TEXT COLLATE "C" NOT NULL,
  vin TEXT COLLATE "C",
  vin_key TEXT COLLATE "C", -- normalized, where its verdict isn't invalid
  PRIMARY KEY (organization_id, datahub_asset_id)
);
CREATE INDEX datahub_assets_vin ON datahub_assets (organization_id, vin_key) WHERE vin_key IS NOT NULL;

-- Recorded: links that an operator made.
CREATE TABLE explicit_links (
  organization_id TEXT COLLATE "C" NOT NULL,
  datahub_asset_id TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (organization_id, datahub_asset_id)
);

-- `expected` is 2 where a meter is expected only while a pairing implies it.
UPDATE asset_meters SET expected = 2 WHERE explicit IS NULL;
DROP INDEX asset_meters_quiet;
CREATE INDEX asset_meters_quiet ON asset_meters (organization_id, asset_id, meter_code) WHERE expected > 0 AND missing > 0;

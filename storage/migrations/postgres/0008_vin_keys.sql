-- Derived: the few keys by which an asset is found for a sensor's VIN. Provisional assets have none.
CREATE TABLE asset_vin_keys (
  organization_id TEXT COLLATE "C" NOT NULL,
  key TEXT COLLATE "C" NOT NULL,
  asset_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (organization_id, key, asset_id)
);

-- Each regular sync puts these rows anew: with room left on their pages no index has to be touched for it.
ALTER TABLE asset_meters SET (fillfactor = 70);
ALTER TABLE series SET (fillfactor = 70);

-- By day or by month: how the usage of a meter is served unless asked for otherwise; NULL where its definition says nothing.
ALTER TABLE meter_counters ADD COLUMN granularity TEXT COLLATE "C";

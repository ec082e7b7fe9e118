-- When a quarantined record was resolved or discarded: it is forgotten in time.
ALTER TABLE provider_quarantine ADD COLUMN settled_us INTEGER;
UPDATE provider_quarantine SET settled_us = last_seen_us WHERE state <> 'waiting';
CREATE INDEX provider_quarantine_settled ON provider_quarantine (settled_us) WHERE settled_us IS NOT NULL;
CREATE INDEX provider_runs_ended ON provider_runs (ended_at_us) WHERE ended_at_us IS NOT NULL;

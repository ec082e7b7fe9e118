-- Recorded: alerts to addresses outside. A target is told of the change feed, and of the notices beside it, from its place on.
CREATE TABLE alert_targets (
  name TEXT PRIMARY KEY, -- as the settings call it
  address_key TEXT NOT NULL, -- a hash: another address under the name is another receiver
  position INTEGER NOT NULL,
  n INTEGER NOT NULL,
  failures INTEGER NOT NULL, -- in a row
  paused_until_us INTEGER NOT NULL,
  disabled_at_us INTEGER -- it answered that it is gone
) STRICT, WITHOUT ROWID;

-- What is told that is no change of a pairing or a case.
CREATE TABLE alert_notices (
  organization_id TEXT NOT NULL,
  position INTEGER NOT NULL,
  n INTEGER NOT NULL,
  type TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  data TEXT NOT NULL, -- JSON
  PRIMARY KEY (organization_id, position, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX alert_notices_place ON alert_notices (position, n);
CREATE INDEX alert_notices_time ON alert_notices (at_us);

-- Messages that aren't delivered yet, and those that never were: what they say stands at their place in the feed.
CREATE TABLE alert_messages (
  organization_id TEXT NOT NULL,
  target TEXT NOT NULL,
  position INTEGER NOT NULL,
  n INTEGER NOT NULL,
  message_id TEXT NOT NULL,
  type TEXT NOT NULL,
  subject TEXT NOT NULL, -- of messages about one thing the first goes first
  attempts INTEGER NOT NULL,
  next_at_us INTEGER NOT NULL,
  error TEXT, -- of the last attempt
  dead_at_us INTEGER, -- when it had been tried as often as may be
  PRIMARY KEY (organization_id, target, position, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX alert_messages_due ON alert_messages (target, next_at_us, position, n) WHERE dead_at_us IS NULL;
CREATE INDEX alert_messages_subject ON alert_messages (organization_id, target, subject, position, n) WHERE dead_at_us IS NULL;
CREATE INDEX alert_messages_dead ON alert_messages (position, n, target) WHERE dead_at_us IS NOT NULL;
CREATE INDEX alert_messages_dead_of ON alert_messages (organization_id, position, n, target) WHERE dead_at_us IS NOT NULL;
CREATE INDEX alert_messages_dead_id ON alert_messages (message_id) WHERE dead_at_us IS NOT NULL;
CREATE INDEX alert_messages_dead_time ON alert_messages (dead_at_us) WHERE dead_at_us IS NOT NULL;

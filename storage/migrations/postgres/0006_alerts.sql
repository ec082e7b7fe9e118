-- Recorded: alerts to addresses outside. A target is told of the change feed, and of the notices beside it, from its place on.
CREATE TABLE alert_targets (
  name TEXT COLLATE "C" PRIMARY KEY, -- as the settings call it
  address_key TEXT COLLATE "C" NOT NULL, -- a hash: another address under the name is another receiver
  position BIGINT NOT NULL,
  n BIGINT NOT NULL,
  failures BIGINT NOT NULL, -- in a row
  paused_until_us BIGINT NOT NULL,
  disabled_at_us BIGINT -- it answered that it is gone
);

-- What is told that is no change of a pairing or a case.
CREATE TABLE alert_notices (
  organization_id TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  n BIGINT NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  at_us BIGINT NOT NULL,
  data TEXT COLLATE "C" NOT NULL, -- JSON
  PRIMARY KEY (organization_id, position, n)
);
CREATE UNIQUE INDEX alert_notices_place ON alert_notices (position, n);
CREATE INDEX alert_notices_time ON alert_notices (at_us);

-- Messages that aren't delivered yet, and those that never were: what they say stands at their place in the feed.
CREATE TABLE alert_messages (
  organization_id TEXT COLLATE "C" NOT NULL,
  target TEXT COLLATE "C" NOT NULL,
  position BIGINT NOT NULL,
  n BIGINT NOT NULL,
  message_id TEXT COLLATE "C" NOT NULL,
  type TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL, -- of messages about one thing the first goes first
  attempts BIGINT NOT NULL,
  next_at_us BIGINT NOT NULL,
  error TEXT COLLATE "C", -- of the last attempt
  dead_at_us BIGINT, -- when it had been tried as often as may be
  PRIMARY KEY (organization_id, target, position, n)
);
CREATE INDEX alert_messages_due ON alert_messages (target, next_at_us, position, n) WHERE dead_at_us IS NULL;
CREATE INDEX alert_messages_subject ON alert_messages (organization_id, target, subject, position, n) WHERE dead_at_us IS NULL;
CREATE INDEX alert_messages_dead ON alert_messages (position, n, target) WHERE dead_at_us IS NOT NULL;
CREATE INDEX alert_messages_dead_of ON alert_messages (organization_id, position, n, target) WHERE dead_at_us IS NOT NULL;
CREATE INDEX alert_messages_dead_id ON alert_messages (message_id) WHERE dead_at_us IS NOT NULL;
CREATE INDEX alert_messages_dead_time ON alert_messages (dead_at_us) WHERE dead_at_us IS NOT NULL;

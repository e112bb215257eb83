-- What a person is told without asking: alerts, what is still to be told of
-- them, and the messages that tell it.

-- +goose Up
CREATE TABLE alert (
  alert_id   INTEGER PRIMARY KEY,
  tenant_id  TEXT NOT NULL,               -- empty: about no practice
  kind       TEXT NOT NULL,
  object     TEXT NOT NULL,               -- what of the tenant, such as a sink; empty: all of it
  severity   TEXT NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
  party      TEXT NOT NULL CHECK (party IN ('us', 'practice', 'vendor')),  -- who must act
  source     TEXT NOT NULL,               -- the vendor that alerts of many practices may have in common; or empty
  code       TEXT NOT NULL,               -- of the problem; or empty
  summary    TEXT NOT NULL,               -- no PHI, no secret, no query of a URL
  remedy     TEXT NOT NULL,
  since      INTEGER NOT NULL,            -- since when it is so
  opened_at  INTEGER NOT NULL,
  absent_at  INTEGER NOT NULL DEFAULT 0,  -- since when its cause is gone; 0 while it is there
  closed_at  INTEGER NOT NULL DEFAULT 0,
  returns    INTEGER NOT NULL DEFAULT 0,  -- how often it came back soon after it was over
  told_at    INTEGER NOT NULL DEFAULT 0,  -- when a message last told that it is there
  ack_by     TEXT NOT NULL DEFAULT '',
  ack_at     INTEGER NOT NULL DEFAULT 0,
  ack_until  INTEGER NOT NULL DEFAULT 0,
  ack_note   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX alert_open ON alert (tenant_id, kind, object) WHERE closed_at = 0;
CREATE INDEX alert_by_key ON alert (tenant_id, kind, object, closed_at DESC);
CREATE INDEX alert_by_end ON alert (closed_at);

-- What is to be told of an alert on one route; notice_id is the message that
-- tells it, 0 while others are gathered to it.
CREATE TABLE alert_news (
  news_id   INTEGER PRIMARY KEY,
  alert_id  INTEGER NOT NULL REFERENCES alert,
  route     TEXT NOT NULL,
  turn      TEXT NOT NULL CHECK (turn IN ('opened', 'worse', 'reminder', 'over')),
  at        INTEGER NOT NULL,
  notice_id INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX alert_news_by_alert ON alert_news (alert_id);
CREATE INDEX alert_news_untold ON alert_news (news_id) WHERE notice_id = 0;

-- Messages: written with what they tell in one transaction, sent after it.
CREATE TABLE notice (
  notice_id   INTEGER PRIMARY KEY,
  route       TEXT NOT NULL,
  kind        TEXT NOT NULL,
  turn        TEXT NOT NULL,
  severity    TEXT NOT NULL,
  subject     TEXT NOT NULL,
  body        TEXT NOT NULL,
  alerts      INTEGER NOT NULL,              -- how many it tells of
  made_at     INTEGER NOT NULL,
  due_at      INTEGER NOT NULL,
  attempts    INTEGER NOT NULL DEFAULT 0,
  sent_at     INTEGER NOT NULL DEFAULT 0,
  given_up_at INTEGER NOT NULL DEFAULT 0,
  last_error  TEXT NOT NULL DEFAULT ''       -- in our words: the library's name the address
) STRICT;
CREATE INDEX notice_due ON notice (due_at) WHERE sent_at = 0 AND given_up_at = 0;
CREATE INDEX notice_by_group ON notice (route, kind, turn, made_at DESC);

-- Since when a practice is watched: one that never had an export grows stale too.
CREATE TABLE alert_watch (
  tenant_id TEXT PRIMARY KEY,
  since     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX export_finished ON export (tenant_id, mode, ended_at DESC) WHERE state = 'completed' AND purpose = 'delivery';
CREATE INDEX export_states ON export (tenant_id, state);
CREATE INDEX event_roster ON event (tenant_id, event_id) WHERE kind = 'roster';

-- +goose Down
DROP INDEX event_roster;
DROP INDEX export_states;
DROP INDEX export_finished;
DROP TABLE alert_watch;
DROP TABLE notice;
DROP TABLE alert_news;
DROP TABLE alert;

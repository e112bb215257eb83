-- Who may use the pages and the API, and how they prove who they are. Nothing
-- here lets anybody in by itself: passwords, tokens and sessions are hashes.

-- +goose Up
CREATE TABLE person (
  person_id     TEXT PRIMARY KEY,           -- the name to sign in with
  name          TEXT NOT NULL,              -- as pages show it
  password_hash TEXT NOT NULL DEFAULT '',   -- argon2id with its parameters; empty when signed in elsewhere
  subject       TEXT NOT NULL DEFAULT '',   -- issuer and subject of the identity provider; empty for a local person
  created_at    INTEGER NOT NULL,
  disabled_at   INTEGER NOT NULL DEFAULT 0,
  signed_in_at  INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX person_subject ON person (subject) WHERE subject <> '';

CREATE TABLE person_grant (
  person_id TEXT NOT NULL REFERENCES person,
  role      TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'privacy_officer', 'admin')),
  tenant_id TEXT NOT NULL,  -- '*' for all
  PRIMARY KEY (person_id, role, tenant_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token (
  token_id     TEXT PRIMARY KEY,
  name         TEXT NOT NULL,            -- what it is for
  secret_hash  TEXT NOT NULL,            -- SHA-256, hexadecimal
  grants       TEXT NOT NULL,            -- JSON
  created_by   TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL DEFAULT 0,
  revoked_at   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE web_session (
  token_hash TEXT PRIMARY KEY,   -- SHA-256 of the cookie's value, hexadecimal
  content    BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_expiry ON web_session (expires_at);

-- The overview asks for each practice's last delivery.
CREATE INDEX export_delivered ON export (tenant_id, ended_at DESC) WHERE state = 'completed' AND purpose = 'delivery';

-- +goose Down
DROP INDEX export_delivered;
DROP TABLE web_session;
DROP TABLE api_token;
DROP TABLE person_grant;
DROP TABLE person;

-- Sessions that can be shown and ended one by one, passwords that somebody else
-- set, second factors, and who may look at records when it must be.

-- +goose Up
DROP TABLE web_session; -- whoever is signed in signs in again
CREATE TABLE web_session (
  token_hash  TEXT PRIMARY KEY,        -- SHA-256 of the cookie's value, hexadecimal
  session_id  TEXT NOT NULL UNIQUE,    -- names it on pages; opens nothing
  person_id   TEXT NOT NULL REFERENCES person,
  way         TEXT NOT NULL CHECK (way IN ('password', 'provider')),
  mark        TEXT NOT NULL,           -- hash of what was kept of the password when it began
  factors     INTEGER NOT NULL,        -- how many the person showed
  address     TEXT NOT NULL,
  agent       TEXT NOT NULL,           -- the browser's name for itself
  provider_session TEXT NOT NULL DEFAULT '', -- as the identity provider names it
  began_at    INTEGER NOT NULL,
  proved_at   INTEGER NOT NULL,        -- when the person last proved who they are
  seen_at     INTEGER NOT NULL,        -- when the person last did something
  expires_at  INTEGER NOT NULL,
  ended_at    INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_person ON web_session (person_id, ended_at, began_at);
CREATE INDEX web_session_expiry ON web_session (expires_at);

ALTER TABLE person ADD COLUMN password_until INTEGER NOT NULL DEFAULT 0; -- somebody else set the password: it opens until then, and only to choose another; 0: it is the person's own
ALTER TABLE person ADD COLUMN factor TEXT NOT NULL DEFAULT '';           -- the second factor's secret, sealed with the password; empty: none
ALTER TABLE person ADD COLUMN factor_step INTEGER NOT NULL DEFAULT 0;    -- of the last code that was taken: none is taken twice

CREATE TABLE person_role (
  person_id TEXT NOT NULL REFERENCES person,
  role      TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'break_glass', 'privacy_officer', 'admin')),
  tenant_id TEXT NOT NULL,  -- '*' for all
  PRIMARY KEY (person_id, role, tenant_id)
) STRICT, WITHOUT ROWID;
INSERT INTO person_role SELECT person_id, role, tenant_id FROM person_grant;
DROP TABLE person_grant;
ALTER TABLE person_role RENAME TO person_grant;

-- Who looked at records of late, and who signed in beside the identity provider.
CREATE INDEX audit_sight ON audit (at) WHERE action IN ('lines_revealed', 'patients_listed', 'glass_broken');

-- +goose Down
DROP INDEX audit_sight;
CREATE TABLE person_role (
  person_id TEXT NOT NULL REFERENCES person,
  role      TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'privacy_officer', 'admin')),
  tenant_id TEXT NOT NULL,
  PRIMARY KEY (person_id, role, tenant_id)
) STRICT, WITHOUT ROWID;
INSERT INTO person_role SELECT person_id, role, tenant_id FROM person_grant WHERE role <> 'break_glass';
DROP TABLE person_grant;
ALTER TABLE person_role RENAME TO person_grant;
ALTER TABLE person DROP COLUMN factor_step;
ALTER TABLE person DROP COLUMN factor;
ALTER TABLE person DROP COLUMN password_until;
DROP TABLE web_session;
CREATE TABLE web_session (
  token_hash TEXT PRIMARY KEY,
  content    BLOB NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX web_session_expiry ON web_session (expires_at);

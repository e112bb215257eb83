-- What was changed of how people sign in, so that they and the house are told.

-- +goose Up
CREATE TABLE credential_change (
  change_id  INTEGER PRIMARY KEY,
  person_id  TEXT NOT NULL REFERENCES person,
  changed_at INTEGER NOT NULL,
  change     TEXT NOT NULL CHECK (change IN ('password_changed', 'password_set', 'factor_set', 'factor_removed')),
  changed_by TEXT NOT NULL,  -- the person themselves, an admin, or a user of the machine
  source     TEXT NOT NULL   -- the address it came from; local for a command
) STRICT;
CREATE INDEX credential_change_person ON credential_change (person_id, changed_at);
CREATE INDEX credential_change_at ON credential_change (changed_at);

-- +goose Down
DROP TABLE credential_change;

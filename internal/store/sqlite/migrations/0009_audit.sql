-- The record of who did what with a practice's records: chains of hashes that
-- only grow, one for each tenant and one for the house.

-- +goose Up
CREATE TABLE audit (
  audit_id   INTEGER PRIMARY KEY,
  tenant_id  TEXT NOT NULL,     -- whose chain; empty: the house's
  seq        INTEGER NOT NULL,  -- place in the chain, from 1 without a gap
  at         INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  source     TEXT NOT NULL,
  request_id TEXT NOT NULL,
  export_id  TEXT NOT NULL,
  action     TEXT NOT NULL,
  object     TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  reason     TEXT NOT NULL,
  rule       TEXT NOT NULL,
  facts      TEXT NOT NULL,     -- JSON, or empty: counts, codes and hashes
  prev_hash  TEXT NOT NULL,     -- of the row before; empty for the first
  hash       TEXT NOT NULL      -- over all of it, as docs/audit.md says
) STRICT;
CREATE UNIQUE INDEX audit_chain_row ON audit (tenant_id, seq);

-- The end of each chain, and how far it is anchored outside the ledger.
CREATE TABLE audit_head (
  tenant_id    TEXT PRIMARY KEY,
  seq          INTEGER NOT NULL,
  hash         TEXT NOT NULL,
  anchored_seq INTEGER NOT NULL DEFAULT 0,
  anchored_at  INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- What lists of patients are hashed with, so that nobody finds out by trying
-- whether somebody is in one.
CREATE TABLE audit_key (
  tenant_id TEXT PRIMARY KEY,
  key       BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER audit_not_updated BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit record only grows: no row is changed'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit record only grows: no row is deleted'); END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER audit_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE tenant_id = NEW.tenant_id AND seq = NEW.seq) OR EXISTS (SELECT 1 FROM audit WHERE audit_id = NEW.audit_id)
BEGIN SELECT RAISE(ABORT, 'the audit record only grows: no row is replaced'); END;
-- +goose StatementEnd

-- +goose Down
DROP TABLE audit_key;
DROP TABLE audit_head;
DROP TABLE audit;

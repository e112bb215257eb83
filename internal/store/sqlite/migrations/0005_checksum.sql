-- Checksums of output files, where a server tells them.

-- +goose Up
ALTER TABLE output_file ADD COLUMN checksum TEXT NOT NULL DEFAULT ''; -- SHA-256 in hex that the manifest tells; empty when it tells none

-- +goose Down
ALTER TABLE output_file DROP COLUMN checksum;

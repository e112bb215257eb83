-- Several small output files in one step.

-- +goose Up
-- The first of the files that a step has in hand together, which is its
-- subject; once they are ingested, the file whose staged parts hold their rows.
-- Empty while no step has the file.
ALTER TABLE output_file ADD COLUMN unit TEXT NOT NULL DEFAULT '';
UPDATE output_file SET unit = file WHERE state IN ('downloading', 'ingesting', 'ingested');
CREATE INDEX output_file_by_unit ON output_file (tenant_id, export_id, unit);
CREATE INDEX output_file_by_kind ON output_file (tenant_id, export_id, section, resource_type, state, position);

-- +goose Down
DROP INDEX output_file_by_kind;
DROP INDEX output_file_by_unit;
ALTER TABLE output_file DROP COLUMN unit;

-- What a check of the ledger against storage and sinks reads: each query names
-- tenant_id, or returns it with every row.

-- name: AllExports :many
SELECT * FROM export WHERE tenant_id = ? ORDER BY requested_at, export_id;

-- name: FileParts :many
SELECT file, table_name, part_key, row_count FROM staged_part WHERE tenant_id = ? AND export_id = ? ORDER BY file, part_key;

-- name: ListWatermarks :many
SELECT * FROM watermark WHERE tenant_id = ? ORDER BY stream;

-- name: KeptAttachments :many
SELECT identity, export_id, size, sha256, location FROM attachment WHERE tenant_id = ? AND location <> '' ORDER BY identity;

-- name: WrittenLogs :many
SELECT DISTINCT export_id FROM export_log WHERE tenant_id = ? AND written = 1 ORDER BY export_id;

-- name: AllOpenSteps :many
SELECT * FROM step WHERE state <> 'done' ORDER BY tenant_id, step_id;

-- name: UnwriteLog :exec
UPDATE export_log SET written = 0 WHERE tenant_id = ? AND export_id = ?;

-- name: SetFailedIn :exec
UPDATE export SET failed_in = ? WHERE tenant_id = ? AND export_id = ? AND state IN ('failed', 'waiting');

-- name: DropDeadSteps :execrows
DELETE FROM step WHERE tenant_id = ? AND export_id = ? AND state <> 'done' AND kind <> sqlc.arg(release);


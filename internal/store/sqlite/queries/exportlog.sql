-- name: InsertLogItem :exec
INSERT INTO export_log (tenant_id, export_id, at, event, detail) VALUES (?, ?, ?, ?, ?);

-- name: ListLogItems :many
SELECT item_id, at, event, detail FROM export_log WHERE tenant_id = ? AND export_id = ? ORDER BY item_id;

-- name: SetLogWritten :exec
UPDATE export_log SET written = 1
WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id) AND item_id <= sqlc.arg(item_id) AND written = 0;

-- name: UnwrittenLogs :many
SELECT DISTINCT l.tenant_id, l.export_id FROM export_log l JOIN export x ON x.export_id = l.export_id
WHERE l.written = 0 AND x.state IN ('unknown', 'completed', 'gone', 'failed', 'denied', 'cancelled')
ORDER BY l.tenant_id, l.export_id;

-- name: FilesOfManifest :one
SELECT count(DISTINCT page) AS pages,
  CAST(coalesce(sum(section = 'output'), 0) AS INTEGER) AS output,
  CAST(coalesce(sum(section = 'deleted'), 0) AS INTEGER) AS deleted,
  CAST(coalesce(sum(section = 'error'), 0) AS INTEGER) AS error,
  CAST(coalesce(sum(lines - blank), 0) AS INTEGER) AS resources,
  CAST(coalesce(sum(bytes), 0) AS INTEGER) AS bytes
FROM output_file WHERE tenant_id = ? AND export_id = ?;

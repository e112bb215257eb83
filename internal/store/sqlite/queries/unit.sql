-- Output files on their way, one by one or several in a step: each query names
-- tenant_id.

-- name: CountFilesInState :one
SELECT count(*) FROM output_file WHERE tenant_id = ? AND export_id = ? AND state = ?;

-- name: FirstInState :one
SELECT section, resource_type FROM output_file WHERE tenant_id = ? AND export_id = ? AND state = ? ORDER BY position LIMIT 1;

-- name: FilesOfKind :many
SELECT file, bytes, alone FROM output_file WHERE tenant_id = ? AND export_id = ? AND section = ? AND resource_type = ? AND state = ?
ORDER BY position LIMIT ?;

-- name: ListUnit :many
SELECT * FROM output_file WHERE tenant_id = ? AND export_id = ? AND unit = ? AND state = ? ORDER BY position;

-- name: SetFileState :exec
UPDATE output_file SET state = ?, unit = '' WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: StartFile :exec
UPDATE output_file SET state = 'downloading', unit = ?, started_at = ? WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: IngestFile :exec
UPDATE output_file SET state = 'ingesting', unit = ? WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: LeaveUnit :exec
UPDATE output_file SET state = sqlc.arg(back), unit = '', alone = max(alone, sqlc.arg(alone))
WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id) AND unit = sqlc.arg(unit) AND state = sqlc.arg(state);

-- name: SetFileStored :exec
UPDATE output_file SET state = 'stored', unit = '', bytes = ?, wire_bytes = ?, sha256 = ?, stored_at = ?
WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: SetFileIngested :exec
UPDATE output_file SET state = 'ingested', alone = 0, unit = ?, lines = ?, blank = ?, delivered = ?, quarantined = ?, summary = ?, ingested_at = ?
WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: ReopenFiles :exec
UPDATE output_file SET state = CASE state WHEN 'ingesting' THEN 'stored' ELSE 'listed' END, unit = ''
WHERE tenant_id = ? AND export_id = ? AND state IN ('downloading', 'failed', 'ingesting');

-- name: FileStates :many
SELECT state, count(*) AS files FROM output_file WHERE tenant_id = ? AND export_id = ? GROUP BY state;

-- name: LastOfKind :many
SELECT bytes FROM output_file WHERE tenant_id = ? AND export_id = ? AND section = ? AND resource_type = ? AND state = ?
ORDER BY position DESC LIMIT ?;

-- name: FileErrors :one
SELECT server_errors FROM output_file WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: SetFileErrors :exec
UPDATE output_file SET server_errors = ? WHERE tenant_id = ? AND export_id = ? AND file = ?;

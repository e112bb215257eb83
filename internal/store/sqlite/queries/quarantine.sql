-- Refused lines and their replays: each query names tenant_id.

-- name: ListRefused :many
SELECT sqlc.embed(f), sqlc.embed(x) FROM output_file f
JOIN export x ON x.tenant_id = f.tenant_id AND x.export_id = f.export_id
WHERE f.tenant_id = ? AND f.quarantined > 0 AND x.origin = ''
  AND NOT EXISTS (SELECT 1 FROM disposal d WHERE d.tenant_id = f.tenant_id AND d.area = 'quarantine'
    AND d.export_id = CASE f.quarantine_of WHEN '' THEN f.export_id ELSE f.quarantine_of END)
ORDER BY x.requested_at, x.export_id, f.position;

-- name: ListReplays :many
SELECT export_id FROM export WHERE tenant_id = ? AND origin = sqlc.arg(origin) AND origin <> '' ORDER BY requested_at, export_id;

-- name: LaterExports :many
SELECT x.* FROM export x LEFT JOIN export o ON o.tenant_id = x.tenant_id AND o.export_id = x.origin AND x.origin <> ''
WHERE x.tenant_id = sqlc.arg(tenant_id) AND x.purpose <> 'roster'
  AND (x.state IN ('publishing', 'completed') OR x.failed_in = 'publishing')
  AND coalesce(o.requested_at, x.requested_at) > sqlc.arg(requested_at)
ORDER BY x.requested_at, x.export_id;

-- name: SetRemaining :exec
UPDATE output_file SET remaining = ? WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: SettleFile :execrows
UPDATE output_file SET delivered = delivered + sqlc.arg(passed), quarantined = quarantined - sqlc.arg(passed),
  replayed = replayed + sqlc.arg(passed), quarantine_of = sqlc.arg(quarantine_of), summary = sqlc.arg(summary)
WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id) AND file = sqlc.arg(file)
  AND quarantined = sqlc.arg(quarantined);

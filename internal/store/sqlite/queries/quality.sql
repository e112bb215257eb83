-- name: ExpectQuality :exec
INSERT INTO quality (tenant_id, export_id) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: RenewQuality :exec
UPDATE quality SET summary = '' WHERE tenant_id = ? AND export_id = ?;

-- name: SetQuality :exec
UPDATE quality SET summary = ? WHERE tenant_id = ? AND export_id = ?;

-- name: GetQuality :one
SELECT summary FROM quality WHERE tenant_id = ? AND export_id = ?;

-- name: UnmadeQuality :many
SELECT tenant_id, export_id FROM quality WHERE summary = '' ORDER BY tenant_id, export_id LIMIT ?;

-- name: QualityBefore :many
SELECT q.summary FROM quality q JOIN export x ON x.export_id = q.export_id
WHERE q.tenant_id = sqlc.arg(tenant_id) AND x.tenant_id = q.tenant_id AND x.stream = sqlc.arg(stream) AND x.mode = sqlc.arg(mode)
  AND x.purpose = sqlc.arg(purpose) AND x.ended_at < sqlc.arg(ended_at) AND q.summary <> ''
ORDER BY x.ended_at DESC LIMIT 1;

-- name: AuditHead :one
SELECT seq, hash FROM audit_head WHERE tenant_id = ?;

-- name: InsertAudit :exec
INSERT INTO audit (tenant_id, seq, at, actor, source, request_id, export_id, action, object, outcome, reason, rule, facts, prev_hash, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: PutAuditHead :exec
INSERT INTO audit_head (tenant_id, seq, hash) VALUES (?, ?, ?)
ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash;

-- name: ListAudit :many
SELECT * FROM audit
WHERE tenant_id = sqlc.arg(tenant_id) AND seq > sqlc.arg(after) ORDER BY seq LIMIT sqlc.arg(most);

-- Chains that have rows or a head: both, so that neither hides the other.
-- name: AuditChains :many
SELECT DISTINCT tenant_id FROM audit UNION SELECT tenant_id FROM audit_head ORDER BY 1;

-- name: MovedAuditHeads :many
SELECT tenant_id, seq, hash FROM audit_head WHERE seq > anchored_seq AND anchored_at < sqlc.arg(since) ORDER BY tenant_id;

-- name: SetAnchored :exec
UPDATE audit_head SET anchored_seq = sqlc.arg(seq), anchored_at = sqlc.arg(at) WHERE tenant_id = sqlc.arg(tenant_id) AND anchored_seq < sqlc.arg(seq);

-- name: AuditKey :one
SELECT key FROM audit_key WHERE tenant_id = ?;

-- name: PutAuditKey :exec
INSERT INTO audit_key (tenant_id, key) VALUES (?, ?);

-- name: LastAudit :one
SELECT seq, hash FROM audit WHERE tenant_id = ? ORDER BY seq DESC LIMIT 1;

-- Who looked at records since a time, and who signed in beside the identity
-- provider. The page of a group shows keyed hashes, which show nobody.
-- name: Sights :many
SELECT tenant_id, action, actor, CAST(max(at) AS INTEGER) AS last_at FROM audit
WHERE action IN ('lines_revealed', 'patients_listed', 'glass_broken') AND at > sqlc.arg(since) AND outcome = 'done' AND object <> 'roster'
GROUP BY tenant_id, action, actor ORDER BY tenant_id, action, actor;

-- Who saw since a time, in an emergency, rows that agreements do not permit.
-- name: Emergencies :many
SELECT actor, CAST(max(at) AS INTEGER) AS last_at FROM audit
WHERE tenant_id = '' AND rule = 'break_glass' AND at > sqlc.arg(since) GROUP BY actor ORDER BY actor;

-- name: AuditWatched :many
SELECT * FROM audit_watch ORDER BY tenant_id;

-- name: PutAuditWatched :exec
INSERT INTO audit_watch (tenant_id, end_seq, end_hash, walked_seq, walked_hash, verified_at, whole_at, fault_seq, fault, found_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id) DO UPDATE SET end_seq = excluded.end_seq, end_hash = excluded.end_hash, walked_seq = excluded.walked_seq,
  walked_hash = excluded.walked_hash, verified_at = excluded.verified_at, whole_at = excluded.whole_at, fault_seq = excluded.fault_seq,
  fault = excluded.fault, found_at = excluded.found_at;

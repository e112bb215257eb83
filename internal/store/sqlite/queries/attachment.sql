-- Queries about attachments: each names tenant_id.

-- name: GetAttachment :one
SELECT * FROM attachment WHERE tenant_id = ? AND identity = ?;

-- name: PutAttachment :exec
INSERT INTO attachment (tenant_id, identity, export_id, outcome, reason, content_type, size, sha1, sha256, location, as_of)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, identity) DO UPDATE SET export_id = excluded.export_id, outcome = excluded.outcome, reason = excluded.reason,
  content_type = excluded.content_type, size = excluded.size, sha1 = excluded.sha1, sha256 = excluded.sha256,
  location = excluded.location, as_of = excluded.as_of;

-- name: SpendOnAttachments :exec
INSERT INTO attachment_budget (tenant_id, export_id, requests, bytes) VALUES (?, ?, ?, ?)
ON CONFLICT (tenant_id, export_id) DO UPDATE SET requests = attachment_budget.requests + excluded.requests,
  bytes = attachment_budget.bytes + excluded.bytes;

-- name: AttachmentSpending :one
SELECT requests, bytes FROM attachment_budget WHERE tenant_id = ? AND export_id = ?;

-- name: FilesToAttach :many
SELECT f.file FROM output_file f
WHERE f.tenant_id = ? AND f.export_id = ? AND f.state = 'ingested' AND f.section = 'output'
  AND (f.resource_type IN (sqlc.slice('types')) OR EXISTS (SELECT 1 FROM staged_part p WHERE p.tenant_id = f.tenant_id
    AND p.export_id = f.export_id AND p.file = f.unit AND p.table_name IN (sqlc.slice('tables'))))
  AND NOT EXISTS (SELECT 1 FROM attachment_file a WHERE a.tenant_id = f.tenant_id AND a.export_id = f.export_id AND a.file = f.file)
  AND NOT EXISTS (SELECT 1 FROM step s WHERE s.tenant_id = f.tenant_id AND s.export_id = f.export_id AND s.kind = 'attach'
    AND s.subject = f.file AND s.state <> 'done')
ORDER BY f.position LIMIT ?;

-- name: CountUnattachedFiles :one
SELECT count(*) FROM output_file f WHERE f.tenant_id = ? AND f.export_id = ? AND f.section = 'output' AND f.resource_type = ?
  AND NOT EXISTS (SELECT 1 FROM attachment_file a WHERE a.tenant_id = f.tenant_id AND a.export_id = f.export_id AND a.file = f.file);

-- name: PutAttachmentFile :exec
INSERT INTO attachment_file (tenant_id, export_id, file, found, kept, bytes, outcomes, attached_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, export_id, file) DO UPDATE SET found = excluded.found, kept = excluded.kept, bytes = excluded.bytes,
  outcomes = excluded.outcomes, attached_at = excluded.attached_at;

-- name: DropAttachmentFile :exec
DELETE FROM attachment_file WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: ListAttachmentFiles :many
SELECT * FROM attachment_file WHERE tenant_id = ? AND export_id = ? ORDER BY file;

-- name: PutPendingAttachment :exec
INSERT INTO attachment_pending (tenant_id, resource, export_id) VALUES (?, ?, ?)
ON CONFLICT (tenant_id, resource) DO UPDATE SET export_id = excluded.export_id;

-- name: ListPendingAttachments :many
SELECT p.resource FROM attachment_pending p WHERE p.tenant_id = sqlc.arg(tenant_id)
  AND p.export_id >= coalesce((SELECT max(e.export_id) FROM export e
    WHERE e.tenant_id = sqlc.arg(tenant_id) AND e.stream = sqlc.arg(stream) AND e.mode = 'full' AND e.state = 'completed'), '');

-- name: DropTableParts :exec
DELETE FROM staged_part WHERE tenant_id = ? AND export_id = ? AND file = ? AND table_name = ?;

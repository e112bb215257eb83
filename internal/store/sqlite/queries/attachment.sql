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

-- name: FilesDue :many
SELECT file, bytes, resource_type FROM output_file
WHERE tenant_id = ? AND export_id = ? AND attach = 'due' AND state = 'ingested' ORDER BY position LIMIT ?;

-- name: FilesDueOf :many
SELECT file, bytes, resource_type FROM output_file
WHERE tenant_id = ? AND export_id = ? AND attach = 'due' AND resource_type = ? AND state = 'ingested' ORDER BY position LIMIT ?;

-- name: Unattached :one
SELECT CAST(EXISTS (SELECT 1 FROM output_file d WHERE d.tenant_id = sqlc.arg(tenant_id) AND d.export_id = sqlc.arg(export_id) AND d.attach <> ''
    AND d.resource_type = sqlc.arg(resource_type) AND d.section = 'output')
  OR EXISTS (SELECT 1 FROM output_file w WHERE w.tenant_id = sqlc.arg(tenant_id) AND w.export_id = sqlc.arg(export_id) AND w.section = 'output'
    AND w.resource_type = sqlc.arg(resource_type) AND w.state IN ('listed', 'downloading', 'stored', 'ingesting', 'failed')) AS INTEGER) AS open;

-- name: MarkDue :exec
UPDATE output_file SET attach = 'due'
WHERE tenant_id = ? AND export_id = ? AND unit = ? AND state = 'ingested' AND section = 'output';

-- name: SetAttach :exec
UPDATE output_file SET attach = ? WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: LeaveAttach :exec
UPDATE output_file SET attach = 'due' WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id) AND attach = sqlc.arg(subject);

-- name: ReopenAttach :exec
UPDATE output_file SET attach = 'due' WHERE tenant_id = ? AND export_id = ? AND attach <> '' AND attach <> 'due';

-- name: AttachUnit :many
SELECT * FROM output_file WHERE tenant_id = ? AND export_id = ? AND attach = ? ORDER BY position;

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

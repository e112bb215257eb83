-- What pages show beyond the overview: each query names tenant_id, or returns
-- it with every row, and reads a bounded part of the ledger.

-- name: ExportsBefore :many
SELECT * FROM export
WHERE tenant_id = sqlc.arg(tenant_id) AND requested_at <= sqlc.arg(requested_at)
  AND (requested_at < sqlc.arg(requested_at) OR export_id < sqlc.arg(export_id))
ORDER BY requested_at DESC, export_id DESC LIMIT sqlc.arg(most);

-- name: MovesOfExports :many
SELECT export_id, at, detail FROM event
WHERE tenant_id = sqlc.arg(tenant_id) AND export_id IN (sqlc.slice(export_ids)) AND detail <> ''
  AND kind IN ('admit', 'retake', 'deny', 'accepted', 'busy', 'lost', 'listed', 'vanished', 'stored', 'ingested', 'complete', 'refuse', 'cancel',
    'restart', 'repoll', 'reload', 'reingest', 'publish')
ORDER BY export_id, event_id;

-- name: LastEvents :many
SELECT at, actor, kind, detail FROM event WHERE tenant_id = ? AND export_id = ? ORDER BY event_id DESC LIMIT ?;

-- name: FilePulse :many
SELECT section, resource_type,
  CAST(CASE stored_at WHEN 0 THEN -1 ELSE (stored_at - sqlc.arg(origin)) / sqlc.arg(width) END AS INTEGER) AS stored_in,
  CAST(CASE ingested_at WHEN 0 THEN -1 ELSE (ingested_at - sqlc.arg(origin)) / sqlc.arg(width) END AS INTEGER) AS ingested_in,
  count(*) AS files,
  CAST(sum(state = 'failed') AS INTEGER) AS failed,
  CAST(sum(state IN ('downloading', 'ingesting')) AS INTEGER) AS moving,
  CAST(sum(bytes) AS INTEGER) AS bytes, CAST(sum(wire_bytes) AS INTEGER) AS wire_bytes, CAST(sum(lines) AS INTEGER) AS lines,
  CAST(sum(delivered) AS INTEGER) AS delivered, CAST(sum(quarantined) AS INTEGER) AS quarantined
FROM output_file WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id)
GROUP BY 1, 2, 3, 4;

-- name: FilesInState :many
SELECT * FROM output_file
WHERE tenant_id = ? AND export_id = ? AND state = ? AND position > ? ORDER BY position LIMIT ?;

-- Replays keep what they refuse again under a name of their own: it is counted
-- with the export whose lines they took.
-- name: RefusedByTenant :many
SELECT tenant_id, count(DISTINCT export_id) AS exports, count(*) AS files, CAST(sum(quarantined) AS INTEGER) AS lines, CAST(max(ingested_at) AS INTEGER) AS latest
FROM output_file WHERE quarantined > 0 AND export_id NOT IN (SELECT export_id FROM export WHERE origin <> '')
GROUP BY tenant_id;

-- name: RefusedExports :many
SELECT f.export_id, CAST(sum(f.quarantined) AS INTEGER) AS lines, count(*) AS files, CAST(max(f.ingested_at) AS INTEGER) AS latest
FROM output_file f
WHERE f.tenant_id = sqlc.arg(tenant_id) AND f.quarantined > 0 AND f.export_id < sqlc.arg(before)
  AND f.export_id NOT IN (SELECT x.export_id FROM export x WHERE x.tenant_id = sqlc.arg(tenant_id) AND x.origin <> '')
GROUP BY f.export_id ORDER BY f.export_id DESC LIMIT sqlc.arg(most);

-- name: RefusedFiles :many
SELECT * FROM output_file WHERE tenant_id = ? AND export_id = ? AND quarantined > 0 ORDER BY quarantined DESC, position LIMIT ?;

-- name: RefusedOverTime :many
SELECT q.export_id, q.lines, q.refused, x.ended_at FROM export x
JOIN quality_count q ON q.tenant_id = x.tenant_id AND q.export_id = x.export_id
WHERE x.tenant_id = ? AND x.state = 'completed' AND x.purpose = 'delivery' ORDER BY x.ended_at DESC LIMIT ?;

-- name: PutQualityCount :exec
INSERT INTO quality_count (tenant_id, export_id, lines, refused, broken, questions, question) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, export_id) DO UPDATE SET lines = excluded.lines, refused = excluded.refused, broken = excluded.broken,
  questions = excluded.questions, question = excluded.question;

-- name: LastQualities :many
SELECT t.tenant_id, t.name, x.export_id, x.mode, x.ended_at, q.lines, q.refused, q.broken, q.questions, q.question
FROM tenant t
JOIN export x ON x.export_id = (
  SELECT d.export_id FROM export d WHERE d.tenant_id = t.tenant_id AND d.state = 'completed' AND d.purpose = 'delivery' ORDER BY d.ended_at DESC LIMIT 1)
JOIN quality_count q ON q.tenant_id = t.tenant_id AND q.export_id = x.export_id
ORDER BY t.tenant_id;

-- name: QualitiesOf :many
SELECT x.export_id, x.mode, x.ended_at, q.summary FROM export x
JOIN quality q ON q.tenant_id = x.tenant_id AND q.export_id = x.export_id
WHERE x.tenant_id = ? AND x.state = 'completed' AND x.purpose = 'delivery' AND q.summary <> ''
ORDER BY x.ended_at DESC LIMIT ?;

-- name: StepsOpen :many
SELECT s.tenant_id, s.export_id, s.kind, s.subject, s.state, s.attempt, s.due_at, s.heartbeat_at, s.created_at, x.state AS export_state, x.last_error
FROM step s JOIN export x ON x.export_id = s.export_id AND x.tenant_id = s.tenant_id
WHERE s.state <> 'done' ORDER BY s.due_at, s.step_id LIMIT ?;

-- name: StreamNames :many
SELECT stream, level, group_id, types FROM export WHERE tenant_id = ? ORDER BY requested_at DESC LIMIT ?;

-- The record is read from its end, so many rows at most, whatever is looked
-- for: no index of actors or acts is kept for it.
-- name: AuditOfTenant :many
SELECT * FROM (SELECT * FROM audit WHERE tenant_id = sqlc.arg(tenant_id) AND seq < sqlc.arg(below) ORDER BY seq DESC LIMIT sqlc.arg(looked)) AS looked_at
WHERE (sqlc.arg(actor) = '' OR actor = sqlc.arg(actor)) AND (sqlc.arg(act) = '' OR action = sqlc.arg(act)) AND at >= sqlc.arg(since)
ORDER BY seq DESC LIMIT 200;

-- name: AuditOfAll :many
SELECT * FROM (SELECT * FROM audit WHERE audit_id < sqlc.arg(below) ORDER BY audit_id DESC LIMIT sqlc.arg(looked)) AS looked_at
WHERE (sqlc.arg(actor) = '' OR actor = sqlc.arg(actor)) AND (sqlc.arg(act) = '' OR action = sqlc.arg(act)) AND at >= sqlc.arg(since)
ORDER BY audit_id DESC LIMIT 200;

-- name: AuditOfSome :many
SELECT * FROM (SELECT * FROM audit WHERE audit_id < sqlc.arg(below) ORDER BY audit_id DESC LIMIT sqlc.arg(looked)) AS looked_at
WHERE (sqlc.arg(actor) = '' OR actor = sqlc.arg(actor)) AND (sqlc.arg(act) = '' OR action = sqlc.arg(act)) AND at >= sqlc.arg(since)
  AND tenant_id IN (sqlc.slice(tenant_ids))
ORDER BY audit_id DESC LIMIT 200;

-- name: AuditRowAt :one
SELECT audit_id, at, tenant_id FROM audit WHERE audit_id <= ? ORDER BY audit_id DESC LIMIT 1;

-- name: AuditRowOfTenantAt :one
SELECT seq, at FROM audit WHERE tenant_id = ? AND seq <= ? ORDER BY seq DESC LIMIT 1;

-- name: AuditEnds :many
SELECT * FROM audit_head ORDER BY tenant_id;

-- The latest of each: SQLite takes the other columns from the row of the maximum.
-- name: LastReviews :many
SELECT tenant_id, action, CAST(max(seq) AS INTEGER) AS seq, at, actor, outcome, facts FROM audit
WHERE action IN ('record_reviewed', 'record_verified') GROUP BY tenant_id, action;

-- name: LastFulls :many
SELECT * FROM export WHERE tenant_id = ? AND mode = 'full' AND state = 'completed' AND purpose = 'delivery' ORDER BY ended_at DESC LIMIT ?;

-- name: TypesBrought :many
SELECT DISTINCT resource_type FROM output_file WHERE tenant_id = ? AND export_id = ? AND section = 'output';

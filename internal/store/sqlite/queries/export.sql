-- Queries of one tenant: each names tenant_id.

-- name: PutTenant :exec
INSERT INTO tenant (tenant_id, name, registration, client_id, fhir_base_url, state, updated_at)
VALUES (?, ?, ?, ?, ?, 'active', ?)
ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name, registration = excluded.registration,
  client_id = excluded.client_id, fhir_base_url = excluded.fhir_base_url, state = 'active', updated_at = excluded.updated_at;

-- name: InsertExport :exec
INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since,
  sinks, requested_by, requested_at, state, state_at, parameters, purpose, origin)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'requested', ?, ?, ?, ?);

-- name: GetExport :one
SELECT * FROM export WHERE tenant_id = ? AND export_id = ?;

-- name: LatestExport :one
SELECT * FROM export WHERE tenant_id = ? ORDER BY requested_at DESC, export_id DESC LIMIT 1;

-- name: LatestCompleted :one
SELECT * FROM export WHERE tenant_id = ? AND state = 'completed' AND origin = '' ORDER BY ended_at DESC, export_id DESC LIMIT 1;

-- name: ListExports :many
SELECT * FROM export WHERE tenant_id = ? ORDER BY requested_at DESC, export_id DESC LIMIT ?;

-- name: OpenExports :one
SELECT count(*) FROM export WHERE tenant_id = ? AND endpoint = ?
  AND state IN ('requested', 'kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing');

-- name: MoveExport :execrows
UPDATE export SET state = sqlc.arg(new_state), state_at = sqlc.arg(at), parked_at = parked_at * sqlc.arg(busy)
WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id) AND state = sqlc.arg(old_state);

-- name: EndExport :exec
UPDATE export SET ended_at = ? WHERE tenant_id = ? AND export_id = ?;

-- name: SetExportProblem :exec
UPDATE export SET failed_in = ?, problem_code = ?, problem_summary = ?, problem_remedy = ?, last_error = ?
WHERE tenant_id = ? AND export_id = ?;

-- name: SetExportWeather :exec
UPDATE export SET retry_count = retry_count + 1, last_error = ? WHERE tenant_id = ? AND export_id = ?;

-- name: LastKickoff :one
SELECT CAST(coalesce(max(kickoff_sent_at), 0) AS INTEGER) FROM export
WHERE tenant_id = ? AND endpoint = ? AND level = ? AND group_id = ? AND export_id <> ?;

-- name: Releasing :one
SELECT count(*) FROM step s JOIN export x ON x.tenant_id = s.tenant_id AND x.export_id = s.export_id
WHERE s.tenant_id = sqlc.arg(tenant_id) AND s.kind = sqlc.arg(release) AND s.state <> 'done'
  AND x.endpoint = sqlc.arg(endpoint) AND x.ended_at >= sqlc.arg(since);

-- name: SetKickoffIntent :execrows
UPDATE export SET kickoff_sent_at = ?, kickoffs = kickoffs + 1
WHERE tenant_id = ? AND export_id = ? AND kickoff_sent_at = 0 AND state = 'kicking_off';

-- name: ClearKickoffIntent :exec
UPDATE export SET kickoff_sent_at = 0 WHERE tenant_id = ? AND export_id = ?;

-- name: SetAccepted :exec
UPDATE export SET status_url = ?, separate_status = ?, accepted_at = ?, next_poll_at = ?, waiting_until = 0, waiting_for = ''
WHERE tenant_id = ? AND export_id = ?;

-- name: SetParameters :exec
UPDATE export SET parameters = ? WHERE tenant_id = ? AND export_id = ?;

-- name: SetWaiting :exec
UPDATE export SET waiting_until = ?, waiting_for = ?, kickoff_sent_at = 0 WHERE tenant_id = ? AND export_id = ?;

-- name: SetProgress :exec
UPDATE export SET progress = ?, next_poll_at = ?, polls = polls + 1 WHERE tenant_id = ? AND export_id = ?;

-- name: SetListed :exec
UPDATE export SET transaction_time = ?, next_since = ?, requires_token = ?, organized_by = ?, expires_at = ?,
  page = ?, page_url = ?, next_poll_at = ?, polls = polls + 1, progress = ''
WHERE tenant_id = ? AND export_id = ?;

-- name: PutPage :exec
INSERT INTO manifest_page (tenant_id, export_id, page, url) VALUES (?, ?, ?, ?)
ON CONFLICT (tenant_id, export_id, page) DO UPDATE SET url = excluded.url;

-- name: SetReleased :exec
UPDATE export SET released_at = ? WHERE tenant_id = ? AND export_id = ?;

-- name: AddServerErrors :exec
UPDATE export SET server_errors = server_errors + ? WHERE tenant_id = ? AND export_id = ?;

-- name: InsertFile :exec
INSERT INTO output_file (tenant_id, export_id, file, position, section, resource_type, url, expected_count, page, access, checksum, state)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'listed');

-- name: RenewFile :exec
UPDATE output_file SET url = ? WHERE tenant_id = ? AND export_id = ? AND file = ? AND state IN ('listed', 'downloading', 'failed');

-- name: GetFile :one
SELECT * FROM output_file WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: ListFiles :many
SELECT * FROM output_file WHERE tenant_id = ? AND export_id = ? ORDER BY position;

-- name: FileTotals :one
SELECT count(*) AS files,
  CAST(coalesce(sum(stored_at > 0), 0) AS INTEGER) AS in_raw,
  CAST(coalesce(sum(state = 'failed'), 0) AS INTEGER) AS failed,
  CAST(coalesce(sum(bytes), 0) AS INTEGER) AS bytes,
  CAST(coalesce(sum(lines), 0) AS INTEGER) AS lines,
  CAST(coalesce(sum(CASE section WHEN 'output' THEN delivered END), 0) AS INTEGER) AS delivered,
  CAST(coalesce(sum(quarantined), 0) AS INTEGER) AS quarantined
FROM output_file WHERE tenant_id = ? AND export_id = ?;

-- name: DropPageFiles :exec
DELETE FROM output_file WHERE tenant_id = ? AND export_id = ? AND page >= ?;

-- name: DropParts :exec
DELETE FROM staged_part WHERE tenant_id = ? AND export_id = ? AND file = ?;

-- name: InsertPart :exec
INSERT INTO staged_part (tenant_id, export_id, file, table_name, part_key, row_count) VALUES (?, ?, ?, ?, ?, ?);

-- name: ListParts :many
SELECT p.table_name, p.part_key, p.row_count FROM staged_part p
JOIN output_file f ON f.tenant_id = p.tenant_id AND f.export_id = p.export_id AND f.file = p.file
WHERE p.tenant_id = ? AND p.export_id = ? ORDER BY f.position, p.part_key;

-- name: PutPublication :exec
INSERT INTO publication (tenant_id, export_id, sink, receipt, published_at) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, export_id, sink) DO NOTHING;

-- name: ListPublications :many
SELECT * FROM publication WHERE tenant_id = ? AND export_id = ? ORDER BY sink;

-- name: GetWatermark :one
SELECT * FROM watermark WHERE tenant_id = ? AND stream = ?;

-- name: PutWatermark :exec
INSERT INTO watermark (tenant_id, stream, since, export_id, moved_at, full_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, stream) DO UPDATE SET since = excluded.since, export_id = excluded.export_id,
  moved_at = excluded.moved_at, full_at = max(excluded.full_at, watermark.full_at);

-- name: OtherStreams :many
SELECT DISTINCT types FROM export WHERE tenant_id = ? AND NOT (endpoint = ? AND level = ? AND group_id = ?)
  AND (state IN ('publishing', 'completed') OR failed_in = 'publishing');

-- name: InsertStep :one
INSERT INTO step (tenant_id, export_id, kind, subject, state, due_at, created_at)
VALUES (?, ?, ?, ?, 'ready', ?, ?) RETURNING step_id;

-- name: TakeStep :one
UPDATE step SET state = 'running', epoch = epoch + 1, owner = ?, heartbeat_at = ?
WHERE tenant_id = ? AND step_id = ? AND state <> 'done' RETURNING *;

-- name: HoldStep :execrows
UPDATE step SET heartbeat_at = ? WHERE tenant_id = ? AND step_id = ? AND epoch = ? AND state = 'running';

-- name: FinishStep :execrows
UPDATE step SET state = 'done' WHERE tenant_id = ? AND step_id = ? AND epoch = ? AND state = 'running';

-- name: DropSteps :exec
DELETE FROM step WHERE tenant_id = ? AND export_id = ?;

-- name: ReadyStep :execrows
UPDATE step SET state = 'ready' WHERE tenant_id = ? AND step_id = ? AND state = 'running' AND heartbeat_at < sqlc.arg(before);

-- name: OpenSteps :one
SELECT count(*) FROM step WHERE tenant_id = ? AND export_id = ? AND kind = ? AND state <> 'done';

-- name: TakeRequest :one
INSERT INTO rate_window (tenant_id, endpoint, minute, requests) VALUES (?, ?, ?, 1)
ON CONFLICT (tenant_id, endpoint) DO UPDATE SET
  requests = CASE WHEN rate_window.minute = excluded.minute THEN rate_window.requests + 1 ELSE 1 END,
  minute = excluded.minute
RETURNING requests;

-- name: SpentRequests :one
SELECT CAST(coalesce(sum(requests), 0) AS INTEGER) FROM rate_window WHERE tenant_id = ? AND endpoint = ? AND minute = ?;

-- name: FillWindow :exec
INSERT INTO rate_window (tenant_id, endpoint, minute, requests) VALUES (?, ?, ?, ?)
ON CONFLICT (tenant_id, endpoint) DO UPDATE SET requests = excluded.requests, minute = excluded.minute;

-- name: PutSchedule :exec
INSERT INTO schedule (tenant_id, spec, next_at, why) VALUES (?, ?, ?, ?)
ON CONFLICT (tenant_id) DO UPDATE SET
  why = CASE WHEN schedule.spec = excluded.spec AND schedule.next_at <= excluded.next_at THEN schedule.why ELSE excluded.why END,
  next_at = CASE WHEN schedule.spec = excluded.spec THEN min(schedule.next_at, excluded.next_at) ELSE excluded.next_at END,
  spec = excluded.spec;

-- name: MoveSchedule :exec
UPDATE schedule SET next_at = ?, last_at = ?, why = ? WHERE tenant_id = ?;

-- name: PutOffSchedule :exec
UPDATE schedule SET next_at = ?, why = ? WHERE tenant_id = ?;

-- name: GetSchedule :one
SELECT * FROM schedule WHERE tenant_id = ?;

-- name: DropSchedule :exec
DELETE FROM schedule WHERE tenant_id = ?;

-- name: InsertEvent :exec
INSERT INTO event (tenant_id, export_id, at, actor, kind, detail) VALUES (?, ?, ?, ?, ?, ?);

-- name: CountEvents :one
SELECT count(*) FROM event WHERE tenant_id = ? AND export_id = ? AND kind = ?;

-- name: ListEvents :many
SELECT * FROM event WHERE tenant_id = ? AND export_id = ? ORDER BY event_id;

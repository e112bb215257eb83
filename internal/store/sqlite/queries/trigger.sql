-- Requests of other programs, and call-backs. Those that look at all tenants
-- return tenant_id with every row.

-- name: InsertRequest :one
INSERT INTO export_requests (tenant_id, kind, types, since, group_id, requested_by, reference, callback, source, asked_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING request_id;

-- name: GetRequest :one
SELECT * FROM export_requests WHERE tenant_id = ? AND request_id = ?;

-- name: RequestByReference :one
SELECT * FROM export_requests
WHERE tenant_id = sqlc.arg(tenant_id) AND source = sqlc.arg(source) AND requested_by = sqlc.arg(requested_by)
  AND reference = sqlc.arg(reference) AND reference <> '' AND request_id < sqlc.arg(before) AND state <> 'refused'
ORDER BY request_id LIMIT 1;

-- name: NewRequests :many
SELECT sqlc.embed(export_requests), EXISTS (
  SELECT 1 FROM export e WHERE e.tenant_id = export_requests.tenant_id
  AND e.state IN ('requested', 'kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing')) AS busy
FROM export_requests WHERE export_requests.state = 'new' ORDER BY busy, export_requests.request_id LIMIT ?;

-- name: CountNewRequests :one
SELECT count(*) FROM export_requests WHERE tenant_id = ? AND state = 'new';

-- name: CountOpenExports :one
SELECT count(*) FROM export WHERE tenant_id = ?
  AND state IN ('requested', 'kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing');

-- name: AnswerRequest :execrows
UPDATE export_requests SET state = ?, export_id = ?, started_at = ? WHERE tenant_id = ? AND request_id = ? AND state = 'new';

-- name: RefuseRequest :execrows
UPDATE export_requests SET state = 'refused', code = sqlc.arg(code), problem = sqlc.arg(problem), remedy = sqlc.arg(remedy),
  started_at = sqlc.arg(now), ended_at = sqlc.arg(now)
WHERE tenant_id = sqlc.arg(tenant_id) AND request_id = sqlc.arg(request_id) AND state = 'new';

-- name: FollowExport :exec
UPDATE export_requests SET (state, code, problem, remedy, ended_at) =
  (SELECT e.state, e.problem_code, e.problem_summary, e.problem_remedy, e.ended_at FROM export e
   WHERE e.tenant_id = export_requests.tenant_id AND e.export_id = export_requests.export_id)
WHERE tenant_id = ? AND export_id = ? AND export_id <> '';

-- name: GoOnAs :exec
UPDATE export_requests SET export_id = sqlc.arg(next), state = 'requested', ended_at = 0
WHERE tenant_id = sqlc.arg(tenant_id) AND export_id = sqlc.arg(export_id) AND export_id <> '';

-- name: RequestsOf :many
SELECT * FROM export_requests WHERE tenant_id = ? AND export_id = ? AND export_id <> '' ORDER BY request_id;

-- name: InsertSettled :exec
INSERT INTO settled (tenant_id, export_id, state, at) VALUES (?, ?, ?, ?);

-- name: DropSettled :execrows
DELETE FROM settled WHERE tenant_id = ? AND export_id = ? AND settled_id <= ?;

-- name: ListSettled :many
SELECT * FROM settled ORDER BY settled_id LIMIT ?;

-- name: TypeTotals :many
SELECT resource_type, section, count(*) AS files, CAST(sum(bytes) AS INTEGER) AS bytes, CAST(sum(lines) AS INTEGER) AS lines,
  CAST(sum(delivered) AS INTEGER) AS delivered, CAST(sum(quarantined) AS INTEGER) AS quarantined
FROM output_file WHERE tenant_id = ? AND export_id = ? GROUP BY resource_type, section ORDER BY resource_type, section;

-- name: InsertCallback :exec
INSERT INTO callback (delivery_id, tenant_id, export_id, request_id, target, url, state, body, settled_at, made_at, due_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, export_id, request_id, url, settled_at) DO NOTHING;

-- name: DueCallbacks :many
SELECT * FROM callback WHERE sent_at = 0 AND given_up_at = 0 AND due_at <= ? ORDER BY +callback_id LIMIT ?;

-- name: NextCallback :one
SELECT CAST(coalesce(min(due_at), 0) AS INTEGER) FROM callback WHERE sent_at = 0 AND given_up_at = 0;

-- name: UnsentCallbacks :one
SELECT count(*) FROM callback WHERE sent_at = 0 AND given_up_at = 0;

-- name: CallbacksOf :many
SELECT * FROM callback WHERE tenant_id = ? AND export_id = ? ORDER BY callback_id;

-- name: SetCallbackSent :exec
UPDATE callback SET sent_at = ?, attempts = attempts + 1, last_error = '' WHERE tenant_id = ? AND callback_id = ?;

-- name: SetCallbackFailed :exec
UPDATE callback SET attempts = attempts + 1, due_at = ?, given_up_at = ?, last_error = ? WHERE tenant_id = ? AND callback_id = ?;

-- name: PutOffCallbacks :exec
UPDATE callback SET due_at = sqlc.arg(due), last_error = sqlc.arg(why)
WHERE target = sqlc.arg(target) AND sent_at = 0 AND given_up_at = 0 AND due_at < sqlc.arg(due);

-- name: GiveUpCallbacks :execrows
UPDATE callback SET given_up_at = sqlc.arg(now), last_error = sqlc.arg(why)
WHERE target = sqlc.arg(target) AND sent_at = 0 AND given_up_at = 0 AND made_at < sqlc.arg(older);

-- name: BringForwardCallbacks :exec
UPDATE callback SET due_at = sqlc.arg(now)
WHERE target = sqlc.arg(target) AND sent_at = 0 AND given_up_at = 0 AND attempts = 0 AND due_at > sqlc.arg(now);

-- name: UndeliveredCallbacks :many
SELECT target, count(*) AS callbacks, CAST(count(nullif(given_up_at, 0)) AS INTEGER) AS given_up, CAST(min(made_at) AS INTEGER) AS since, CAST(max(last_error) AS TEXT) AS last_error
FROM callback WHERE sent_at = 0 AND last_error <> '' AND made_at >= ? GROUP BY target ORDER BY target;

-- name: PruneCallbacks :exec
DELETE FROM callback WHERE made_at < ? AND (sent_at > 0 OR given_up_at > 0);

-- name: PruneRequests :exec
DELETE FROM export_requests WHERE ended_at > 0 AND ended_at < ?;

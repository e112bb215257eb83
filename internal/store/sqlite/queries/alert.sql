-- Alerts, and what the rules of alerts look at in all tenants at once. Each
-- query of facts returns tenant_id with every row.

-- name: LastExports :many
SELECT e.* FROM tenant t JOIN export e ON e.export_id = (
  SELECT l.export_id FROM export l WHERE l.tenant_id = t.tenant_id AND l.origin = '' ORDER BY l.requested_at DESC, l.export_id DESC LIMIT 1)
WHERE t.state = 'active' ORDER BY t.tenant_id;

-- name: LastFinished :many
SELECT e.* FROM tenant t JOIN export e ON e.export_id = (
  SELECT f.export_id FROM export f WHERE f.tenant_id = t.tenant_id AND f.mode = sqlc.arg(mode) AND f.state = 'completed' AND f.purpose = 'delivery'
  ORDER BY f.ended_at DESC LIMIT 1)
WHERE t.state = 'active' ORDER BY t.tenant_id;

-- name: Unfinished :many
SELECT * FROM export
WHERE state IN ('requested', 'kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing')
ORDER BY tenant_id, export_id;

-- name: Durations :many
SELECT ended_at - kickoff_sent_at AS took FROM export
WHERE tenant_id = ? AND mode = ? AND state = 'completed' AND purpose = 'delivery' AND kickoff_sent_at > 0
ORDER BY ended_at DESC LIMIT ?;

-- name: RateWindows :many
SELECT tenant_id, endpoint, requests FROM rate_window WHERE minute = ? ORDER BY tenant_id;

-- name: WatchTenants :exec
INSERT INTO alert_watch (tenant_id, since)
SELECT t.tenant_id, sqlc.arg(now) FROM tenant t WHERE t.tenant_id IN (sqlc.slice(watched)) AND t.tenant_id NOT IN (SELECT w.tenant_id FROM alert_watch w);

-- name: UnwatchTenants :exec
DELETE FROM alert_watch WHERE tenant_id NOT IN (sqlc.slice(watched));

-- name: UnwatchAhead :execrows
DELETE FROM alert_watch WHERE since > ?;

-- name: LastWhole :one
SELECT CAST(coalesce(max(ended_at), 0) AS INTEGER) FROM export
WHERE tenant_id = ? AND mode IN ('full', 'incremental') AND state = 'completed' AND purpose = 'delivery' AND server_errors = 0;

-- name: WatchedSince :many
SELECT tenant_id, since FROM alert_watch;

-- name: OpenAlerts :many
SELECT * FROM alert WHERE closed_at = 0 ORDER BY alert_id;

-- name: AlertsSince :many
SELECT * FROM alert WHERE closed_at = 0 OR closed_at >= ? ORDER BY alert_id;

-- name: LastClosedAlert :many
SELECT * FROM alert WHERE tenant_id = ? AND kind = ? AND object = ? AND closed_at > ? ORDER BY closed_at DESC LIMIT 1;

-- name: InsertAlert :one
INSERT INTO alert (tenant_id, kind, object, severity, party, source, code, summary, remedy, since, opened_at, returns)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING alert_id;

-- name: UpdateAlert :exec
UPDATE alert SET severity = ?, party = ?, source = ?, code = ?, summary = ?, remedy = ?, absent_at = ?, closed_at = ?
WHERE tenant_id = ? AND alert_id = ?;

-- name: AcknowledgeAlert :execrows
UPDATE alert SET ack_by = ?, ack_at = ?, ack_until = ?, ack_note = ? WHERE tenant_id = ? AND alert_id = ? AND closed_at = 0;

-- name: SetAlertTold :exec
UPDATE alert SET told_at = sqlc.arg(told_at) WHERE alert_id IN (SELECT alert_id FROM alert_news WHERE notice_id = sqlc.arg(notice_id) AND turn <> 'over');

-- name: InsertAlertNews :exec
INSERT INTO alert_news (alert_id, route, turn, at) VALUES (?, ?, ?, ?);

-- name: NewsOfAlert :many
SELECT route, turn, notice_id FROM alert_news WHERE alert_id = ? ORDER BY news_id;

-- name: LastWorse :one
SELECT CAST(coalesce(max(at), 0) AS INTEGER) FROM alert_news WHERE alert_id = ? AND turn = 'worse';

-- name: DropUntoldNews :exec
DELETE FROM alert_news WHERE alert_id = ? AND notice_id = 0;

-- name: DropNewsOfRoutes :exec
DELETE FROM alert_news WHERE notice_id = 0 AND route NOT IN (sqlc.slice(routes));

-- name: UntoldNews :many
SELECT n.news_id, n.route, n.turn, n.at, sqlc.embed(alert) FROM alert_news n JOIN alert ON alert.alert_id = n.alert_id
WHERE n.notice_id = 0 ORDER BY n.news_id;

-- name: SetNewsTold :exec
UPDATE alert_news SET notice_id = ? WHERE news_id = ?;

-- name: LastNotice :one
SELECT CAST(coalesce(max(made_at), 0) AS INTEGER) FROM notice WHERE route = ? AND kind = ? AND turn = ?;

-- name: InsertNotice :one
INSERT INTO notice (route, kind, turn, severity, subject, body, alerts, made_at, due_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING notice_id;

-- name: DueNotices :many
SELECT * FROM notice WHERE sent_at = 0 AND given_up_at = 0 AND (due_at <= sqlc.arg(now) OR due_at > sqlc.arg(beyond)) ORDER BY +notice_id LIMIT sqlc.arg(most);

-- name: ListNotices :many
SELECT * FROM notice WHERE made_at >= ? ORDER BY notice_id;

-- name: ClosedNotices :many
SELECT DISTINCT n.notice_id, n.made_at FROM alert_news v JOIN alert_news o ON o.alert_id = v.alert_id AND o.route = v.route AND o.turn <> 'over'
JOIN notice n ON n.notice_id = o.notice_id
WHERE v.notice_id = ? AND NOT EXISTS (
  SELECT 1 FROM alert_news p JOIN alert a ON a.alert_id = p.alert_id WHERE p.notice_id = n.notice_id AND a.closed_at = 0)
ORDER BY n.notice_id;

-- name: SetNoticeSent :exec
UPDATE notice SET sent_at = ?, attempts = attempts + 1, last_error = '' WHERE notice_id = ?;

-- name: SetNoticeFailed :exec
UPDATE notice SET attempts = attempts + 1, due_at = ?, given_up_at = ?, last_error = ? WHERE notice_id = ?;

-- name: Undelivered :many
SELECT n.route, count(*) AS notices, CAST(min(n.made_at) AS INTEGER) AS since, CAST(max(n.last_error) AS TEXT) AS last_error FROM notice n
WHERE n.sent_at = 0 AND n.attempts > 0 AND n.made_at >= ?
  AND NOT (n.given_up_at > 0 AND EXISTS (SELECT 1 FROM notice s WHERE s.route = n.route AND s.sent_at > n.given_up_at))
GROUP BY +n.route ORDER BY n.route;

-- name: PruneNews :exec
DELETE FROM alert_news WHERE at < ? AND alert_id IN (SELECT alert_id FROM alert WHERE closed_at > 0);

-- name: PruneNotices :exec
DELETE FROM notice WHERE made_at < ? AND (sent_at > 0 OR given_up_at > 0);

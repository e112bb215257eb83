-- name: InsertSession :exec
INSERT INTO web_session (token_hash, session_id, person_id, way, mark, factors, address, agent, provider_session, began_at, proved_at, seen_at, expires_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: GetSession :one
SELECT * FROM web_session WHERE token_hash = sqlc.arg(token_hash) AND ended_at = 0 AND expires_at > sqlc.arg(now);

-- name: ListSessions :many
SELECT * FROM web_session WHERE person_id = sqlc.arg(person_id) AND ended_at = 0 AND expires_at > sqlc.arg(now) AND seen_at > sqlc.arg(idle_since)
ORDER BY began_at DESC, session_id;

-- name: CountSessions :many
SELECT person_id, count(*) AS sessions FROM web_session WHERE ended_at = 0 AND expires_at > sqlc.arg(now) AND seen_at > sqlc.arg(idle_since) GROUP BY person_id;

-- name: SessionSeen :exec
UPDATE web_session SET seen_at = ? WHERE token_hash = ? AND ended_at = 0;

-- name: SessionProved :execrows
UPDATE web_session SET proved_at = ?, seen_at = ?, factors = ? WHERE token_hash = ? AND ended_at = 0;

-- name: SessionMarked :exec
UPDATE web_session SET mark = ?, factors = ? WHERE token_hash = ? AND ended_at = 0;

-- name: EndSession :execrows
UPDATE web_session SET ended_at = ? WHERE token_hash = ? AND ended_at = 0;

-- name: EndNamedSession :execrows
UPDATE web_session SET ended_at = ? WHERE person_id = ? AND session_id = ? AND ended_at = 0;

-- name: EndSessionsOf :execrows
UPDATE web_session SET ended_at = sqlc.arg(ended_at) WHERE person_id = sqlc.arg(person_id) AND token_hash <> sqlc.arg(but) AND ended_at = 0;

-- name: EndProviderSessions :execrows
UPDATE web_session SET ended_at = sqlc.arg(ended_at)
WHERE way = 'provider' AND ended_at = 0 AND (CAST(sqlc.arg(provider_session) AS TEXT) = '' OR provider_session = sqlc.arg(provider_session))
  AND (CAST(sqlc.arg(subject) AS TEXT) = '' OR person_id IN (SELECT p.person_id FROM person p WHERE p.subject = sqlc.arg(subject)));

-- name: DropOldSessions :exec
DELETE FROM web_session WHERE expires_at <= ?;

-- name: DropSessions :exec
DELETE FROM web_session;

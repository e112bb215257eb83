-- name: PutPerson :exec
INSERT INTO person (person_id, name, password_hash, password_until, subject, created_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (person_id) DO UPDATE SET name = excluded.name, password_hash = excluded.password_hash, password_until = excluded.password_until,
  subject = excluded.subject, factor = '', factor_step = 0, disabled_at = 0;

-- name: PutProvided :exec
INSERT INTO person (person_id, name, subject, created_at) VALUES (?, ?, ?, ?)
ON CONFLICT (person_id) DO UPDATE SET name = excluded.name WHERE subject = excluded.subject;

-- name: NamePerson :execrows
UPDATE person SET name = ?, disabled_at = 0 WHERE person_id = ?;

-- name: SetPassword :execrows
UPDATE person SET password_hash = sqlc.arg(new_hash), password_until = 0, factor = sqlc.arg(factor)
WHERE person_id = sqlc.arg(person_id) AND password_hash = sqlc.arg(old_hash) AND factor = sqlc.arg(old_factor);

-- name: SetFactor :execrows
UPDATE person SET factor = sqlc.arg(factor), factor_step = sqlc.arg(factor_step)
WHERE person_id = sqlc.arg(person_id) AND password_hash = sqlc.arg(password_hash) AND factor = sqlc.arg(old_factor);

-- name: FactorUsed :execrows
UPDATE person SET factor_step = sqlc.arg(step) WHERE person_id = sqlc.arg(person_id) AND factor_step < sqlc.arg(step);

-- name: CountAdmins :one
SELECT count(*) FROM person p JOIN person_grant g ON g.person_id = p.person_id
WHERE p.disabled_at = 0 AND p.password_hash <> '' AND g.role = 'admin';

-- name: GetPerson :one
SELECT * FROM person WHERE person_id = ?;

-- name: GetPersonBySubject :one
SELECT * FROM person WHERE subject = ? AND subject <> '';

-- name: ListPeople :many
SELECT * FROM person ORDER BY person_id;

-- name: CountPeople :one
SELECT count(*) FROM person;

-- name: DisablePerson :execrows
UPDATE person SET disabled_at = ? WHERE person_id = ? AND disabled_at = 0;

-- name: PersonSignedIn :exec
UPDATE person SET signed_in_at = ? WHERE person_id = ?;

-- name: DropGrants :exec
DELETE FROM person_grant WHERE person_id = ?;

-- name: PutGrant :exec
INSERT INTO person_grant (person_id, role, tenant_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING;

-- name: ListGrants :many
SELECT * FROM person_grant WHERE person_id = ? ORDER BY role, tenant_id;

-- name: InsertToken :exec
INSERT INTO api_token (token_id, name, secret_hash, grants, created_by, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: GetToken :one
SELECT * FROM api_token WHERE token_id = ?;

-- name: ListTokens :many
SELECT * FROM api_token ORDER BY created_at DESC, token_id;

-- name: RevokeToken :execrows
UPDATE api_token SET revoked_at = ? WHERE token_id = ? AND revoked_at = 0;

-- name: ShortenToken :execrows
UPDATE api_token SET expires_at = min(expires_at, sqlc.arg(ends)) WHERE token_id = sqlc.arg(token_id) AND revoked_at = 0 AND expires_at > sqlc.arg(now);

-- name: TokenUsed :exec
UPDATE api_token SET last_used_at = ? WHERE token_id = ?;

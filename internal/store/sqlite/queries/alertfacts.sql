-- What rules of alerts look at in all tenants at once: each query returns
-- tenant_id with every row.

-- name: LatestEndings :many
SELECT tenant_id, over_at, returned_at, begun_at, ended_at, called_off_at FROM ending
WHERE ending_id IN (SELECT max(e.ending_id) FROM ending e GROUP BY e.tenant_id) ORDER BY tenant_id;

-- name: RefusedRequests :many
SELECT tenant_id, source, count(*) AS requests, CAST(min(ended_at) AS INTEGER) AS since, CAST(max(code) AS TEXT) AS code FROM export_requests
WHERE state = 'refused' AND ended_at > ? GROUP BY tenant_id, source ORDER BY tenant_id, source;

-- name: UntakenRequests :many
SELECT tenant_id, count(*) AS requests, CAST(min(asked_at) AS INTEGER) AS since FROM export_requests
WHERE state = 'new' GROUP BY tenant_id ORDER BY tenant_id;

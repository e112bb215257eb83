-- What is destroyed and what is left: each query names tenant_id.

-- name: ExportsLeft :many
SELECT x.* FROM export x WHERE x.tenant_id = sqlc.arg(tenant_id) AND CAST(sqlc.arg(of) AS INTEGER) > (SELECT count(DISTINCT d.area) FROM disposal d
    WHERE d.tenant_id = x.tenant_id AND d.export_id = x.export_id AND d.ended_at > 0 AND d.area IN (sqlc.slice('areas')))
ORDER BY x.requested_at, x.export_id;

-- name: LatestAsked :one
SELECT CAST(coalesce(max(requested_at), 0) AS INTEGER) FROM export WHERE tenant_id = ? AND (state <> 'denied' OR kickoff_sent_at > 0);

-- name: ListDisposals :many
SELECT * FROM disposal WHERE tenant_id = ? ORDER BY begun_at, export_id = '', export_id, area;

-- name: DisposalMarks :many
SELECT export_id, area, ending_id, rule, begun_at, ended_at FROM disposal WHERE tenant_id = ? ORDER BY begun_at, export_id = '', export_id, area;

-- name: DisposalMarksOf :many
SELECT area, begun_at FROM disposal WHERE tenant_id = ? AND export_id = ?;

-- name: OpenReplays :one
SELECT count(*) FROM export WHERE tenant_id = ? AND origin <> ''
  AND state IN ('requested', 'kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing');

-- name: OpenExportsOf :one
SELECT count(*) FROM export WHERE tenant_id = ?
  AND state IN ('requested', 'kicking_off', 'waiting', 'unknown', 'polling', 'downloading', 'ingesting', 'publishing');

-- name: BeginDisposal :execrows
INSERT INTO disposal (tenant_id, export_id, area, ending_id, rule, begun_at, files, bytes, listing) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (tenant_id, export_id, area, ending_id) DO NOTHING;

-- name: EndDisposal :execrows
UPDATE disposal SET ended_at = ? WHERE tenant_id = ? AND export_id = ? AND area = ? AND ending_id = ? AND ended_at = 0;

-- name: DropAttachmentsAt :execrows
DELETE FROM attachment WHERE tenant_id = sqlc.arg(tenant_id) AND location <> ''
  AND substr(location, 1, length(sqlc.arg(prefix))) = sqlc.arg(prefix);

-- name: DropEvents :execrows
DELETE FROM event WHERE event_id IN (SELECT e.event_id FROM event e WHERE e.tenant_id = ? AND e.export_id = ? LIMIT ?);

-- name: DropLogItems :execrows
DELETE FROM export_log WHERE item_id IN (SELECT l.item_id FROM export_log l WHERE l.tenant_id = ? AND l.export_id = ? LIMIT ?);

-- name: CountHistory :one
SELECT (SELECT count(*) FROM event e WHERE e.tenant_id = sqlc.arg(tenant_id) AND e.export_id = sqlc.arg(export_id)) AS events,
  (SELECT count(*) FROM export_log l WHERE l.tenant_id = sqlc.arg(tenant_id) AND l.export_id = sqlc.arg(export_id)) AS items;

-- name: DropPages :execrows
DELETE FROM manifest_page WHERE tenant_id = ? AND export_id = ?;

-- name: DropDoneSteps :execrows
DELETE FROM step WHERE tenant_id = ? AND export_id = ? AND state = 'done';

-- name: DropAttachmentFiles :execrows
DELETE FROM attachment_file WHERE tenant_id = ? AND export_id = ?;

-- name: DropAttachmentBudget :execrows
DELETE FROM attachment_budget WHERE tenant_id = ? AND export_id = ?;

-- name: DropMembers :execrows
DELETE FROM member WHERE tenant_id = ?;

-- name: DropAttachments :execrows
DELETE FROM attachment WHERE tenant_id = ?;

-- name: DropPendingAttachments :execrows
DELETE FROM attachment_pending WHERE tenant_id = ?;

-- name: DropWatermarks :execrows
DELETE FROM watermark WHERE tenant_id = ?;

-- name: DropDeparted :execrows
DELETE FROM member WHERE tenant_id = ? AND left_at > 0 AND left_at <= ?;

-- name: DropGroupLists :execrows
DELETE FROM group_list WHERE tenant_id = ?;

-- name: ForgetParameters :execrows
UPDATE export SET parameters = '{}', status_url = '', page_url = '' WHERE tenant_id = ? AND (parameters <> '{}' OR status_url <> '' OR page_url <> '');

-- name: ForgetURLs :execrows
UPDATE output_file SET url = '' WHERE tenant_id = ? AND url <> '';

-- name: OpenEnding :one
SELECT * FROM ending WHERE tenant_id = ? AND ended_at = 0 AND called_off_at = 0;

-- name: ListEndings :many
SELECT * FROM ending WHERE tenant_id = ? ORDER BY ending_id;

-- name: InsertEnding :one
INSERT INTO ending (tenant_id, reference, document, rule, over_at, seen_at) VALUES (?, ?, ?, ?, ?, ?) RETURNING ending_id;

-- name: SetReturned :execrows
UPDATE ending SET returned_at = ?, returned_sha256 = ? WHERE tenant_id = ? AND ending_id = ? AND ended_at = 0;

-- name: BeginEnding :execrows
UPDATE ending SET begun_at = ? WHERE tenant_id = ? AND ending_id = ? AND begun_at = 0 AND called_off_at = 0;

-- name: CallOffEnding :execrows
UPDATE ending SET called_off_at = ? WHERE tenant_id = ? AND ending_id = ? AND begun_at = 0 AND called_off_at = 0;

-- name: EndEnding :execrows
UPDATE ending SET ended_at = ?, certificate = ?, certificate_sha256 = ? WHERE tenant_id = ? AND ending_id = ? AND ended_at = 0 AND begun_at > 0;

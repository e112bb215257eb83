package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// pastSpan is the past that is written: all of it is younger than what retention
// would begin to take away.
const pastSpan = 390 * 24 * time.Hour

// remember writes into a new ledger that the practices have had so many exports,
// one after another through pastSpan, one of a hundred failed: with the moves, files,
// steps, receipts and records that such exports leave.
func (h home) remember(ctx context.Context, practices, exports int) (err error) {
	ledger, err := store.Open(ctx, h.ledgerPath())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ledger.Close()) }()
	var tenants []store.Tenant
	for n := range practices {
		tenants = append(tenants, store.Tenant{ID: practiceName(n), Name: practiceName(n)})
	}
	if err := ledger.PutTenants(ctx, tenants); err != nil {
		return err
	}
	each := (pastSpan / time.Duration(exports)).Milliseconds()
	first := time.Now().UnixMilli() - each*int64(exports) - time.Hour.Milliseconds()
	for _, do := range append([]statement{{`CREATE TABLE n AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
		SELECT i, printf('e%07d', i) AS export, 'practice-' || printf('%03d', i % ?) AS tenant, ? + i * ? AS at FROM n`, []any{exports, practices, first, each}}}, history()...) {
		if _, err := ledger.DB().ExecContext(ctx, do.sql, do.args...); err != nil {
			return fmt.Errorf("write a history: %w", err)
		}
	}
	return nil
}

type statement struct {
	sql  string
	args []any
}

// history fills the tables that grow with every export from table n, which it
// drops.
func history() []statement {
	list := []statement{{sql: `INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks, requested_by,
			requested_at, state, state_at, transaction_time, ended_at, kickoff_sent_at, problem_code)
		SELECT export, tenant, 's', '', 'http://127.0.0.1:9/r4', 'system', '', '["Observation"]', 'incremental', '', '["tables"]', 'schedule',
			at, iif(i % 101 = 0, 'failed', 'completed'), at + 900000, '2026-01-01T00:00:00Z', at + 900000, at, iif(i % 101 = 0, 'token_refused', '') FROM n`}}
	for i, to := range []string{"kicking_off", "polling", "downloading", "ingesting", "publishing", "completed"} {
		list = append(list, statement{`INSERT INTO event (tenant_id, export_id, at, actor, kind, detail) SELECT tenant, export, at + ?, 'engine', 'moved', ? FROM n`, []any{(i + 1) * 150_000, to}})
	}
	return append(list,
		statement{sql: `INSERT INTO output_file (tenant_id, export_id, file, position, section, resource_type, url, expected_count, state, bytes, wire_bytes, lines, delivered, quarantined, stored_at, ingested_at, summary)
			SELECT tenant, export, '0-output-' || k.column1 || '-Observation', k.column1, 'output', 'Observation', 'http://127.0.0.1:9/f', 1000, 'ingested', 800000, 90000, 1000, 1000, 0, at + 500000, at + 520000, '{"lines":1000}'
			FROM n JOIN (VALUES (0), (1), (2), (3)) k`},
		statement{sql: `INSERT INTO step (tenant_id, export_id, kind, subject, state, due_at, created_at) SELECT tenant, export, 'release', '', 'done', at, at FROM n`},
		statement{sql: `INSERT INTO publication (tenant_id, export_id, sink, receipt, published_at) SELECT tenant, export, 'tables', '{}', at + 900000 FROM n`},
		statement{sql: `INSERT INTO export_log (tenant_id, export_id, at, event, detail, written) SELECT tenant, export, at, 'kickoff', '{}', 1 FROM n`},
		statement{sql: `INSERT INTO quality (tenant_id, export_id, summary) SELECT tenant, export, '{"lines":4000}' FROM n WHERE i % 101 > 0`},
		statement{sql: `INSERT INTO quality_count (tenant_id, export_id, lines, refused, broken, questions, question) SELECT tenant, export, 4000, 0, 0, 0, '' FROM n WHERE i % 101 > 0`},
		statement{sql: `INSERT INTO audit (tenant_id, seq, at, actor, source, request_id, export_id, action, object, outcome, reason, rule, facts, prev_hash, hash)
			SELECT tenant, 2 * (row_number() OVER (PARTITION BY tenant ORDER BY i)) + k.column1, at, 'bulkhead', '', '', export, 'file_stored', '', 'done', '', '', '{}', 'ab', 'cd' FROM n JOIN (VALUES (0), (1)) k`},
		statement{sql: `INSERT INTO audit_head (tenant_id, seq, hash) SELECT tenant_id, max(seq), 'cd' FROM audit GROUP BY 1`},
		statement{sql: `INSERT INTO audit_watch (tenant_id, end_seq, end_hash, walked_seq, walked_hash, verified_at, whole_at, fault_seq, fault, found_at)
			SELECT tenant_id, seq, hash, 0, '', now, now, 0, '', 0 FROM audit_head, (SELECT unixepoch() * 1000 AS now)`}, // its rows are invented, and no chain
		statement{sql: `DROP TABLE n`},
	)
}

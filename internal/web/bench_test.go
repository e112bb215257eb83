package web

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// BenchmarkOverview is the overview of 500 practices with a history of 100,000
// exports, from the request to the last byte of the page.
func BenchmarkOverview(b *testing.B) {
	const practices, exports = 500, 100_000
	s, err := store.Open(b.Context(), b.TempDir()+"/ledger.db")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	var tenants []store.Tenant
	for i := range practices {
		tenants = append(tenants, store.Tenant{ID: fmt.Sprintf("practice-%03d", i), Name: fmt.Sprintf("Practice %d", i)})
	}
	if err := s.PutTenants(b.Context(), tenants); err != nil {
		b.Fatal(err)
	}
	// A history of nightly exports, one of a hundred failed.
	if _, err := s.DB().ExecContext(b.Context(), `
		WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ? - 1)
		INSERT INTO export (export_id, tenant_id, stream, registration, endpoint, level, group_id, types, mode, since, sinks, requested_by,
			requested_at, state, state_at, transaction_time, problem_code, problem_summary, problem_remedy, ended_at)
		SELECT printf('e%07d', i), printf('practice-%03d', i % ?), 's', 'ecw', 'https://ehr.example', 'group', 'g', '["Patient"]', 'incremental', '', '["tables"]', 'schedule',
			i * 1000, iif(i % 101 = 0, 'failed', 'completed'), i * 1000, '2026-01-01T00:00:00Z', iif(i % 101 = 0, 'token_refused', ''), iif(i % 101 = 0, 'the server refuses our key', ''),
			iif(i % 101 = 0, 'Ask the practice.', ''), i * 1000 + 500
		FROM n`, exports, practices); err != nil {
		b.Fatal(err)
	}
	web, err := New(Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	token := tokenFor(b, s, "viewer")
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		web.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.Body.Len() < practices*200 {
			b.Fatalf("status %d, %d bytes", w.Code, w.Body.Len())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/page")
}

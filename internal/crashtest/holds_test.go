package crashtest

import (
	"bytes"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/cli"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// over are the states of exports that have ended.
const over = `('completed', 'failed', 'gone', 'denied', 'cancelled')`

// neverQueries count what no moment of any life may show, in the ledger.
var neverQueries = map[string]string{
	"files whose lines do not add up (I4)":           `SELECT count(*) FROM output_file WHERE state = 'ingested' AND lines <> delivered + quarantined + blank`,
	"watermarks of exports that did not end (I6)":    `SELECT count(*) FROM watermark JOIN export USING (tenant_id, export_id) WHERE state <> 'completed'`,
	"exports that ended without all their sinks":     `SELECT count(*) FROM export x WHERE state = 'completed' AND (SELECT count(*) FROM publication p WHERE p.export_id = x.export_id) <> 2`,
	"status URLs without a kick-off's intent (I2)":   `SELECT count(*) FROM export WHERE status_url <> '' AND kickoff_sent_at = 0`,
	"exports released before they were whole (I8)":   `SELECT count(*) FROM export WHERE released_at > 0 AND state NOT IN ('completed', 'cancelled')`,
	"steps of exports that have ended, but releases": `SELECT count(*) FROM step JOIN export USING (tenant_id, export_id) WHERE step.state <> 'done' AND kind <> 'release' AND export.state IN ` + over,
}

// holds demands what must be so whenever a process ends.
func (p *place) holds(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(p.path("state/ledger.db")); errors.Is(err, fs.ErrNotExist) {
		return // it died before it had one
	}
	s, err := store.Look(t.Context(), p.path("state/ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var tables int
	if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM sqlite_master WHERE name = 'river_job'`).Scan(&tables); err != nil || tables == 0 {
		return // it died while it made the ledger, which the next process goes on with
	}
	for what, query := range neverQueries {
		var n int
		if err := s.DB().QueryRowContext(t.Context(), query).Scan(&n); err != nil || n > 0 {
			t.Errorf("%d %s: %v", n, what, err)
		}
	}
	p.rawHolds(t, s)
	p.sinkHolds(t, s)
}

// rawHolds demands the raw file of every file that counts as stored (I3).
func (p *place) rawHolds(t *testing.T, s *store.Store) {
	t.Helper()
	rows, err := s.DB().QueryContext(t.Context(), `SELECT tenant_id || '/' || export_id || '/' || file FROM output_file WHERE state NOT IN ('listed', 'downloading', 'failed')
		AND export_id IN (SELECT export_id FROM export WHERE purpose <> 'replay')`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(p.path("state/files/raw/" + name + ".ndjson.zst")); err != nil {
			t.Errorf("it counts as stored and is not there: %v", err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// sinkHolds demands that a copy of the DuckDB file opens, and has every
// publication that the ledger has.
func (p *place) sinkHolds(t *testing.T, s *store.Store) {
	t.Helper()
	there, err := filepath.Glob(p.path("state/tables.duckdb*"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range there {
		if st, err := os.Stat(name); err != nil || st.IsDir() {
			continue
		}
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var want int
	if err := s.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM publication WHERE sink = 'tables'`).Scan(&want); err != nil {
		t.Fatal(err)
	}
	if want == 0 {
		return
	}
	db, err := sql.Open("duckdb", filepath.Join(dir, "tables.duckdb"))
	if err != nil {
		t.Fatalf("the DuckDB file cannot be opened: %v", err)
	}
	defer db.Close()
	var have int
	if err := db.QueryRowContext(t.Context(), `SELECT count(*) FROM _bulkhead_publication`).Scan(&have); err != nil || have < want {
		t.Errorf("the DuckDB file has %d publications, the ledger %d: %v", have, want, err)
	}
}

// examine demands that doctor, which reads everything, finds nothing: each line
// is delivered once, refused or blank, and the sinks hold what the ledger says.
func (p *place) examine(t *testing.T) {
	t.Helper()
	var said bytes.Buffer
	status := cli.Main(t.Context(), []string{"doctor", "--deep", "--config", p.path("bulkhead.yaml")}, cli.Streams{In: strings.NewReader(""), Out: &said, Err: &said})
	if status != 0 {
		t.Errorf("doctor --deep ends with %d: %s", status, &said)
	}
}

//go:build cgo

package cli

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/doctor"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

// tables changes the DuckDB file behind bulkhead's back.
func (w *ward) tables(statements ...string) {
	w.t.Helper()
	db, err := sql.Open("duckdb", w.path("tables.duckdb"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range statements {
		if _, err := db.ExecContext(w.t.Context(), s); err != nil {
			w.t.Fatalf("%s: %v", s, err)
		}
	}
}

func TestASinkThatIsNotWhatItsReceiptsSayIsFound(t *testing.T) {
	t.Attr("fault", "machine: a sink's file is lost, damaged or written by somebody else -> doctor says which practice and what to do, and touches nothing")
	home := newWard(t)
	for _, d := range []damage{
		{name: "the DuckDB file is gone", want: doctor.SinkLacks, do: func(w *ward) { w.remove(w.path("tables.duckdb")) }},
		{name: "the DuckDB file is no database", want: doctor.SinkUnread, do: func(w *ward) {
			if err := os.WriteFile(w.path("tables.duckdb"), []byte(strings.Repeat("no database ", 500)), 0o600); err != nil {
				w.t.Fatal(err)
			}
		}},
		{name: "a publication is gone", want: doctor.SinkLacks, do: func(w *ward) { w.tables("DELETE FROM _bulkhead_publication") }},
		{name: "a table is gone", want: doctor.SinkLost, do: func(w *ward) { w.tables("DROP TABLE patient") }},
		{
			name: "resources are gone from the record", want: doctor.SinkCounts, deep: true,
			do: func(w *ward) { w.tables("DELETE FROM _bulkhead_resource WHERE resource_type = 'Patient'") },
		},
		{
			name: "rows are there of a resource that nobody delivered", want: doctor.SinkCounts, deep: true,
			do: func(w *ward) { w.tables("UPDATE patient SET resource_key = 'Patient/none'") },
		},
		{
			name: "another bulkhead publishes to the same file", want: doctor.SinkStranger,
			do: func(w *ward) {
				w.tables("INSERT INTO _bulkhead_publication SELECT 'nobody', export, published_at, receipt FROM _bulkhead_publication")
			},
		},
		{name: "a practice's Parquet folder is gone", want: doctor.SinkLacks, do: func(w *ward) { w.remove(w.path("parquet/lakeside")) }},
		{name: "a Parquet table is gone", want: doctor.SinkLost, do: func(w *ward) { w.remove(w.one("parquet/lakeside/current/patient.parquet")) }},
		{name: "the note of a Parquet snapshot is cut", want: doctor.SinkUnread, do: func(w *ward) { w.cut(w.one("parquet/lakeside/current/_bulkhead.json")) }},
		{name: "a Parquet table is cut", want: doctor.SinkUnread, deep: true, do: func(w *ward) { w.cut(w.one("parquet/lakeside/current/patient.parquet")) }},
	} {
		t.Run(d.name, func(t *testing.T) {
			w := home.twin(t)
			d.do(w)
			r := w.examined(under{deep: d.deep, sinks: true})
			if diff := cmp.Diff([]doctor.Check{d.want}, checks(r)); diff != "" {
				t.Fatalf("found (-want +got):\n%s%+v", diff, r.Findings)
			}
			for _, f := range r.Findings {
				if f.Sink == "" || f.Next == "" || strings.Contains(f.Next, "TENANT") && f.Tenant != "" || f.Repairable() {
					t.Errorf("it is not told well: %+v", f)
				}
			}
		})
	}
}

func TestASinkThatWasLostIsMadeAnewByAFullExport(t *testing.T) {
	w := newWard(t)
	w.working(func(a *app.App) { w.ends(a, "lakeside", life.Completed, fullWish) })
	w.remove(w.path("tables.duckdb"))
	w.working(func(a *app.App) { w.ends(a, "lakeside", life.Completed, fullWish) })
	if r := w.examined(under{deep: true, sinks: true}); len(r.Findings) > 0 {
		t.Errorf("found %+v", r.Findings)
	}
}

func TestARestoredLedgerIsBehindItsSinksAndSaysSo(t *testing.T) {
	w := newWard(t)
	at := func(args ...string) []string { return append(args, "--config", filepath.Join(w.dir, "bulkhead.yaml")) }
	to := filepath.Join(t.TempDir(), "b.db")
	ran(t, 0, at("backup", to)...)
	if _, told := ran(t, 2, at("backup", to)...); !strings.Contains(told, "--force") {
		t.Errorf("a backup over another: %s", told)
	}
	var later string
	w.working(func(a *app.App) {
		later = w.ends(a, "lakeside", life.Completed, fullWish)
		if _, told := ran(t, 3, at("restore", to)...); !strings.Contains(told, "ledger_locked") {
			t.Errorf("restore beneath a bulkhead: %s", told)
		}
	})
	out, _ := ran(t, 0, at("restore", to)...)
	for _, want := range []string{later, "forgotten", "watermarks went back for lakeside", "bulkhead doctor"} {
		if !strings.Contains(out, want) {
			t.Errorf("restore does not say %q:\n%s", want, out)
		}
	}
	r := w.examined(under{sinks: true})
	if diff := cmp.Diff([]doctor.Check{doctor.Orphans}, checks(r)); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	ahead := 0
	for _, f := range r.Findings {
		if f.Check == doctor.SinkAhead {
			ahead++
		}
	}
	if ahead != 2 {
		t.Errorf("%d sinks are told to be ahead: %+v", ahead, r.Findings)
	}
	w.working(func(a *app.App) { w.ends(a, "lakeside", life.Completed, fullWish) }) // and on as ever
	if r := w.examined(under{deep: true, sinks: true}); r.Problem() == nil || len(checks(r)) != 1 {
		t.Errorf("afterwards: %+v", r.Findings)
	}
}

package store_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A ward is a ledger that a watch looks at, and how often.
type ward struct {
	*store.Store
	t      *testing.T
	watch  *audit.Watch
	rows   int64  // that were read
	most   int64  // in one call
	errs   int    // that the watch returned
	before func() // rows are read
}

func (w *ward) AuditRows(ctx context.Context, tenant string, after, most int64) ([]audit.Entry, error) {
	if w.before != nil {
		w.before()
	}
	rows, err := w.Store.AuditRows(ctx, tenant, after, most)
	w.rows += int64(len(rows))
	return rows, err
}

// watching plays with a ledger of which a chain has so many rows, in simulated
// time.
func watching(t *testing.T, rows int, play func(t *testing.T, w *ward)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), filepath.Join(dir, "ledger.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if _, err := s.DB().ExecContext(t.Context(), "PRAGMA synchronous = OFF"); err != nil { // no power fails here
			t.Fatal(err)
		}
		w := &ward{Store: s, t: t}
		w.add("lakeside", rows)
		w.add("", 2)
		w.begin()
		play(t, w)
	})
}

func (w *ward) begin() { w.watch = audit.NewWatch(w, store.AnchorsOf(w.path())) }

func (w *ward) path() string {
	var path string
	if err := w.DB().QueryRowContext(w.t.Context(), "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// add puts rows on a tenant's record, a hundred in a transaction.
func (w *ward) add(tenant string, rows int) {
	w.t.Helper()
	for rows > 0 {
		err := w.In(tenant).Do(w.t.Context(), func(tx *store.Tx) error {
			for range min(rows, 100) {
				if err := tx.Audit(audit.Event{Action: audit.FileStored, Facts: map[string]any{"bytes": rows}}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
		rows -= 100
	}
}

// pass lets time pass with a look every second for a while, and six hours later again.
func (w *ward) pass(d time.Duration) {
	w.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		for range 90 {
			<-time.After(time.Second)
			read := w.rows
			if err := w.watch.CatchUp(w.t.Context()); err != nil {
				w.errs++
			}
			w.most = max(w.most, w.rows-read)
		}
		<-time.After(min(6*time.Hour, time.Until(end)))
	}
}

// faults gives what the watch has found.
func (w *ward) faults() (found []string) {
	w.t.Helper()
	list, err := w.AuditWatched(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, k := range list {
		if k.Fault != nil {
			found = append(found, k.Fault.String())
		}
	}
	return found
}

// forge is somebody who can write the ledger's file.
func (w *ward) forge(statement string) {
	w.t.Helper()
	for _, s := range []string{"DROP TRIGGER IF EXISTS audit_not_updated", "DROP TRIGGER IF EXISTS audit_not_deleted", "DROP TRIGGER IF EXISTS audit_not_replaced", statement} {
		if _, err := w.DB().ExecContext(w.t.Context(), s); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestTheWatchFindsWhatSomebodyDidToTheRecord(t *testing.T) {
	t.Attr("fault", "hostile: rows of the audit record are changed, taken out or cut off while bulkhead runs -> found by itself: at the ends within a day, in the middle within a week; kept once")
	for name, c := range map[string]struct {
		forge string
		days  int
		want  string
	}{
		"the last row is changed":    {`UPDATE audit SET actor = 'nobody' WHERE tenant_id = 'lakeside' AND seq = 20`, 1, "the chain of lakeside, row 20: what it says is not what was recorded"},
		"an old row is changed":      {`UPDATE audit SET actor = 'nobody' WHERE tenant_id = 'lakeside' AND seq = 7`, 7, "the chain of lakeside, row 7: what it says is not what was recorded"},
		"an old row is taken out":    {`DELETE FROM audit WHERE tenant_id = 'lakeside' AND seq = 7`, 7, "the chain of lakeside, row 7: it is missing"},
		"the end is cut off":         {`DELETE FROM audit WHERE tenant_id = 'lakeside' AND seq > 18`, 1, "the chain of lakeside, row 20: it is missing, and rows before it may be"},
		"the end with its memory":    {`DELETE FROM audit WHERE tenant_id = 'lakeside' AND seq > 18; UPDATE audit_head SET seq = 18, hash = (SELECT hash FROM audit WHERE tenant_id = 'lakeside' AND seq = 18) WHERE tenant_id = 'lakeside'`, 1, "the chain of lakeside, row 20: it is missing, and rows before it may be"},
		"all of it with its memory":  {`DELETE FROM audit WHERE tenant_id = 'lakeside'; DELETE FROM audit_head WHERE tenant_id = 'lakeside'`, 1, "the chain of lakeside, row 20: "},
		"the memory is set back":     {`UPDATE audit_head SET seq = 18 WHERE tenant_id = 'lakeside'`, 1, "the chain of lakeside, row 19: it was added by hand"},
		"the memory is taken":        {`DELETE FROM audit_head WHERE tenant_id = 'lakeside'`, 1, "the ledger does not remember how many rows there are"},
		"the house's row is changed": {`UPDATE audit SET reason = 'x' WHERE tenant_id = '' AND seq = 1`, 7, "the house's chain, row 1: what it says"},
	} {
		t.Run(name, func(t *testing.T) {
			watching(t, 20, func(t *testing.T, w *ward) {
				w.pass(2 * time.Hour)
				if f := w.faults(); len(f) > 0 {
					t.Fatalf("before: %v", f)
				}
				w.forge(c.forge)
				w.pass(time.Duration(c.days)*24*time.Hour + 2*time.Hour)
				if f := w.faults(); len(f) != 1 || !strings.Contains(f[0], c.want) {
					t.Errorf("found %q, want %q", f, c.want)
				}
				w.begin()
				w.pass(9 * 24 * time.Hour)
				var found int
				err := w.DB().QueryRowContext(t.Context(), `SELECT count(*) FROM audit WHERE action = 'record_verified' AND actor = 'bulkhead' AND outcome = 'failed'`).Scan(&found)
				if f := w.faults(); err != nil || found+w.errs != 1 || len(f) != 1 || !strings.Contains(f[0], c.want) {
					t.Errorf("nine days later: %q, on record %d times, %d errors, %v", f, found, w.errs, err)
				}
			})
		})
	}
}

func TestAnAnchorThatDoesNotFitIsFoundWithinADay(t *testing.T) {
	watching(t, 20, func(t *testing.T, w *ward) {
		w.pass(2 * time.Hour)
		w.add("lakeside", 5)
		if err := audit.Append(store.AnchorsOf(w.path()), []audit.Anchor{{Time: "then", Head: audit.Head{Tenant: "lakeside", Seq: 23, Hash: "ab"}}}); err != nil {
			t.Fatal(err)
		}
		w.pass(30 * time.Hour)
		if f := w.faults(); len(f) != 1 || !strings.Contains(f[0], "row 23: it is not the row that was anchored at then") {
			t.Errorf("found %q", f)
		}
	})
}

func TestABrokenChainIsBrokenUntilSomebodyHasExaminedIt(t *testing.T) {
	watching(t, 20, func(t *testing.T, w *ward) {
		w.pass(2 * time.Hour)
		w.forge(`UPDATE audit SET actor = 'nobody' WHERE tenant_id = 'lakeside' AND seq = 20`)
		w.pass(25 * time.Hour)
		w.forge(`UPDATE audit SET actor = 'bulkhead' WHERE tenant_id = 'lakeside' AND seq = 20`)
		w.pass(49 * time.Hour)
		if f := w.faults(); len(f) != 1 {
			t.Errorf("it was mended, and nobody has examined it: %q", f)
		}
		ctx := audit.As(t.Context(), audit.Identity{Actor: "anna"})
		if err := w.Record(ctx, audit.Event{Action: audit.RecordVerified, Outcome: audit.Failed}, "lakeside"); err != nil {
			t.Fatal(err)
		}
		w.pass(2 * time.Hour)
		if f := w.faults(); len(f) != 1 {
			t.Errorf("who examined it found it broken: %q", f)
		}
		if err := w.Record(ctx, audit.Event{Action: audit.RecordVerified}, "lakeside"); err != nil {
			t.Fatal(err)
		}
		w.pass(3 * time.Minute)
		list, err := w.AuditWatched(t.Context())
		if err != nil || len(list) != 2 || list[1].Fault != nil || time.Since(list[1].VerifiedAt) > 2*time.Hour || list[1].End.Seq != 23 {
			t.Errorf("it was examined and whole: %+v, %v", list, err)
		}
	})
}

func TestRowsThatComeWhileTheRecordIsVerifiedAreNoFault(t *testing.T) {
	watching(t, 1200, func(t *testing.T, w *ward) {
		n := 0
		w.before = func() { // between the memory of the end and the rows, and between two pages
			if n++; n < 60 {
				w.add("lakeside", n%3)
				w.add("", n%2)
			}
		}
		for range 12 {
			w.pass(13 * time.Hour)
		}
		if f := w.faults(); len(f) > 0 || n < 10 || w.errs > 0 {
			t.Errorf("after %d pages: %q", n, f)
		}
	})
}

func TestVerifyingCostsLittleADayHoweverLongTheRecordIs(t *testing.T) {
	watching(t, 21_000, func(t *testing.T, w *ward) {
		w.pass(2 * time.Hour)
		if w.rows < 21_000 || w.most > 550 {
			t.Errorf("the first day %d rows were read, %d at once", w.rows, w.most)
		}
		for day := range 9 {
			w.rows = 0
			w.add("lakeside", 10)
			w.begin() // a restart changes nothing
			w.pass(24 * time.Hour)
			if w.rows > 12_000 || w.errs > 0 {
				t.Errorf("on day %d, %d rows were read", day, w.rows)
			}
		}
		list, err := w.AuditWatched(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range list {
			if age := time.Since(k.WholeAt); k.Fault != nil || age > 8*24*time.Hour || time.Since(k.VerifiedAt) > 26*time.Hour {
				t.Errorf("%+v: all of its rows were last looked at %s ago", k, age)
			}
		}
	})
}

// BenchmarkWatch says what verifying costs: a row, and a second in which nothing
// is due.
func BenchmarkWatch(b *testing.B) {
	path := filepath.Join(b.TempDir(), "ledger.db")
	s, err := store.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const rows = 50_000
	err = s.In("lakeside").Do(b.Context(), func(tx *store.Tx) error {
		for i := range rows {
			ev := audit.Event{Action: audit.FileStored, Export: "20260301-023000-abcdefgh", Object: fmt.Sprint(i, "-output-0-Patient"), Rule: "permitted", Facts: map[string]any{"bytes": i, "sha256": strings.Repeat("ab", 32)}}
			if err := tx.Audit(ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("row", func(b *testing.B) {
		const calls = rows/500 + 3
		for b.Loop() {
			if _, err := s.DB().ExecContext(b.Context(), "DELETE FROM audit_watch"); err != nil {
				b.Fatal(err)
			}
			w := audit.NewWatch(s, store.AnchorsOf(path))
			for range calls {
				if err := w.CatchUp(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/calls, "ms/call")
	})
	b.Run("idle", func(b *testing.B) {
		w := audit.NewWatch(s, store.AnchorsOf(path))
		for b.Loop() {
			if err := w.CatchUp(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

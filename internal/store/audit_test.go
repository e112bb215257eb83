package store_test

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func recorded(t *testing.T, s *store.Store, tenant string, n int) {
	t.Helper()
	for range n {
		if err := s.In(tenant).Do(t.Context(), func(tx *store.Tx) error { return tx.Audit(audit.Event{Action: audit.ExportListed}) }); err != nil {
			t.Fatal(err)
		}
	}
}

func faultOf(t *testing.T, s *store.Store, tenant string, anchors []audit.Anchor) *audit.Fault {
	t.Helper()
	_, f, err := s.AuditFaults(t.Context(), tenant, anchors)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func ledgerAt(t *testing.T) (*store.Store, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger.db")
	s, err := store.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, path
}

func TestTheRecordOnlyGrows(t *testing.T) {
	t.Attr("fault", "hostile: SQL tries to change, delete or replace rows of the audit record -> refused by the database itself")
	s, _ := ledgerAt(t)
	recorded(t, s, "lakeside", 3)
	for _, attempt := range []string{
		`UPDATE audit SET actor = 'nobody' WHERE seq = 2`,
		`DELETE FROM audit WHERE seq = 3`,
		`INSERT OR REPLACE INTO audit SELECT audit_id, tenant_id, seq, at, 'nobody', source, request_id, export_id, action, object, outcome, reason, rule, facts, prev_hash, hash FROM audit WHERE seq = 2`,
		`REPLACE INTO audit SELECT audit_id, tenant_id, 9, at, 'nobody', source, request_id, export_id, action, object, outcome, reason, rule, facts, prev_hash, hash FROM audit WHERE seq = 2`,
	} {
		if _, err := s.DB().ExecContext(t.Context(), attempt); err == nil || !strings.Contains(err.Error(), "only grows") {
			t.Errorf("%s: %v", attempt, err)
		}
	}
	if f := faultOf(t, s, "lakeside", nil); f != nil {
		t.Errorf("fault: %v", f)
	}
}

func TestChainsOfTenantsAndTheHouseAreSeparate(t *testing.T) {
	s, _ := ledgerAt(t)
	recorded(t, s, "lakeside", 2)
	recorded(t, s, "hillcrest", 1)
	ctx := audit.As(t.Context(), audit.Identity{Actor: "alice"})
	if err := s.Record(ctx, audit.Event{Action: audit.TablesQueried}, audit.House, "lakeside"); err != nil {
		t.Fatal(err)
	}
	chains, err := s.AuditChains(t.Context())
	if err != nil || strings.Join(chains, ",") != ",hillcrest,lakeside" {
		t.Fatalf("chains = %q, %v", chains, err)
	}
	want := map[string]int64{"": 1, "hillcrest": 1, "lakeside": 3}
	for _, chain := range chains {
		n := int64(0)
		for e, err := range s.In(chain).Audit(t.Context(), 0) {
			if n++; err != nil || e.Seq != n || e.Tenant != chain || e.Action == audit.TablesQueried && e.Actor != "alice" {
				t.Errorf("%+v, %v", e, err)
			}
		}
		if f := faultOf(t, s, chain, nil); n != want[chain] || f != nil {
			t.Errorf("chain %q: %d rows, fault %v", chain, n, f)
		}
	}
}

func TestWhatIsRolledBackIsNotOnRecord(t *testing.T) {
	s, _ := ledgerAt(t)
	recorded(t, s, "lakeside", 1)
	broken := errors.New("the step is fenced")
	err := s.In("lakeside").Do(t.Context(), func(tx *store.Tx) error {
		return errors.Join(tx.Audit(audit.Event{Action: audit.FileStored}), broken)
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	recorded(t, s, "lakeside", 1)
	if h, ok, err := s.In("lakeside").AuditHead(t.Context()); err != nil || !ok || h.Seq != 2 {
		t.Errorf("head = %+v, %v, %v", h, ok, err)
	}
	if f := faultOf(t, s, "lakeside", nil); f != nil {
		t.Error(f)
	}
}

func TestRowsCutOffAreMissedByLedgerAndAnchors(t *testing.T) {
	t.Attr("fault", "hostile: the end of the audit record is cut off, with the ledger's own memory of it -> its anchor outside the ledger shows it")
	s, path := ledgerAt(t)
	recorded(t, s, "lakeside", 5)
	anchors := s.Anchors(store.AnchorsOf(path))
	if err := anchors.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept, _, err := audit.ReadAnchors(store.AnchorsOf(path))
	if err != nil || len(kept) != 1 || kept[0].Seq != 5 {
		t.Fatalf("anchors = %+v, %v", kept, err)
	}
	recorded(t, s, "lakeside", 1)
	if err := anchors.CatchUp(t.Context()); err != nil { // too soon for another
		t.Fatal(err)
	}
	if kept, _, err := audit.ReadAnchors(store.AnchorsOf(path)); err != nil || len(kept) != 1 {
		t.Errorf("anchors = %+v, %v", kept, err)
	}
	execAll(t, s, `DROP TRIGGER audit_not_deleted`, `DELETE FROM audit WHERE seq > 3`)
	if f := faultOf(t, s, "lakeside", nil); f == nil || f.Seq != 4 || !strings.Contains(f.What, "remembers 6 rows") {
		t.Errorf("fault = %v", f)
	}
	execAll(t, s, `UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM audit WHERE seq = 3)`)
	if f := faultOf(t, s, "lakeside", nil); f != nil {
		t.Errorf("without anchors a careful cut cannot be seen: %v", f)
	}
	if f := faultOf(t, s, "lakeside", kept); f == nil || f.Seq != 4 || !strings.Contains(f.What, "row 5 was anchored") {
		t.Errorf("fault = %v", f)
	}
}

func execAll(t *testing.T, s *store.Store, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := s.DB().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func TestALedgerThatLostTheEndOfAChainGoesOnAfterItsLastRow(t *testing.T) {
	s, _ := ledgerAt(t)
	recorded(t, s, "lakeside", 2)
	execAll(t, s, `DELETE FROM audit_head`)
	if f := faultOf(t, s, "lakeside", nil); f == nil || f.Seq != 3 || !strings.Contains(f.What, "does not remember how many rows") {
		t.Errorf("fault = %v", f)
	}
	recorded(t, s, "lakeside", 1)
	if f := faultOf(t, s, "lakeside", nil); f != nil {
		t.Error(f)
	}
}

func TestAKeyedHashIsTheTenantsOwn(t *testing.T) {
	s, _ := ledgerAt(t)
	hash := func(tenant, text string) (sum string) {
		t.Helper()
		if err := s.In(tenant).Do(t.Context(), func(tx *store.Tx) (err error) { sum, err = tx.Keyed([]byte(text)); return err }); err != nil {
			t.Fatal(err)
		}
		return sum
	}
	one := hash("lakeside", "p1")
	if one != hash("lakeside", "p1") || one == hash("lakeside", "p2") || one == hash("hillcrest", "p1") {
		t.Error("the hash is not one of tenant and text")
	}
}

// BenchmarkPutOnRecord is of a row about one file, and of one about a unit of
// 64; verify-ns/row is what walking the chain costs.
func BenchmarkPutOnRecord(b *testing.B) {
	one := audit.Event{Action: audit.FileStored, Export: "20260301-023000-abcdefgh", Object: "0-output-0-Patient", Rule: "permitted", Facts: map[string]any{"bytes": 90, "sha256": strings.Repeat("a", 64)}}
	unit := one
	unit.Facts = map[string]any{"files": 64, "bytes": 1 << 20, "each": slices.Repeat([]string{"0-output-1000-Observation 4096 " + strings.Repeat("a", 64)}, 64)}
	for name, ev := range map[string]audit.Event{"file": one, "unit": unit} {
		b.Run(name, func(b *testing.B) { putOnRecord(b, ev) })
	}
}

func putOnRecord(b *testing.B, ev audit.Event) {
	s, err := store.Open(b.Context(), filepath.Join(b.TempDir(), "ledger.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	err = s.In("lakeside").Do(b.Context(), func(tx *store.Tx) error {
		for b.Loop() {
			if err := tx.Audit(ev); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	start := time.Now()
	if _, f, err := s.AuditFaults(b.Context(), "lakeside", nil); err != nil || f != nil {
		b.Fatal(f, err)
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(b.N), "verify-ns/row")
}

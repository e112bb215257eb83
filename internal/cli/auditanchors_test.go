package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAnAnchorThatIsGoneIsNoted(t *testing.T) {
	d := newDesk(t)
	file := store.AnchorsOf(filepath.Join(filepath.Dir(d.file), "bulkhead", "ledger.db"))
	d.ledger(func(s *store.Store) {
		if err := s.Record(t.Context(), audit.Event{Action: audit.RecordRead}, "lakeside"); err != nil {
			t.Fatal(err)
		}
		if err := s.Anchors(file).Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if status, said := d.run("audit", "verify"); status != 0 || strings.Contains(said, "note:") {
		t.Errorf("status %d: %s", status, said)
	}
	if err := os.WriteFile(file, []byte("{\"time\":\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, said := d.run("audit", "verify")
	if status != 0 || !strings.Contains(said, "1 lines of the anchors") || !strings.Contains(said, "the chain of lakeside was anchored up to row 1, and the file of anchors beside the ledger ends at row 0") {
		t.Errorf("status %d: %s", status, said)
	}
}

func TestNoChainBeginsWithAReviewOfNothing(t *testing.T) {
	d := newDesk(t)
	if status, said := d.run("audit", "review", "lakeshore"); status == 0 || !strings.Contains(said, "lakeshore") {
		t.Errorf("status %d: %s", status, said)
	}
	d.ledger(func(s *store.Store) {
		if chains, err := s.AuditChains(t.Context()); err != nil || len(chains) != 0 {
			t.Errorf("chains %q, %v", chains, err)
		}
	})
}

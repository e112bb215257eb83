package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestWhoSeesHashesOnlyHasSeenNobody(t *testing.T) {
	s, _ := openLedger(t)
	ctx := audit.As(t.Context(), audit.Identity{Actor: "anna"})
	for _, ev := range []audit.Event{
		{Action: audit.PatientsListed, Object: "roster"}, {Action: audit.LinesRevealed, Object: "0-output-0-Patient line 3"}, {Action: audit.LinesViewed, Object: "0-output-0-Patient"},
		{Action: audit.PatientsListed, Outcome: audit.Refused},
	} {
		if err := s.Record(ctx, ev, "lakeside"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Sights(ctx, time.Now().Add(-time.Hour))
	if err != nil || len(got) != 1 {
		t.Fatal(got, err)
	}
	got[0].Last = time.Time{}
	if diff := cmp.Diff([]store.Sight{{Tenant: "lakeside", Action: audit.LinesRevealed, Actor: "anna"}}, got); diff != "" {
		t.Errorf("sights (-want +got):\n%s", diff)
	}
}

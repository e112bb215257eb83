package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestSightsAreThoseOfRecords(t *testing.T) {
	s, _ := openLedger(t)
	ctx := audit.As(t.Context(), audit.Identity{Actor: "anna"})
	for _, ev := range []audit.Event{
		{Action: audit.PatientsListed, Object: "roster"},
		{Action: audit.LinesRevealed, Object: "0-output-0-Patient line 3"},
		{Action: audit.LinesViewed, Object: "0-output-0-Patient"},
		{Action: audit.PatientsListed, Outcome: audit.Refused},
	} {
		if err := s.Record(ctx, ev, "lakeside"); err != nil {
			t.Fatal(err)
		}
	}
	for _, rule := range []string{"break_glass", "permitted"} {
		by := audit.As(t.Context(), audit.Identity{Actor: rule})
		if err := s.Record(by, audit.Event{Action: audit.TablesQueried, Rule: rule}, audit.House, "lakeside"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Sights(ctx, time.Now().Add(-time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if time.Since(got[i].Last) > time.Minute {
			t.Errorf("the last was at %s", got[i].Last)
		}
		got[i].Last = time.Time{}
	}
	want := []store.Sight{{Tenant: "lakeside", Action: audit.LinesRevealed, Actor: "anna"}, {Action: audit.TablesQueried, Actor: "break_glass"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sights (-want +got):\n%s", diff)
	}
}

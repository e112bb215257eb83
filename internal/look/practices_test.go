package look

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAPracticeIsMarkedByWhatItNeeds(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for want, s := range map[string]store.Standing{
		frozen:  {Frozen: true, Export: "x", State: life.Failed},
		trouble: {Export: "x", State: life.Unknown},
		waiting: {Export: "x", State: life.Waiting},
		running: {Export: "x", State: life.Downloading},
		late:    {Export: "x", State: life.Completed, Completed: "x", NextAt: now.Add(-time.Hour)},
		stopped: {Export: "x", State: life.Cancelled, Completed: "w"},
		never:   {NextAt: now.Add(time.Hour)},
		fresh:   {Export: "x", State: life.Completed, Completed: "x", NextAt: now.Add(time.Hour)},
	} {
		if got := markOf(s, now); got != want {
			t.Errorf("%+v is %q, want %q", s, got, want)
		}
	}
}

// Alerts say nothing of an agreement that a person has suspended or terminated,
// nor does the overview call for somebody.
func TestAnAgreementThatAPersonEndedNeedsNobody(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]string{
		config.AgreementSuspended: stopped, config.AgreementTerminated: stopped, config.AgreementActive: trouble, config.AgreementDraft: trouble,
	} {
		c := &config.Config{Tenants: []config.Tenant{{ID: "oak", Agreement: &config.Agreement{Status: status}}}}
		s := store.Standing{Tenant: "oak", Export: "x", State: life.Denied}
		if got := RowOf(s, schedule.NewGround(c, nil, nil), time.Now()).Mark; got != want {
			t.Errorf("denied under an agreement that is %s: %q, want %q", status, got, want)
		}
	}
}

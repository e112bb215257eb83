package look

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestAnExportThatLeftItsSlotIsShownAmongThoseThatWait(t *testing.T) {
	cfg, err := config.Parse("/x/bulkhead.yaml", []byte(`
limits: {exports: 1}
tenants:
  - {id: lakeside, open: true, fhir_base_url: "https://a.example/fhir", group: g, types: [Patient]}
  - {id: hillcrest, open: true, fhir_base_url: "https://b.example/fhir", group: g, types: [Patient]}
`))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	under := func(tenant string, parked time.Time) store.Export {
		return store.Export{ID: tenant, Tenant: tenant, State: life.Polling, ParkedAt: parked}
	}
	for what, c := range map[string]struct {
		pauses  []store.Pause
		other   bool // has the slot
		running int
		why     string
	}{
		"the slot is taken":     {other: true, running: 1, why: "all 1 slots of the machine are taken"},
		"the slot is free":      {why: "its turn is about to come"},
		"it is held back still": {pauses: []store.Pause{{Scope: store.PauseTenant, Object: "lakeside", By: "anna", Reason: "x"}}, other: true, running: 2},
	} {
		open := []store.Export{under("lakeside", now)}
		if c.other {
			open = append(open, under("hillcrest", time.Time{}))
		}
		l := &looker{config: cfg, house: true, now: now, ground: schedule.NewGround(cfg, c.pauses, nil)}
		l.take(open)
		var q Queue
		for _, x := range open {
			l.put(&q, x)
		}
		if len(q.Running) != c.running || c.why != "" && (len(q.Waiting) != 1 || q.Waiting[0].Why != c.why) {
			t.Errorf("%s: %d run, %+v wait", what, len(q.Running), q.Waiting)
		}
	}
}

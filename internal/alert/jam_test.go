package alert

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

func TestAnExportThatCannotBeRecordedIsToldOnceAndItsRecoveryOnce(t *testing.T) {
	t.Attr("fault", "machine: the ledger does not take the outcome of one export's step for an hour -> told once after two minutes, with the step and what to do; its recovery once")
	run(t, 2, ", stale_after: 60d, stuck_floor: 60d, stuck_after: 60d", "", func(w *world) {
		var stuck []JamFacts
		w.jams = func() []JamFacts { return stuck }
		w.begin()
		w.nightly("p1")
		stuck = []JamFacts{{Tenant: "p1", Export: "x", Step: "ingest", Since: time.Now(), Code: problem.Internal, Why: "something failed"}}
		w.pass(time.Minute, 30*time.Second)
		if open := w.openAlerts(); len(open) != 0 {
			t.Errorf("after a minute: %+v", open)
		}
		w.pass(time.Hour, time.Minute)
		if len(w.sent) != 1 || !strings.Contains(w.sent[0].Body, "the step ingest of export x") || !strings.Contains(w.sent[0].Body, "bulkhead doctor") {
			t.Errorf("told: %+v", w.sent)
		}
		w.want("[bulkhead] warning: p1: what an export came to cannot be recorded")
		stuck = nil
		w.pass(time.Hour, time.Minute)
		w.want("[bulkhead] over: p1: what an export came to cannot be recorded")
	})
}

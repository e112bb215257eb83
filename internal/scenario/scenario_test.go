package scenario_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

func TestAnExportOfThreeHoursPassesInNoTime(t *testing.T) {
	spec := scenario.Spec{}
	spec.Knobs = func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = 3*time.Hour, 10*time.Minute }
	scenario.Run(t, spec, func(w *scenario.World) {
		began := time.Now()
		x := w.Want(w.Export(), life.Completed)
		if took := time.Since(began); took < 3*time.Hour || took > 3*time.Hour+11*time.Minute {
			t.Errorf("the export took %v", took)
		}
		if n := w.Count(sandbox.KindPoll); n > 20 {
			t.Errorf("%d polls in three hours", n)
		}
		if rows := w.Rows("patient"); len(rows) < 8 {
			t.Errorf("%d patients, want 8 or more: %s", len(rows), x)
		}
	})
}

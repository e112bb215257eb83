package scenario_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// A server that gives no count and cuts its files in the middle of a line is
// believed after three tries; but what may be missing is asked for again.
func TestAFileThatIsNeverWholeIsToldAndLeavesTheWatermark(t *testing.T) {
	t.Attr("fault", "server: a file without length or count is cut in a line each time -> complete after three tries, told, the watermark stays")
	t.Attr("shows", "D7")
	spec := scenario.Spec{Tenant: scenario.Tenant{Types: []string{"Patient"}}}
	spec.Knobs = func(k *sandbox.Knobs) { k.Count, k.CutAt, k.Gzip, k.Ranges = sandbox.CountNone, 700, false, false }
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Completed)
		if x.Happened("not_whole") == 0 || x.Happened("watermark_kept") == 0 || len(w.Quarantine(x)) == 0 {
			t.Errorf("nobody is told, or nothing is kept: %s", x)
		}
		if n := w.Count(sandbox.KindFile); n != 3 {
			t.Errorf("the file was fetched %d times, want 3", n)
		}
		w.Change(func(k *sandbox.Knobs) { k.CutAt = 0 })
		w.Pass(time.Hour)
		if y := w.Want(w.Export(), life.Completed); y.Since != "" || len(w.Rows("patient")) != 8 {
			t.Errorf("since %q, %d patients: what was missing is not there: %s", y.Since, len(w.Rows("patient")), y)
		}
	})
}

func TestBinaryInPlaceOfAFileFailsTheFile(t *testing.T) {
	t.Attr("fault", "server: binary in the place of a file -> failed with download_failed; resumed, complete")
	t.Attr("shows", "BD-135 D8")
	spec := scenario.Spec{}
	spec.Knobs = func(k *sandbox.Knobs) {
		k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Type: "Patient", Do: sandbox.ActionGarbage}}
	}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Want(w.Export(), life.Failed)
		if x.ProblemCode != string(problem.DownloadFailed) || len(w.Rows("patient")) != 0 || w.Count(sandbox.KindDelete) != 0 {
			t.Errorf("%s", x)
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		w.Want(w.Resume(x), life.Completed)
	})
}

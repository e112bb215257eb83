package scenario_test

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// amidst calls do once, while the first file of an export is downloaded.
type amidst struct {
	engine.Steps
	do func()
}

func (s amidst) Run(ctx context.Context, w export.Work) (export.Outcome, error) {
	if w.Lease.Kind == export.Download {
		s.do()
	}
	return s.Steps.Run(ctx, w)
}

// inMidDownload plays an export whose practice's agreement gets another status
// while the first of its files is downloaded, one file at a time.
func inMidDownload(t *testing.T, status string, then func(w *scenario.World, x *scenario.Export)) {
	var world *scenario.World
	var changed atomic.Bool
	spec := scenario.Spec{LeavesFiles: true, Config: "limits: {downloads_per_export: 1}"}
	spec.Knobs = func(k *sandbox.Knobs) { k.FilesPerType = 4 }
	spec.Around = func(steps engine.Steps) engine.Steps {
		return amidst{steps, func() {
			if changed.CompareAndSwap(false, true) {
				reload(world, only(world.Config, func(t *config.Tenant) { t.Agreement.Status = status }, "lakeside"))
			}
		}}
	}
	scenario.Run(t, spec, func(w *scenario.World) {
		world = w
		then(w, w.Settle(w.Request("lakeside", export.Wish{By: "test"})))
	})
}

// decided says which rule refused what, by the record.
func decided(w *scenario.World) (rules []string) {
	w.T().Helper()
	for e, err := range w.Store.In("lakeside").Audit(w.T().Context(), 0) {
		if err != nil {
			w.T().Fatal(err)
		}
		if e.Action == audit.Policy && e.Outcome == audit.Refused {
			rules = append(rules, e.Object+" "+e.Rule)
		}
	}
	return rules
}

func TestASuspensionInMidDownloadStopsWithinOneStepAndKeepsWhatIsHere(t *testing.T) {
	t.Attr("fault", "step: an agreement is suspended in mid-download -> one file at most still comes, nothing is deleted at the server; active again it goes on")
	inMidDownload(t, config.AgreementSuspended, func(w *scenario.World, x *scenario.Export) {
		w.Want(x, life.Failed)
		if x.ProblemCode != string(problem.AgreementDenied) || !strings.Contains(x.ProblemRemedy, "--resume") {
			t.Errorf("%s: %s", x.ProblemCode, x.ProblemRemedy)
		}
		files, requests := w.Count(sandbox.KindFile), len(w.Requests())
		if files > 1 || count(w.Requests(), sandbox.KindPoll, http.MethodDelete) != 0 {
			t.Errorf("%d files were asked for after the suspension", files)
		}
		if got := decided(w); len(got) == 0 || !strings.HasSuffix(got[0], " "+string(agreement.Suspended)) {
			t.Errorf("the record has %v", got)
		}
		if _, err := w.Engine.Request(w.T().Context(), "lakeside", export.Wish{By: "test"}); problem.Of(err).Code != problem.AgreementDenied {
			t.Errorf("another export: %v", err)
		}
		w.Pass(2 * time.Hour)
		if n := len(w.Requests()); n != requests {
			t.Errorf("%d requests to a practice whose agreement is suspended", n-requests)
		}
		reload(w, only(w.Config, asItIs, "lakeside"))
		if err := w.Engine.Resume(w.T().Context(), "lakeside", x.ID); err != nil {
			t.Fatal(err)
		}
		x = w.Want(w.Settle(x), life.Completed)
		if x.Kickoffs != 1 {
			t.Errorf("%d kick-offs", x.Kickoffs)
		}
	})
}

func TestATerminationInMidDownloadCancelsAtTheServer(t *testing.T) {
	t.Attr("fault", "step: an agreement is terminated in mid-download -> the export is cancelled within one step, DELETE at the server, nothing is published")
	inMidDownload(t, config.AgreementTerminated, func(w *scenario.World, x *scenario.Export) {
		w.Want(x, life.Cancelled)
		w.Pass(time.Hour)
		if files := w.Count(sandbox.KindFile); files > 1 {
			t.Errorf("%d files were asked for", files)
		}
		deleted := 0
		for _, r := range w.Requests() {
			if r.Method == http.MethodDelete {
				deleted++
			}
		}
		if deleted != 1 {
			t.Errorf("%d requests to delete", deleted)
		}
		if rows := len(w.Rows("patient")); rows != 0 {
			t.Errorf("%d patients were published", rows)
		}
		if got := decided(w); len(got) == 0 || !strings.HasSuffix(got[0], " "+string(agreement.Terminated)) {
			t.Errorf("the record has %v", got)
		}
	})
}

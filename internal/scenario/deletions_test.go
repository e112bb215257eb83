package scenario_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// noted counts the entries of a kind in an export's timeline.
func noted(x *scenario.Export, kind string) (n int) {
	for _, e := range x.Timeline {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

func TestAServerThatNamesNoDeletionsIsNotTakenToHaveHadNone(t *testing.T) {
	t.Attr("shows", "BD-158")
	scenario.Run(t, with(func(k *sandbox.Knobs) { k.Deletions = false }), func(w *scenario.World) {
		if first := w.Want(w.Export(), life.Completed); noted(first, "deletions_not_reported") != 0 {
			t.Error("a first export has no deletions to tell of")
		}
		ids := map[string]bool{}
		for _, table := range []string{"observation", "condition", "encounter"} {
			for _, r := range w.Rows(table) {
				ids[table+"/"+r["id"]] = true
			}
		}
		w.Pass(30 * 24 * time.Hour)
		if x := w.Want(w.Export(), life.Completed); noted(x, "deletions_not_reported") != 1 {
			t.Errorf("the report of an incremental export without deletions does not say so: %v", x.Timeline)
		}
		gone := func() (n int) {
			left := map[string]bool{}
			for _, table := range []string{"observation", "condition", "encounter"} {
				for _, r := range w.Rows(table) {
					left[table+"/"+r["id"]] = true
				}
			}
			for id := range ids {
				if !left[id] {
					n++
				}
			}
			return n
		}
		if n := gone(); n != 0 {
			t.Errorf("%d resources were removed by silence", n)
		}
		w.Want(w.Full(), life.Completed)
		if gone() == 0 {
			t.Error("the full export removed nothing that the server no longer has")
		}
	})
	scenario.Run(t, with(func(k *sandbox.Knobs) { k.Deletions = true }), func(w *scenario.World) {
		w.Want(w.Export(), life.Completed)
		w.Pass(30 * 24 * time.Hour)
		if x := w.Want(w.Export(), life.Completed); noted(x, "deletions_not_reported") != 0 {
			t.Error("deletions that the server names are said to be missing")
		}
	})
}

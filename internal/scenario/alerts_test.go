package scenario_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// messages gives kind and turn of each message so far, in order, as a set: what
// begins in the same night may be told in either order.
func messages(t *testing.T, w *scenario.World) []string {
	t.Helper()
	list, err := w.Store.Notices(w.T().Context(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	var turns []string
	for _, n := range list {
		turns = append(turns, n.Kind+" "+string(n.Turn))
		if n.SentAt.IsZero() {
			t.Errorf("the message %q was not sent", n.Subject)
		}
	}
	slices.Sort(turns)
	return turns
}

func TestAPracticeWhoseServerIsDownForDaysIsToldOfOnceAndItsRecoveryOnce(t *testing.T) {
	t.Attr("fault", "server: a practice's server answers 503 for five days -> one message that its export failed, one that its records grow stale, one each when it is over, nothing else")
	spec := scenario.Spec{Tenant: scenario.Tenant{Config: "schedule: '0 2 * * *'"}, Kickoffs: 4, Config: "alerts: {disk_free: 1B, remind_every: 60d}\nlimits: {free_bytes: 1B, retry: {attempts: 3}}"}
	scenario.Run(t, spec, func(w *scenario.World) {
		days := func(n int) { // with a look every hour: while nothing is due, the world's engine stands still
			for range 24 * n {
				w.Pass(time.Hour)
				if err := w.Alerts.Look(w.T().Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		days(2)
		if got := messages(t, w); len(got) > 0 {
			t.Errorf("told of a healthy practice: %v", got)
		}
		w.Change(func(k *sandbox.Knobs) {
			k.Faults = []sandbox.Fault{{On: sandbox.KindKickoff, Do: sandbox.ActionStatus, Status: 503}}
		})
		days(2)
		w.Restart()
		days(3)
		if got, want := messages(t, w), []string{"failed opened", "stale opened"}; !slices.Equal(got, want) {
			t.Errorf("told after five days: %v, want %v", got, want)
		}
		w.Change(func(k *sandbox.Knobs) { k.Faults = nil })
		days(3)
		if got, want := messages(t, w), []string{"failed opened", "failed over", "stale opened", "stale over"}; !slices.Equal(got, want) {
			t.Errorf("told in the end: %v, want %v", got, want)
		}
		if log := w.Log(); !strings.Contains(log, "records grow stale") || strings.Contains(log, scenario.Canary) {
			t.Error("the log does not tell, or tells too much")
		}
	})
}

func TestRecordsThatCannotBeDestroyedAreToldOfAndTriedAgainUntilTheyAre(t *testing.T) {
	t.Attr("fault", "machine: files whose time is over cannot be removed for two days, and bulkhead restarts meanwhile -> one message that names the practice and the reason, one when they are gone, within hours of the cure")
	var broken atomic.Bool
	spec := scenario.Spec{
		Tenant: scenario.Tenant{Config: "agreement: {retention: {raw: 1d}}"}, Config: "alerts: {disk_free: 1B, remind_every: 60d}\nlimits: {free_bytes: 1B}",
		Point: func(name string) error {
			if name == "disposal: begun" && broken.Load() {
				return problem.New(problem.StorageUnwritable, "files cannot be removed", "Make them writable.")
			}
			return nil
		},
	}
	scenario.Run(t, spec, func(w *scenario.World) {
		hours := func(n int) {
			for range 2 * n {
				w.Pass(30 * time.Minute)
				if err := w.Alerts.Look(w.T().Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		broken.Store(true)
		w.Want(w.Export(), life.Completed)
		hours(50)
		w.Restart()
		hours(24)
		if got, want := messages(t, w), []string{"disposal opened"}; !slices.Equal(got, want) || kept(w, "raw", "lakeside") == 0 {
			t.Errorf("told after three days: %v, want %v", got, want)
		}
		if !strings.Contains(w.Log(), "cannot be destroyed: files cannot be removed") {
			t.Error("the message does not say why")
		}
		broken.Store(false)
		hours(4)
		if got, want := messages(t, w), []string{"disposal opened", "disposal over"}; !slices.Equal(got, want) || kept(w, "raw", "lakeside") != 0 {
			t.Errorf("told four hours after the cure: %v, want %v", got, want)
		}
	})
}

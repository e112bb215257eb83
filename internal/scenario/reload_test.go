package scenario_test

import (
	"slices"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// slowly is a practice whose exports take an hour of the server's time.
func slowly(id string) scenario.Tenant {
	return scenario.Tenant{ID: id, Preset: "standard", Knobs: func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = time.Hour, 5*time.Minute }}
}

// only gives the configuration with no other tenants than these, each as
// change leaves it.
func only(c *config.Config, change func(*config.Tenant), ids ...string) *config.Config {
	next := *c
	next.Tenants = nil
	for _, t := range c.Tenants {
		if !slices.Contains(ids, t.ID) {
			continue
		}
		if t.Agreement != nil {
			agreed := *t.Agreement
			t.Agreement = &agreed
		}
		change(&t)
		next.Tenants = append(next.Tenants, t)
	}
	return &next
}

func asItIs(*config.Tenant) {}

func reload(w *scenario.World, c *config.Config) config.Diff {
	w.T().Helper()
	d, err := w.Reload(w.T().Context(), c, "test")
	if err != nil {
		w.T().Fatal(err)
	}
	return d
}

func isFrozen(w *scenario.World, tenant string) bool {
	w.T().Helper()
	tenants, err := w.Store.Tenants(w.T().Context())
	if err != nil {
		w.T().Fatal(err)
	}
	i := slices.IndexFunc(tenants, func(t store.Tenant) bool { return t.ID == tenant })
	return i >= 0 && tenants[i].Frozen
}

func TestAPracticeThatIsTakenOutIsFrozenAndGoesOnWhenItIsBack(t *testing.T) {
	spec := scenario.Spec{Tenant: slowly("lakeside"), More: []scenario.Tenant{slowly("hillcrest")}}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request("lakeside", export.Wish{By: "test"}), life.Polling)
		other := w.Await(w.Request("hillcrest", export.Wish{By: "test"}), life.Polling)
		w.Pass(12 * time.Minute)
		polls := w.Count(sandbox.KindPoll, "lakeside")

		if d := reload(w, only(w.Config, asItIs, "hillcrest")); d.Count(config.Removed) != 1 || len(d.Changes) != 1 {
			t.Errorf("diff = %+v", d)
		}
		w.Want(w.Settle(other), life.Completed)
		w.Pass(3 * time.Hour)
		if n := w.Count(sandbox.KindPoll, "lakeside"); n != polls {
			t.Errorf("%d polls of a frozen practice", n-polls)
		}
		if got := w.Look(x).State; got != life.Polling || !isFrozen(w, "lakeside") || isFrozen(w, "hillcrest") {
			t.Errorf("the export is %s; lakeside frozen %v, hillcrest %v", got, isFrozen(w, "lakeside"), isFrozen(w, "hillcrest"))
		}
		if _, err := w.Engine.Request(t.Context(), "lakeside", export.Wish{By: "test"}); err == nil {
			t.Error("an export of a frozen practice was taken")
		}

		if d := reload(w, w.Config); d.Count(config.Added) != 1 {
			t.Errorf("diff = %+v", d)
		}
		w.Want(w.Settle(x), life.Completed)
		if n := w.Count(sandbox.KindKickoff, "lakeside"); n != 1 || isFrozen(w, "lakeside") {
			t.Errorf("%d kick-offs; frozen %v", n, isFrozen(w, "lakeside"))
		}
	})
}

func TestASuspendedAgreementCountsFromTheReloadOn(t *testing.T) {
	scenario.Run(t, scenario.Spec{Tenant: slowly("lakeside")}, func(w *scenario.World) {
		x := w.Await(w.Request("lakeside", export.Wish{By: "test"}), life.Polling)
		reload(w, only(w.Config, func(t *config.Tenant) { t.Agreement.Status = config.AgreementSuspended }, "lakeside"))
		polls := w.Count(sandbox.KindPoll)
		w.Pass(3 * time.Hour)
		if n := w.Count(sandbox.KindPoll); n != polls {
			t.Errorf("%d polls after the agreement was suspended", n-polls)
		}
		if got := w.Look(x).State; got == life.Completed {
			t.Errorf("the export is %s", got)
		}
		if rows := w.Rows("patient"); len(rows) > 0 {
			t.Errorf("%d patients were delivered", len(rows))
		}
	})
}

func TestAScheduleThatAReloadBringsStartsItsExport(t *testing.T) {
	scenario.Run(t, scenario.Spec{Tenant: slowly("lakeside")}, func(w *scenario.World) {
		w.Pass(25 * time.Hour)
		if got := w.Exports("lakeside"); len(got) != 0 {
			t.Fatalf("%d exports without a schedule", len(got))
		}
		reload(w, only(w.Config, func(t *config.Tenant) { t.Schedule = "0 3 * * *" }, "lakeside"))
		w.Pass(25 * time.Hour)
		got := w.Exports("lakeside")
		if len(got) != 1 {
			t.Fatalf("%d exports", len(got))
		}
		w.Want(w.Settle(got[0]), life.Completed)
		reload(w, w.Config)
		w.Pass(49 * time.Hour)
		if got := w.Exports("lakeside"); len(got) != 1 {
			t.Errorf("%d exports after the schedule was taken back", len(got))
		}
	})
}

// A download of hours is not let go on under an agreement that no longer
// permits it.
func TestADownloadThatRunsStopsWhenTheAgreementIsSuspended(t *testing.T) {
	t.Attr("fault", "step: an agreement is suspended by a reload while a file is coming in -> the download stops at once, nothing is delivered; active again, it goes on")
	spec := scenario.Spec{Tenant: scenario.Tenant{
		ID: "lakeside", Knobs: func(k *sandbox.Knobs) {
			k.Faults = []sandbox.Fault{{On: sandbox.KindFile, Times: 1, Do: sandbox.ActionHang}}
		},
	}}
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request("lakeside", export.Wish{By: "test"}), life.Downloading)
		w.Pass(time.Second)
		at := time.Now()
		reload(w, only(w.Config, func(t *config.Tenant) { t.Agreement.Status = config.AgreementSuspended }, "lakeside"))
		w.Pass(time.Minute)
		if state := w.Look(x).State; state != life.Failed {
			t.Errorf("a minute later the export is %s", state)
		}
		hung := 0
		for _, r := range w.Requests() {
			if r.Kind == sandbox.KindFile && r.Fault == sandbox.ActionHang {
				hung++
			}
			if r.Kind != sandbox.KindToken && !r.At.Before(at) {
				t.Errorf("a %s request came under a suspended agreement", r.Kind)
			}
		}
		if hung != 1 {
			t.Errorf("%d requests for files hung, want the one that was interrupted", hung)
		}
		if rows := w.Rows("patient"); len(rows) > 0 {
			t.Errorf("%d patients were delivered", len(rows))
		}
		reload(w, w.Config)
		w.Want(w.Resume(x), life.Completed)
	})
}

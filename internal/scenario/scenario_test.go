package scenario_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
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

func TestTwoTenantsOfOneWorldHaveTheirOwn(t *testing.T) {
	spec := scenario.Spec{
		DuckDB: true,
		Tenant: scenario.Tenant{Preset: "ecw", KnobsYAML: "filesPer: 7\nbad: [{type: Patient, broken: 1}]"},
		More:   []scenario.Tenant{{Open: true, Level: "patient", Patients: 3, Types: []string{"Patient"}, Config: "time_zone: America/Chicago"}},
		Config: "limits: {exports: 1}",
	}
	scenario.Run(t, spec, func(w *scenario.World) {
		first, second := w.Request("lakeside", export.Wish{}), w.Request("lakeside-2", export.Wish{})
		w.Want(w.Settle(first), life.Completed)
		w.Want(w.Settle(second), life.Completed)
		if refused := w.Quarantine(first); len(refused) != 1 || refused[0].Line == 0 {
			t.Errorf("refused lines are %v", refused)
		}
		if a, b := len(w.Rows("patient")), len(w.Rows("patient", "lakeside-2")); a != 7 || b != 3 {
			t.Errorf("%d and %d patients, want 7 and 3", a, b)
		}
		if n := w.Query("SELECT count(*) FROM patient")[0][0]; n != int64(10) {
			t.Errorf("%v patients in DuckDB, want 10", n)
		}
		if raw := w.Raw(second); len(raw) != 1 || len(raw["0-output-0-Patient"]) == 0 || w.Manifest(second) == "" {
			t.Errorf("raw files are %v", raw)
		}
		if w.Tenant("lakeside-2").TimeZone != "America/Chicago" || w.Config.Limits.Exports != 1 {
			t.Error("the overlays are not in the configuration")
		}
		if w.Count(sandbox.KindToken, "lakeside-2") != 0 || w.Problem(second) != nil {
			t.Error("an open practice was asked for a token, or an export has a problem")
		}
	})
}

func TestAWorldStandsStillWhileBulkheadIsDown(t *testing.T) {
	spec := scenario.Spec{}
	spec.Knobs = func(k *sandbox.Knobs) { k.Takes, k.RetryAfter = time.Hour, 10*time.Minute }
	scenario.Run(t, spec, func(w *scenario.World) {
		x := w.Await(w.Request("lakeside", export.Wish{}), life.Polling)
		w.Pass(15 * time.Minute)
		at := time.Now()
		w.Restart()
		if !time.Now().Equal(at) {
			t.Errorf("%v passed while nothing ran", time.Since(at))
		}
		w.Want(w.Settle(x), life.Completed)
		if n := w.Count(sandbox.KindPoll); n != 6 {
			t.Errorf("%d polls, want 6", n)
		}
	})
}

func TestAHostThatIsDownIsTriedAgain(t *testing.T) {
	t.Attr("fault", "network: the token server refuses connections for ten seconds -> waits, complete")
	scenario.Run(t, scenario.Spec{}, func(w *scenario.World) {
		w.Net.Down("login.ehr.test", true)
		x := w.Request("lakeside", export.Wish{})
		w.Pass(10 * time.Second)
		w.Net.Down("login.ehr.test", false)
		w.Want(w.Settle(x), life.Completed)
		if n := w.Net.Dialled("login.ehr.test"); n < 2 {
			t.Errorf("%d attempts to reach the token server", n)
		}
	})
}

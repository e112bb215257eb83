package scenario_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

func TestADayOfADeadHostCostsNearlyNothingAndEverybodyGoesOnAfterIt(t *testing.T) {
	t.Attr("fault", "server: the host of forty practices is away for a day in which all are due -> a connection in ten minutes, no slot, nothing lost; all complete when it is back")
	const practices = 40 // each of which is about to send its kick-off, and does not
	spec := scenario.Spec{Kickoffs: 300, Config: "limits: {exports: 40}"}
	for i := range practices {
		tenant := scenario.Tenant{ID: fmt.Sprintf("practice-%d", i+1), Types: []string{"Observation"}, Level: "patient", Config: "generic_tables: [none]", Open: true}
		tenant.Source = chart(tenant.ID, 2)
		if i == 0 {
			spec.Tenant = tenant
			continue
		}
		spec.More = append(spec.More, tenant)
	}
	scenario.Run(t, spec, func(w *scenario.World) {
		w.Net.Down(ehr, true)
		var all []*scenario.Export
		for i := range practices {
			all = append(all, w.Request(fmt.Sprintf("practice-%d", i+1), export.Wish{By: "test"}))
		}
		w.Pass(24 * time.Hour)
		if n := w.Net.Dialled(ehr); n > 24*6+20 {
			t.Errorf("%d connections in a day to a host where nothing listens", n)
		}
		w.Net.Down(ehr, false)
		failed := 0
		for _, x := range all {
			x = w.Settle(x)
			if x.State == life.Failed && problem.Code(x.ProblemCode) == problem.ServerUnreachable {
				failed++
				x = w.Resume(x)
			}
			w.Want(x, life.Completed)
		}
		if failed > practices/2 {
			t.Errorf("%d of %d exports failed of the connections that were tried", failed, practices)
		}
	})
}

func TestAnExportToAServerThatIsGoneEndsAndIsTold(t *testing.T) {
	t.Attr("fault", "server: nothing listens, and a kick-off is preceded by another request -> each try is counted, the export ends as server_unreachable and can be resumed")
	for name, open := range map[string]bool{"without tokens": true, "with tokens": false} {
		t.Run(name, func(t *testing.T) {
			scenario.Run(t, scenario.Spec{Kickoffs: 9, Tenant: scenario.Tenant{Open: open}}, func(w *scenario.World) {
				w.Net.Down(ehr, true)
				x := w.Request("lakeside", export.Wish{By: "test"})
				w.Pass(4 * time.Hour)
				w.Look(x)
				if x.State != life.Failed || problem.Code(x.ProblemCode) != problem.ServerUnreachable {
					t.Errorf("after four hours: %s", x)
				}
				w.Net.Down(ehr, false)
				w.Want(w.Resume(x), life.Completed)
			})
		})
	}
}

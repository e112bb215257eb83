package scenario_test

import (
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/sandbox"
	"github.com/bulkhead-fhir/bulkhead/internal/scenario"
)

// unanswered is a practice with a schedule, the answers to whose first kick-offs
// are lost.
func unanswered(schedule, faults string) scenario.Spec {
	spec := vendor("ecw", "faults: ["+faults+"]")
	spec.Tenant.Config = "schedule: '" + schedule + "'"
	spec.Kickoffs = 3
	return spec
}

func TestAScheduleAsksOnceMoreWhenNoAnswerCame(t *testing.T) {
	for name, c := range map[string]struct {
		schedule, fault string
		after           time.Duration // until it has completed
	}{
		"the answer is lost, daily":      {"0 2 * * *", "{on: kickoff, times: 1, do: lost}", 24 * time.Hour},
		"a gateway answers 502, daily":   {"0 2 * * *", "{on: kickoff, times: 2, do: status, status: 502}", 48 * time.Hour},
		"the answer is lost, every hour": {"0 * * * *", "{on: kickoff, times: 1, do: lost}", 12 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Attr("fault", "network: the answer to a scheduled kick-off is lost, or is a gateway's -> unknown; asked once more when the schedule is due and half a day is over, complete")
			scenario.Run(t, unanswered(c.schedule, c.fault), func(w *scenario.World) {
				w.Pass(26*time.Hour + c.after) // it is due first somewhere in the first day
				var x *scenario.Export
				for _, y := range w.Exports(w.Tenant().ID) {
					if y.Kickoffs > 1 {
						x = y
					}
				}
				w.Want(x, life.Completed)
				if took := x.KickoffSentAt.Sub(x.RequestedAt); took < c.after-time.Hour || took > c.after+time.Hour {
					t.Errorf("it was asked again after %v, want %v", took, c.after)
				}
			})
		})
	}
}

func TestAKickoffThatIsNeverAnsweredIsLeftToAPerson(t *testing.T) {
	t.Attr("fault", "network: the answer to each kick-off of an export is lost -> three in all, half a day apart at least, then a person decides")
	scenario.Run(t, unanswered("0 2 * * *", "{on: kickoff, do: lost}"), func(w *scenario.World) {
		w.Pass(10 * 24 * time.Hour)
		list := w.Exports(w.Tenant().ID)
		if len(list) != 1 {
			t.Fatalf("%d exports", len(list))
		}
		complains(t, w, list[0], life.Unknown, problem.KickoffUnknown)
		if n := w.Count(sandbox.KindKickoff); n != 3 {
			t.Errorf("%d kick-offs", n)
		}
	})
}

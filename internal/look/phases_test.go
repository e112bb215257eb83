package look

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

func TestSpellsAreTheLifeOfAnExport(t *testing.T) {
	start := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	at := func(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
	resumed := []store.Moved{{To: life.KickingOff, At: at(10)}, {To: life.Polling, At: at(11)}, {To: life.Failed, At: at(20)}, {To: life.Polling, At: at(80)}, {To: life.Downloading, At: at(85)}}
	for name, c := range map[string]struct {
		state, failedIn life.State
		moves           []store.Moved
		seconds         []float64
		done, begun     string // keys
	}{
		"just asked for":       {life.Requested, "", nil, []float64{90 * 60, 0, 0, 0, 0, 0}, "", "queue"},
		"resumed, and at work": {life.Downloading, "", resumed, []float64{600, 60, 14 * 60, 5 * 60, 0, 0, 3600}, "queue kick-off server stopped", "download"},
		"failed":               {life.Failed, life.Polling, resumed[:3], []float64{600, 60, 9 * 60, 0, 0, 0}, "queue kick-off", "server"},
		"waits again": {
			life.Waiting, "",
			[]store.Moved{{To: life.KickingOff, At: at(10)}, {To: life.Waiting, At: at(11)}},
			[]float64{600 + 79*60, 60, 0, 0, 0, 0},
			"kick-off", "queue",
		},
	} {
		x := store.Export{State: c.state, FailedIn: c.failedIn, RequestedAt: start}
		phases := phasesOf(x, SpellsOf(x, c.moves, at(90)))
		var seconds []float64
		var done, begun []string
		for _, p := range phases {
			seconds = append(seconds, p.Seconds)
			switch {
			case p.Done:
				done = append(done, p.Key)
			case p.Begun:
				begun = append(begun, p.Key)
			}
		}
		if diff := cmp.Diff(c.seconds, seconds); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Join(done, " ") != c.done || strings.Join(begun, " ") != c.begun {
			t.Errorf("%s: done %q, begun %q", name, done, begun)
		}
	}
}

package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

func TestAClockThatIsSetBackWhileTheEngineWorksProlongsNoWait(t *testing.T) {
	t.Attr("fault", "machine: the clock is set back by hours while bulkhead works -> waits that are under way last as long as they did; complete")
	s, asked := newScript(1), make(chan struct{}, 1)
	polls := 0
	s.on[export.Poll] = func(context.Context, export.Work) (export.Outcome, error) {
		if polls++; polls == 1 {
			asked <- struct{}{}
			return export.InProgress{PollAt: time.Now().Add(6*time.Hour + time.Second)}, nil // by the clock that was ahead
		}
		return nil, nil
	}
	b := newBench(t, s)
	id := b.request("lakeside", export.Wish{})
	<-asked
	b.until("the wait is recorded", func() bool {
		return b.exec(`UPDATE river_job SET state = state WHERE state = 'scheduled'`) == 1
	})
	if err := engine.FollowClock(b.Engine, t.Context(), time.Now().Add(6*time.Hour)); err != nil {
		t.Fatal(err)
	}
	x := b.wait("lakeside", id, life.Completed)
	if took := x.EndedAt.Sub(x.RequestedAt); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestAClockThatIsKeptRightChangesNothing(t *testing.T) {
	b := newBench(t, newScript(1))
	b.wait("lakeside", b.request("lakeside", export.Wish{}), life.Completed)
	for _, seen := range []time.Duration{-time.Hour, 0, 5 * time.Second} {
		if err := engine.FollowClock(b.Engine, t.Context(), time.Now().Add(seen)); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.exec(`UPDATE event SET at = at WHERE kind = 'clock_set_back'`); n != 0 {
		t.Errorf("%d timelines say that the clock was set back", n)
	}
}

package engine

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

var errOurs = errors.New("a constraint forbids it")

func jamming() *Engine {
	return &Engine{jams: map[int64]jam{}, changed: make(chan struct{})}
}

func (e *Engine) fails(ref store.StepRef, err error) time.Duration {
	pause := e.jammed(ref, err)
	e.setTrouble(err)
	return pause
}

func TestAnOutcomeThatCannotBeRecordedIsTriedAgainWithGrowingPauses(t *testing.T) {
	full := problem.New(problem.StorageFull, "no space is left for the ledger", "Free some.")
	for name, c := range map[string]struct {
		err     error
		longest time.Duration
	}{"a fault of ours": {errOurs, 5 * time.Minute}, "a full disk": {full, time.Minute}} {
		e, last := jamming(), time.Duration(0)
		for range 12 {
			pause := e.fails(store.StepRef{ID: 1, Export: "x"}, c.err)
			if pause > c.longest || pause < min(last, c.longest*3/4) {
				t.Errorf("%s: a pause of %s after one of %s", name, pause, last)
			}
			last = pause
		}
		if last < c.longest*3/4 {
			t.Errorf("%s: after twelve failures it is tried every %s", name, last)
		}
	}
}

func TestOneExportThatCannotBeRecordedIsNoTroubleOfTheLedger(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, lake, hill := jamming(), store.StepRef{ID: 1, Tenant: "lakeside", Export: "x", Kind: "ingest"}, store.StepRef{ID: 2, Tenant: "hillcrest", Export: "y", Kind: "poll"}
		pass := func() { <-time.After(time.Minute) }
		e.fails(lake, errOurs)
		if jams := e.Jams(); len(jams) != 1 || jams[0].Step != "ingest" || e.Unwritable() != nil || e.Hindered("y") != nil || e.Hindered("y", "x") == nil || e.Trouble() == nil {
			t.Errorf("one fails: %+v, %v", jams, e.Unwritable())
		}
		pass()
		e.fails(hill, errOurs)
		if jams := e.Jams(); len(jams) != 0 || e.Unwritable() == nil || e.Hindered("z") == nil {
			t.Errorf("all fail: %+v, %v", jams, e.Unwritable())
		}
		pass()
		e.recorded(hill)
		pass()
		e.fails(lake, errOurs)
		if jams := e.Jams(); len(jams) != 1 || jams[0].Attempts != 2 || time.Since(jams[0].Since) != 3*time.Minute || e.Unwritable() != nil {
			t.Errorf("one fails though others are recorded: %+v, %v", jams, e.Unwritable())
		}
		e.recorded(lake)
		if e.Trouble() != nil || len(e.Jams()) != 0 {
			t.Errorf("all is recorded: %v", e.Trouble())
		}
	})
}

func TestAFullLedgerIsNoFaultOfTheExportsThatItStops(t *testing.T) {
	t.Parallel()
	e := jamming()
	e.fails(store.StepRef{ID: 1, Export: "x"}, problem.New(problem.StorageFull, "no space is left for the ledger", "Free some."))
	if e.Unwritable() == nil || len(e.Jams()) != 0 {
		t.Errorf("%v, %+v", e.Unwritable(), e.Jams())
	}
}

package life

import "testing"

func TestEveryStateIsReachedAndEveryLifeCanEnd(t *testing.T) {
	reached := map[State]bool{Requested: true}
	for changed := true; changed; {
		changed = false
		for from := range reached {
			for _, to := range next[from] {
				if !reached[to] {
					reached[to], changed = true, true
				}
			}
		}
	}
	for _, s := range States {
		if !reached[s] {
			t.Errorf("state %s cannot be reached", s)
		}
		if !s.Over() && len(next[s]) == 0 {
			t.Errorf("state %s is not over, yet nothing can happen in it", s)
		}
	}
	if len(next) != len(States) {
		t.Errorf("table has %d states, States lists %d", len(next), len(States))
	}
}

func TestResumeLeadsBackToWhereAnExportFailed(t *testing.T) {
	for _, s := range []State{KickingOff, Polling, Downloading, Ingesting, Publishing} {
		if to, err := Next(Waiting, Resume(s)); err != nil || to != s {
			t.Errorf("resume of an export that failed in %s leads to %s, %v", s, to, err)
		}
	}
	if to, _ := Next(Waiting, Resume(Requested)); to != KickingOff {
		t.Errorf("resume of an export that failed before its kick-off leads to %s", to)
	}
	for _, s := range []State{Failed, Unknown} {
		if to, err := Next(s, Queue); err != nil || to != Waiting {
			t.Errorf("an export that is %s is resumed into %s, %v: it must wait for its slots", s, to, err)
		}
	}
}

func TestWhatCannotHappenIsAnError(t *testing.T) {
	if to, err := Next(Completed, Cancel); err == nil {
		t.Errorf("a completed export was cancelled into %s", to)
	}
	if to, err := Next(Publishing, Cancel); err == nil {
		t.Errorf("an export was cancelled into %s while its sinks were taking it", to)
	}
}

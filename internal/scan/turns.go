package scan

import (
	"errors"
	"sync"
)

// errEnded means that the run has ended for a reason that is told elsewhere.
var errEnded = errors.New("the run has ended")

// turns lets what belongs to blocks happen in the order of the blocks.
type turns struct {
	mu     sync.Mutex
	moved  sync.Cond
	next   int64          // the place whose turn it is
	passed map[int64]bool // later places that want no turn
	ended  bool
}

func newTurns() *turns {
	t := &turns{passed: map[int64]bool{}}
	t.moved.L = &t.mu
	return t
}

// take waits for the turn of a place, calls f, and gives the turn on.
func (t *turns) take(place int64, f func() error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.next < place && !t.ended {
		t.moved.Wait()
	}
	if t.ended || t.next > place {
		return errEnded
	}
	if err := f(); err != nil {
		t.ended = true
		t.moved.Broadcast()
		return err
	}
	t.forward()
	return nil
}

// pass gives the turn of a place away, unless it was taken. It never waits.
func (t *turns) pass(place int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case place > t.next:
		t.passed[place] = true
	case place == t.next:
		t.forward()
	}
}

// forward gives the turn to the next place that wants it.
func (t *turns) forward() {
	for t.next++; t.passed[t.next]; t.next++ {
		delete(t.passed, t.next)
	}
	t.moved.Broadcast()
}

// end wakes all who wait.
func (t *turns) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	t.moved.Broadcast()
}

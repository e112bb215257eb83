package sandbox

import (
	"sync"
	"time"
)

// turns counts the polls of one export and whether they came when they were
// told to.
type turns struct {
	mu    sync.Mutex
	polls int
	early int       // came before told
	last  time.Time // when the latest came
	told  time.Time // no poll before this; zero means nothing was told
}

// polled notes a poll. It returns how many there were, with this one, and how
// long ago the one before was.
func (e *export) polled(now time.Time) (n int, since time.Duration) {
	t := &e.turns
	t.mu.Lock()
	defer t.mu.Unlock()
	t.polls++
	if now.Before(t.told) {
		t.early++
	}
	since = now.Sub(t.last)
	t.last, t.told = now, time.Time{}
	return t.polls, since
}

// tell notes that the client was told not to poll before at.
func (e *export) tell(at time.Time) {
	e.turns.mu.Lock()
	defer e.turns.mu.Unlock()
	e.turns.told = at
}

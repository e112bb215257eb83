package merge

import "context"

// A Gate bounds how many engines run at once in a process, so that several
// sinks together keep within the memory of a few. One Gate is made where the
// sinks are made and given to each of them. A nil Gate lets all through.
type Gate chan struct{}

// NewGate lets n engines run at once.
func NewGate(n int) Gate { return make(Gate, n) }

// enter waits for a place.
func (g Gate) enter(ctx context.Context) error {
	if g == nil {
		return ctx.Err()
	}
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave gives the place back.
func (g Gate) leave() {
	if g != nil {
		<-g
	}
}

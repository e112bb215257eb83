package engine

import (
	"context"
	"time"
)

// adjusted is how far a clock may be set back before the ledger follows: less
// costs a wait of as much, and clocks that are kept right step by less.
const adjusted = 10 * time.Second

// followClock notices that the clock was set back: while nobody ran, by what
// the ledger says has happened; from then on by what the tick saw last. Waits
// are then as long as they were, and schedules due when they next are.
//
// A clock that is set forward needs nothing: what it passes is due, as after a
// pause of the service, and slots and windows bound what begins at once.
func (e *Engine) followClock(ctx context.Context, seen time.Time) error {
	now := time.Now().Round(0) // by the wall: the monotonic clock knows no such thing
	by := seen.Sub(now)
	if by < adjusted {
		return nil
	}
	e.log.Warn("the clock was set back; waits are as long as they were", "by", by.Round(time.Second))
	if err := e.store.SetBack(ctx, by); err != nil {
		return err
	}
	return e.putSchedules(ctx)
}

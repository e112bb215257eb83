package merge

import (
	"context"
	"errors"
	"time"
)

// ErrLocked means that another process, or another user in this one, holds
// the tables.
var ErrLocked = errors.New("the tables are in use by another process")

// Wait calls try until it returns something else than ErrLocked, for as long
// as limit says, and returns what it returned last.
func Wait(ctx context.Context, limit time.Duration, try func() error) error {
	deadline := time.Now().Add(limit)
	for pause := time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		err := try()
		if !errors.Is(err, ErrLocked) || time.Now().Add(pause).After(deadline) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

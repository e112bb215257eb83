//go:build cgo

package duckdbsink

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/sink/merge"
)

// keepOpen is how long publications that wait for each other share one opening
// of the file: after it other sinks and other programs have their turn.
const keepOpen = 5 * time.Second

// A turn is the order in which publications of this process use the file: as
// they came, whoever they are. The one whose turn it is also has what the one
// before left open for it. The zero turn is free. It may be used concurrently.
type turn struct {
	mu      sync.Mutex
	taken   bool
	waiting []chan struct{}

	opened *opened // only who has the turn looks at it
}

// An opened is the file while it is attached: the engine, and the lock that
// keeps other processes away.
type opened struct {
	*merge.Engine
	lock *merge.Lock
	at   time.Time
}

// take waits for the turn, for as long as ctx lasts.
func (t *turn) take(ctx context.Context) error {
	t.mu.Lock()
	if !t.taken {
		t.taken = true
		t.mu.Unlock()
		return nil
	}
	mine := make(chan struct{})
	t.waiting = append(t.waiting, mine)
	t.mu.Unlock()
	select {
	case <-mine:
		return nil
	case <-ctx.Done():
	}
	if t.forget(mine) {
		return context.Cause(ctx)
	}
	return nil // it came first: who asks notices by ctx, and passes it on
}

// forget takes one who waited out of the order; false when its turn has come.
func (t *turn) forget(who chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.Index(t.waiting, who)
	if i < 0 {
		return false
	}
	t.waiting = slices.Delete(t.waiting, i, i+1)
	return true
}

// pass gives the turn to the next, or frees it. What is open stays so for the
// next and lets other sinks work meanwhile; when nobody waits, or shut is true,
// it is closed.
func (t *turn) pass(ctx context.Context, shut bool) (err error) {
	if t.opened != nil && !shut && t.wanted() {
		shut = t.opened.Park(context.WithoutCancel(ctx)) != nil
	}
	if shut {
		err = t.shut(ctx)
	}
	for !t.hand() {
		err = errors.Join(err, t.shut(ctx))
	}
	return err
}

// wanted reports whether somebody waits for the turn.
func (t *turn) wanted() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting) > 0
}

// hand reports false when nobody waits and the file is still open.
func (t *turn) hand() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case len(t.waiting) > 0:
		close(t.waiting[0])
		t.waiting = slices.Delete(t.waiting, 0, 1)
	case t.opened != nil:
		return false
	default:
		t.taken = false
	}
	return true
}

// shut detaches the file, which moves what was committed from the write-ahead
// log into it, and lets go of it.
func (t *turn) shut(ctx context.Context) (err error) {
	o := t.opened
	if o == nil {
		return nil
	}
	t.opened = nil
	if o.Parked() {
		err = o.Resume(context.WithoutCancel(ctx))
	}
	if err == nil {
		err = o.Exec(context.WithoutCancel(ctx), "DETACH "+database)
	}
	return errors.Join(err, o.Close(), o.lock.Release())
}

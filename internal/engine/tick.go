package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	tickEvery = time.Second
	beatEvery = 10 * time.Second
	leaseDies = time.Minute // a step whose lease is this old is taken up again
)

// tick looks once a second for schedules that are due and waits that are over.
// It reads; it writes only when something is due. What it looks at is in the
// ledger, so nothing is missed while bulkhead is down.
func (e *Engine) tick(ctx context.Context) {
	second := time.NewTicker(tickEvery)
	defer second.Stop()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	seen := time.Now().Round(0)
	var looked time.Time // at waits
	var follow time.Time // not before: a storage that cannot be written is complained of once a minute
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
			e.complain("renew leases", e.beat(ctx))
		case <-second.C:
			err := e.followClock(ctx, seen)
			e.complain("follow the clock", err)
			if err == nil {
				seen = time.Now().Round(0)
			}
			e.complain("look at schedules", e.startDue(ctx))
			e.complain("hurry steps", e.hurry(ctx))
			e.complain("look at waits", e.wake(ctx, &looked))
			if now := time.Now(); !now.Before(follow) {
				err := e.catchUp(ctx)
				e.complain("follow settled exports", err)
				if err != nil {
					follow = now.Add(time.Minute)
				}
			}
		}
	}
}

// complain logs what the tick could not do; that it was told to end is no
// trouble.
func (e *Engine) complain(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		e.log.Error("tick", "doing", what, "error", err)
	}
}

// beat renews the leases of the steps that run here, or are to be recorded
// again, ends those that are no longer ours, because another process cancelled
// their export, and takes up those whose runner is gone.
func (e *Engine) beat(ctx context.Context) error {
	ours := map[int64]int64{}
	e.mu.Lock()
	for id, r := range e.running {
		if r.epoch > 0 {
			ours[id] = r.epoch
		}
	}
	e.mu.Unlock()
	held, err := e.store.Beat(ctx, append(slices.Collect(maps.Keys(ours)), e.paused(time.Now())...))
	if err != nil {
		return err
	}
	e.mu.Lock()
	for id, epoch := range ours {
		if r, ok := e.running[id]; ok && r.epoch == epoch && held[id] != epoch {
			r.cancel(store.ErrFenced)
		}
	}
	e.mu.Unlock()
	return e.store.TakeUp(ctx, time.Now().Add(-leaseDies))
}

// wake admits exports when one that waited for a time has become due, when what
// held one back is over, and every ten seconds while there are any that could
// be admitted: another process may have changed something.
func (e *Engine) wake(ctx context.Context, looked *time.Time) error {
	now := time.Now()
	due, err := e.store.NextWaiting(ctx, looked.Add(-time.Millisecond))
	if err != nil {
		return err
	}
	if over := e.heldUntil.Load(); (due.IsZero() || due.After(now)) && (over == 0 || now.UnixMilli() < over) {
		if now.Sub(*looked) < beatEvery {
			return nil
		}
		n, err := e.store.Candidates(ctx)
		if err != nil || n == 0 {
			*looked = now
			return err
		}
	}
	if err := e.admit(ctx); err != nil {
		return err
	}
	*looked = now
	return nil
}

package engine

import (
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// parked reports whether an export is under way without a slot of this
// machine.
func parked(c store.Candidate) bool { return c.State.Busy() && !c.Parked.IsZero() }

// park takes its slot from an export that has one and cannot use it: none of
// its steps is in hand, and whatever comes next is held back.
func (e *Engine) park(a *store.Admission, g schedule.Ground, c store.Candidate, now time.Time) store.Candidate {
	if !c.State.Busy() || parked(c) || !mayBeHeld(g, c, now) {
		return c
	}
	left := false
	err := a.Do(c.Tenant, func(tx *store.Tx) error {
		idle, err := idle(tx, g, c, now)
		if err != nil || !idle {
			return err
		}
		left = true
		return tx.Park(c.Export)
	})
	switch {
	case err != nil:
		e.passOver(c, err)
	case left:
		c.Parked, c.Since = now, now
	}
	return c
}

// mayBeHeld reports whether anything of a practice is held back.
func mayBeHeld(g schedule.Ground, c store.Candidate, now time.Time) bool {
	t, err := g.Config.Tenant(c.Tenant)
	if err != nil {
		return true // frozen
	}
	_, held := g.Holds(t, schedule.Start, now)
	return held
}

// idle reports whether all open steps of an export are held back.
func idle(tx *store.Tx, g schedule.Ground, c store.Candidate, now time.Time) (bool, error) {
	x, err := tx.Export(c.Export)
	if err != nil {
		return false, err
	}
	kinds, err := tx.OpenKinds(c.Export)
	if err != nil || len(kinds) == 0 {
		return false, err
	}
	t, frozen := g.Config.Tenant(c.Tenant)
	for kind, running := range kinds {
		if running {
			return false, nil
		}
		if frozen != nil {
			continue
		}
		if _, held := g.Holds(t, actOf(kind, &x), now); !held {
			return false, nil
		}
	}
	return true, nil
}

// needsSlot reports whether a step waits until its export has a slot again. One
// that only tells that an answer never came does not.
func needsSlot(x *store.Export, kind string) bool {
	told := kind == export.Kickoff && actOf(kind, x) == schedule.Work
	return x.State.Busy() && !x.ParkedAt.IsZero() && !told
}

// admitted asks for a slot for a step's export that has left its own, in the
// turn of all that wait. Where there is none, the step is put off until
// admission lets it go.
func (e *Engine) admitted(ctx context.Context, l store.Lease) (ok bool, err error) {
	err = e.store.In(l.Tenant).Do(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := tx.Admitting(e.store, e.fill); err != nil {
			return err
		}
		still, err := tx.Parked(l.Export)
		if ok = err == nil && !still; ok || err != nil {
			return err
		}
		return tx.PutOff(l, tx.Now().Add(lookedAgain), store.HeldBySlot)
	})
	return ok, err
}

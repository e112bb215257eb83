package engine

import (
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Pause holds back what p names, a practice, a registration or all, in the
// place of a pause of the same: nothing of it starts, and no further step of
// what runs is given out. A step that runs comes to its end and is recorded;
// what it was to be followed by waits, with the deadlines that the server gave.
// Of p, Scope, Object, Reason and Until count; who does it is who ctx says. What
// is wrong with p is the problem Usage, or TenantUnknown.
func (e *Engine) Pause(ctx context.Context, p store.Pause) (store.Pause, error) {
	if err := schedule.Pausable(e.config(), p, time.Now()); err != nil {
		return p, err
	}
	p, err := e.store.Pause(ctx, p)
	if err == nil {
		e.announce()
	}
	return p, err
}

// Unpause ends the pause of exactly that scope and object; ok is false when
// there was none. What it held goes on, unless something else holds it too.
func (e *Engine) Unpause(ctx context.Context, scope, object, reason string) (ok bool, err error) {
	if ok, err = e.store.Unpause(ctx, scope, object, reason); err != nil || !ok {
		return ok, err
	}
	e.letGo.Store(time.Now().UnixMilli())
	return true, e.admit(ctx)
}

// hurrying is how long after the end of a pause the executor may still note
// that a step is for later which was being put off at that moment.
const hurrying = 5 * time.Second

// hurry has the executor forget such notes.
func (e *Engine) hurry(ctx context.Context) error {
	if time.Since(time.UnixMilli(e.letGo.Load())) > hurrying {
		return nil
	}
	return e.store.Hurry(ctx)
}

// Holds gives what holds the next kick-off of a practice back at this moment;
// ok is false when nothing does.
func (e *Engine) Holds(ctx context.Context, tenant string) (h schedule.Hold, ok bool, err error) {
	t, err := e.config().Tenant(tenant)
	if err != nil {
		return h, false, err
	}
	g, err := e.ground(ctx)
	if err != nil {
		return h, false, err
	}
	h, ok = g.Holds(t, schedule.Start, time.Now())
	return h, ok, nil
}

// ground is what decides at this moment whether something may be done.
func (e *Engine) ground(ctx context.Context) (schedule.Ground, error) {
	pauses, err := e.store.Pauses(ctx)
	if err != nil {
		return schedule.Ground{}, err
	}
	circuits, err := e.store.OpenCircuits(ctx)
	return schedule.NewGround(e.config(), pauses, circuits), err
}

// groundIn is ground within a transaction: no pause begins or ends before it is
// over.
func groundIn(cfg *config.Config, tx interface {
	Pauses() ([]store.Pause, error)
	OpenCircuits() ([]store.Circuit, error)
},
) (schedule.Ground, error) {
	pauses, err := tx.Pauses()
	if err != nil {
		return schedule.Ground{}, err
	}
	circuits, err := tx.OpenCircuits()
	return schedule.NewGround(cfg, pauses, circuits), err
}

// actOf says what a step does. A kick-off whose request has left asks nothing
// more: it tells that the answer never came.
func actOf(kind string, x *store.Export) schedule.Act {
	switch kind {
	case export.Kickoff:
		if !x.KickoffSentAt.IsZero() {
			return schedule.Work
		}
		return schedule.Start
	case export.Poll, export.Download, export.Attach:
		return schedule.Ask
	case export.Release:
		if x.Purpose != store.Replay {
			return schedule.Ask
		}
	}
	return schedule.Work
}

// held reports whether a step was put off for what may have ended since, not
// by a time that it must keep.
func held(l store.Lease) bool { return l.Held != "" && l.Held != store.HeldByServer }

// lookedAgain is how long a step waits at most that a pause without an end
// holds, and that nobody let go.
const lookedAgain = time.Hour

// holdBack gives a step back that may not run now; back is false when it may.
// again is how long until it is looked at again.
func (e *Engine) holdBack(ctx context.Context, l store.Lease, x *store.Export) (back bool, again time.Duration, err error) {
	t, err := e.config().Tenant(l.Tenant)
	if err != nil {
		return false, 0, nil //nolint:nilerr // the step itself waits for the practice to be back
	}
	act := actOf(l.Kind, x)
	g, err := e.ground(ctx)
	if err != nil {
		return false, 0, err
	}
	if _, back = g.Holds(t, act, time.Now()); !back {
		if !needsSlot(x, l.Kind) {
			return false, 0, nil
		}
		ok, err := e.admitted(ctx, l)
		return !ok, lookedAgain, err
	}
	err = e.store.In(l.Tenant).Do(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		g, err := groundIn(g.Config, tx)
		if err != nil {
			return err
		}
		due, cause := tx.Now(), ""
		if h, still := g.Holds(t, act, tx.Now()); still {
			due, cause = h.Until, h.Cause
			if due.IsZero() {
				due = tx.Now().Add(lookedAgain)
			}
		}
		again = max(due.Sub(tx.Now()), time.Millisecond)
		return tx.PutOff(l, due, cause)
	})
	return true, again, err
}

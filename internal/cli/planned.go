package cli

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/app"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A nextStart is when a practice's schedule starts its next export.
type nextStart struct {
	At       *time.Time `json:"at,omitempty"` // none without a schedule
	Schedule string     `json:"schedule,omitempty"`
	Why      []string   `json:"why,omitempty"` // what makes it another time than the schedule says

	Held      string     `json:"held,omitempty"` // what holds a kick-off back at this moment
	HeldUntil *time.Time `json:"held_until,omitempty"`
	HeldFor   string     `json:"held_for,omitempty"`
}

// nextOf says when the practice's schedule starts its next export, and what
// would hold one back that was asked for now.
func nextOf(ctx context.Context, cfg *config.Config, t *config.Tenant) (n nextStart, err error) {
	facts, ground, err := groundOf(ctx, cfg, t)
	if err != nil {
		return n, err
	}
	now := time.Now()
	if h, held := ground.Holds(t, schedule.Start, now); held {
		n.Held, n.HeldUntil, n.HeldFor = h.Cause, maybe(h.Until), h.Says
	}
	if t.Schedule == "" {
		return n, nil
	}
	n.Schedule = t.Schedule + " " + t.TimeZone
	due, err := facts.NextStart(now)
	if err != nil {
		return n, err
	}
	n.At, n.Why = &due.At, due.Why
	return n, nil
}

// groundOf reads what decides from the ledger, if there is one.
func groundOf(ctx context.Context, cfg *config.Config, t *config.Tenant) (f schedule.Facts, g schedule.Ground, err error) {
	f, g = schedule.Facts{Config: cfg, Tenant: t}, schedule.NewGround(cfg, nil, nil)
	ledger, err := store.Look(ctx, app.Ledger(cfg))
	if errors.Is(err, store.ErrNoLedger) {
		return f, g, nil
	}
	if err != nil {
		return f, g, err
	}
	defer ledger.Close() //nolint:errcheck // it was only read
	in := ledger.In(t.ID)
	pauses, err := ledger.Pauses(ctx)
	circuits, err2 := ledger.OpenCircuits(ctx)
	row, _, err3 := in.Schedule(ctx)
	latest, err4 := in.Exports(ctx, schedule.Looks)
	changed, err5 := in.ConfiguredAt(ctx)
	f.Row, f.Back = row, schedule.BackoffOf(latest, changed)
	return f, schedule.NewGround(cfg, pauses, circuits), errors.Join(err, err2, err3, err4, err5)
}

// printNext prints the next start as lines of a plan.
func (g *Globals) printNext(t *config.Tenant, n nextStart) {
	switch {
	case n.At == nil:
		g.printf("next       only when asked for: the practice has no schedule\n")
	case !n.At.After(time.Now()):
		g.printf("next       as soon as it may: it was due at %s\n", n.At.In(t.Location()).Format("2006-01-02 15:04 MST"))
	default:
		g.printf("next       %s, by the schedule %s\n", n.At.In(t.Location()).Format("2006-01-02 15:04 MST"), n.Schedule)
	}
	for _, why := range n.Why {
		g.printf("           %s\n", why)
	}
	if n.Held == "" {
		return
	}
	until := "somebody ends that"
	if n.HeldUntil != nil {
		until = n.HeldUntil.In(t.Location()).Format("2006-01-02 15:04 MST")
	}
	g.printf("held       %s; nothing starts before %s\n", n.HeldFor, until)
}

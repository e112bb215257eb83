package look

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/access"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/fhir"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// How a practice stands, in one or two words, the worst first.
const (
	trouble = "needs somebody" // it does not go on by itself
	late    = "late"           // its schedule has passed and nothing has begun
	waiting = "waits"          // the server asked to come later
	running = "runs"
	paused  = "paused" // a person holds it back
	never   = "never exported"
	fresh   = "fresh"
	stopped = "stopped" // a person cancelled its latest export, or suspended or terminated its agreement
	frozen  = "frozen"  // no longer configured
)

var marks = []string{trouble, late, waiting, running, paused, never, stopped, fresh, frozen}

// lateAfter is how long after its time a schedule may begin.
const lateAfter = 15 * time.Minute

// markOf says how a practice stands.
func markOf(s store.Standing, now time.Time) string {
	switch {
	case s.Frozen:
		return frozen
	case s.State == life.Failed, s.State == life.Unknown, s.State == life.Gone, s.State == life.Denied:
		return trouble
	case s.State == life.Waiting:
		return waiting
	case s.Export != "" && !s.State.Settled():
		return running
	case !s.NextAt.IsZero() && now.Sub(s.NextAt) > lateAfter:
		return late
	case s.State == life.Cancelled:
		return stopped
	case s.Completed == "":
		return never
	}
	return fresh
}

// A Row is one practice as it stands.
type Row struct {
	store.Standing
	Mark  string       // one of Marks
	AsOf  time.Time    // what is here is as of then; zero when nothing is, or the server gave no time
	Alert *store.Alert // the worst that is open and that nobody has taken on; nil: there is none
	Held  string       // who paused it, and why; empty when nobody has
}

func rowOf(s store.Standing, now time.Time) Row {
	r := Row{Standing: s, Mark: markOf(s, now)}
	if t, err := fhir.ParseInstant(s.TransactionTime); err == nil {
		r.AsOf = t
	}
	return r
}

// RowOf gives how a practice stands, by what holds exports back.
func RowOf(s store.Standing, ground schedule.Ground, now time.Time) Row {
	return held(meant(rowOf(s, now), ground), ground, now)
}

// meant marks a practice as stopped whose export was denied because a person has
// suspended or terminated its agreement: nobody needs to be told.
func meant(r Row, ground schedule.Ground) Row {
	if r.Mark != trouble || r.State != life.Denied {
		return r
	}
	t, err := ground.Config.Tenant(r.Tenant)
	if err == nil && t.Agreement != nil && (t.Agreement.Status == config.AgreementSuspended || t.Agreement.Status == config.AgreementTerminated) {
		r.Mark = stopped
	}
	return r
}

// held marks a practice as paused that would run, wait or be fresh without a
// person's pause.
func held(r Row, ground schedule.Ground, now time.Time) Row {
	if len(ground.Pauses) == 0 || r.Mark == frozen || r.Mark == trouble {
		return r
	}
	t, err := ground.Config.Tenant(r.Tenant)
	if err != nil {
		return r
	}
	for _, p := range ground.Pauses {
		if !p.Over(now) && schedule.Pauses(p, t) {
			r.Mark, r.Held = paused, "paused by "+p.By+": "+p.Reason
		}
	}
	return r
}

// Class is the mark as a name that a style sheet can use.
func (r Row) Class() string { return strings.ReplaceAll(r.Mark, " ", "-") }

// Practice gives how one practice stands; access.ErrNotFound for one that the
// ledger has never seen.
func (rd *Reader) Practice(ctx context.Context, tenant string) (Row, error) {
	standing, known, err := rd.Store.Standing(ctx, tenant)
	if err != nil || !known {
		return Row{}, cmp.Or(err, access.ErrNotFound)
	}
	ground, err := rd.Ground(ctx)
	if err != nil {
		return Row{}, err
	}
	return RowOf(standing, ground, time.Now()), nil
}

// Practices gives the practices that who asks may see, the worst first, then by
// id.
func (rd *Reader) Practices(ctx context.Context) ([]Row, error) {
	all, err := rd.Store.Standings(ctx)
	if err != nil {
		return nil, err
	}
	ground, err := rd.Ground(ctx)
	if err != nil {
		return nil, err
	}
	actor, now := access.ActorOf(ctx), time.Now()
	var rows []Row
	for _, standing := range all {
		if actor.May(access.See, standing.Tenant) {
			rows = append(rows, RowOf(standing, ground, now))
		}
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		return cmp.Compare(slices.Index(marks, a.Mark), slices.Index(marks, b.Mark))
	})
	return rows, nil
}

package engine

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

const (
	// resting is how long a schedule leaves a kick-off alone whose answer was
	// lost: an export that it may have begun has ended by then, or the server
	// says that it is busy. It is less than half a day by what a kick-off takes.
	resting = 12*time.Hour - 15*time.Minute

	// asked is how many kick-offs of one export a schedule lets be lost; then the
	// fault does not pass by itself, and each may have begun an export at the
	// server.
	asked = 3
)

// unanswered gives the export among a practice's latest whose kick-off went
// unanswered and that a schedule which is due asks for once more. One that is too
// young, or was lost too often, waits for a person and stands in the schedule's
// way.
func unanswered(latest []store.Export, now time.Time) (store.Export, bool) {
	for _, x := range latest {
		if x.State == life.Unknown && x.Kickoffs < asked && now.Sub(x.KickoffSentAt) >= resting {
			return x, true
		}
	}
	return store.Export{}, false
}

// askAgain takes up an export whose kick-off went unanswered: nobody need come to
// a practice whose gateway had a bad night. One that cannot be taken up is left
// to a person.
func (e *Engine) askAgain(ctx context.Context, x store.Export) error {
	e.log.Info("a kick-off that went unanswered is sent once more", "tenant", x.Tenant, "export", x.ID, "kickoffs", x.Kickoffs)
	err := e.Resume(ctx, x.Tenant, x.ID)
	if p, refused := errors.AsType[*problem.Problem](err); refused && p.Code == problem.Usage {
		e.log.Warn("an unanswered kick-off is left to a person", "tenant", x.Tenant, "export", x.ID, "reason", err)
		return nil
	}
	return err
}

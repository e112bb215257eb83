package engine

import (
	"context"
	"errors"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/schedule"
)

const (
	// unanswered is how long a schedule leaves a kick-off alone whose answer was
	// lost: an export that it may have begun has ended by then, or the server
	// says that it is busy. It is less than half a day by what a kick-off takes.
	unanswered = 12*time.Hour - 15*time.Minute

	// asked is how many kick-offs of one export a schedule lets be lost; then the
	// fault does not pass by itself, and each may have begun an export at the
	// server.
	asked = 3
)

// askAgain takes up a practice's export whose kick-off went unanswered, when its
// schedule is due: nobody need come to a practice whose gateway had a bad night.
// It reports whether there is such an export; one that is too young, or was lost
// too often, waits for a person and stands in the schedule's way.
func (e *Engine) askAgain(ctx context.Context, tenant string) (bool, error) {
	latest, err := e.store.In(tenant).Exports(ctx, schedule.Looks)
	if err != nil {
		return false, err
	}
	for _, x := range latest {
		if x.State != life.Unknown || x.Kickoffs >= asked || time.Since(x.KickoffSentAt) < unanswered {
			continue
		}
		e.log.Info("a kick-off that went unanswered is sent once more", "tenant", tenant, "export", x.ID, "kickoffs", x.Kickoffs)
		err := e.Resume(ctx, tenant, x.ID)
		if p, refused := errors.AsType[*problem.Problem](err); refused && p.Code == problem.Usage {
			e.log.Warn("an unanswered kick-off is left to a person", "tenant", tenant, "export", x.ID, "reason", err)
			err = nil
		}
		return true, err
	}
	return false, nil
}

package export

import (
	"context"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// release tells the server that it may forget an export that is complete, or
// that a person cancelled. It is never sent for any other: a failed export
// that can be resumed must stay (I8).
func (s *Steps) release(ctx context.Context, t *config.Tenant, w Work) (Outcome, error) {
	if w.Export.State != life.Completed && w.Export.State != life.Cancelled { // I8
		return Released{}, nil
	}
	if w.Export.Purpose == store.Replay { // no server knows it
		return s.forget(ctx, t, w)
	}
	if v := Decide(s.Config, t, agreement.AtRelease, store.Intent{}, time.Now()); !v.Permit { // I1
		return nil, v.Problem
	}
	client, err := s.Connect(t, w.Export.Types)
	if err != nil {
		return nil, err
	}
	if err := client.Cancel(ctx, w.Export.StatusURL); err != nil {
		return nil, releaseFailed(t, w, err)
	}
	return Released{}, nil
}

// worthTelling is how long after its end a server is told of an export that it
// may forget it. By then it has by itself, or never will.
const worthTelling = 7 * 24 * time.Hour

func releaseFailed(t *config.Tenant, w Work, err error) error {
	if err = explain(t, w, err); !isLater(err) || time.Since(w.Export.EndedAt) <= worthTelling {
		return err
	}
	return problem.New(problem.ServerFailing, "the server has put off for over "+days(worthTelling)+" to be told that it may forget the export",
		"Nothing is to be done: it forgets the export when it pleases.").For(t.ID)
}

package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/audit"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Request writes the intent of an export and returns its id; admission starts
// it when slots are free. What the agreement forbids is recorded as denied and
// returned as that problem, with the id.
func (e *Engine) Request(ctx context.Context, tenant string, w export.Wish) (string, error) {
	cfg := e.config()
	t, err := cfg.Tenant(tenant)
	if err != nil {
		return "", err
	}
	order := export.Order{Config: cfg, Tenant: t, Wish: w}
	i, err := order.Next(ctx, e.store.In(tenant))
	if err != nil {
		return "", err
	}
	if i.Mode == export.Incremental && w.Since == "" && export.Watched(cfg, t, i) {
		known, err := e.store.In(tenant).Members(ctx, i.Stream)
		if err != nil {
			return "", err
		}
		if known > 0 {
			i = export.RosterOf(i)
		}
	}
	verdict := export.Decide(cfg, t, agreement.AtKickoff, i, time.Now()) // I1
	var id string
	err = e.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		open, err := tx.Open(i.Endpoint)
		if err != nil {
			return err
		}
		if open > 0 {
			return problem.New(problem.Usage, "an export of this practice has not ended yet",
				"Watch it with bulkhead status "+tenant+"; it goes on whenever bulkhead runs.").For(tenant)
		}
		if id, err = tx.Request(i); err != nil {
			return err
		}
		if w.Answers != nil {
			if err := w.Answers(tx, id); err != nil {
				return err
			}
		}
		if err := auditRequest(tx, id, i, verdict); err != nil || verdict.Permit {
			return err
		}
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		return e.fail(tx, &x, verdict.Problem)
	})
	if err != nil {
		return "", err
	}
	if !verdict.Permit {
		return id, verdict.Problem
	}
	return id, e.admit(ctx)
}

// Resume takes up an export that failed, or whose kick-off went unanswered: it
// waits for its slots, as one that is new does, and goes on in the state in
// which it stopped. What is in raw, staged and in sinks is kept.
func (e *Engine) Resume(ctx context.Context, tenant, id string) error {
	err := e.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		if x.State != life.Failed && x.State != life.Unknown {
			return problem.New(problem.Usage, fmt.Sprintf("export %s is %s; only failed exports, and those of unknown kick-off, can be resumed", id, x.State),
				"Start a new one with bulkhead export "+tenant+".").For(tenant)
		}
		open, err := tx.Open(x.Endpoint)
		if err != nil {
			return err
		}
		if open > 1 || open == 1 && x.State != life.Unknown { // which is open itself
			return problem.New(problem.Usage, "another export of this practice has not ended yet",
				"Watch it with bulkhead status "+tenant+"; what this one was to bring is in it, or in the next.").For(tenant)
		}
		if err := overtaken(tx, &x); err != nil {
			return err
		}
		if err := destroyed(tx, &x); err != nil {
			return err
		}
		return e.resume(tx, &x)
	})
	if err != nil {
		return err
	}
	return e.admit(ctx)
}

// destroyed is the problem Usage for an export of which something was taken away
// since it stopped, because others have made it needless.
func destroyed(tx *store.Tx, x *store.Export) error {
	gone, err := tx.Disposed(x.ID)
	if err != nil || len(gone) == 0 {
		return err
	}
	return problem.New(problem.Usage, "what export "+x.ID+" had brought was destroyed when its time was over",
		"Start a new one with bulkhead export "+x.Tenant+"; a later export has completed in its place.").For(x.Tenant)
}

func (e *Engine) resume(tx *store.Tx, x *store.Export) error {
	in := x.FailedIn
	if x.State == life.Unknown {
		in = life.KickingOff
	}
	if err := tx.Audit(audit.Event{Action: audit.ExportResumed, Export: x.ID, Facts: map[string]any{"from": string(x.FailedIn)}}); err != nil {
		return err
	}
	if life.Resume(in) == life.Restart {
		in = life.KickingOff
		if err := tx.ClearKickoffIntent(x); err != nil {
			return err
		}
	}
	if err := tx.Queued(x, in); err != nil {
		return err
	}
	return tx.Move(x, life.Queue)
}

// Cancel stops an export that has not ended. What it brought stays in raw.
func (e *Engine) Cancel(ctx context.Context, tenant, id, by string) error {
	err := e.store.In(tenant).Do(ctx, func(tx *store.Tx) error {
		x, err := tx.Export(id)
		if err != nil {
			return err
		}
		if err := tx.Note(id, by, "cancel", ""); err != nil {
			return err
		}
		if _, err := life.Next(x.State, life.Cancel); err != nil {
			return problem.New(problem.Usage, fmt.Sprintf("export %s is %s and cannot be cancelled", id, x.State),
				"Look at it with bulkhead status "+tenant+".").For(tenant)
		}
		if x.State == life.KickingOff && !x.KickoffSentAt.IsZero() {
			return problem.New(problem.Usage, "the request for export "+id+" is on its way to the server at this moment",
				"Cancel again when the server has answered: until then nobody has the address under which the export could be stopped there.").For(tenant)
		}
		in := x.State
		if err := tx.Move(&x, life.Cancel); err != nil {
			return err
		}
		if err := tx.Audit(audit.Event{Action: audit.ExportCancelled, Export: id, Facts: map[string]any{"in": string(in)}}); err != nil {
			return err
		}
		if x.StatusURL == "" && x.Purpose != store.Replay {
			return nil
		}
		return tx.AddStep(id, export.Release, "", tx.Now())
	})
	if err != nil {
		return err
	}
	e.cancelSteps(id, store.ErrFenced)
	return e.admit(ctx)
}

// Wait returns the export, or the last one of the chain that it begins, when
// it has ended, or is in the hands of a person; or why nothing can be recorded
// any more.
func (e *Engine) Wait(ctx context.Context, tenant, id string) (store.Export, error) {
	for {
		changed := e.Changed()
		x, err := e.store.In(tenant).Export(ctx, id)
		if err != nil {
			return x, err
		}
		if id, err = e.store.In(tenant).Following(ctx, x); err != nil || id == x.ID && x.State.Settled() {
			return x, err
		}
		if id != x.ID {
			continue
		}
		if err := e.Hindered(x.ID); err != nil {
			return x, err
		}
		select {
		case <-ctx.Done():
			return x, context.Cause(ctx)
		case <-changed:
		}
	}
}

package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// stepArgs is what the executor keeps of a step: only its name. Everything
// else is in the ledger.
type stepArgs struct {
	Step   int64  `json:"step"`
	Tenant string `json:"tenant"`
	Export string `json:"export"`
	Name   string `json:"kind"`
}

// Kind names the executor's one kind of work.
func (stepArgs) Kind() string { return "bulkhead_step" }

// enqueue hands new steps to the executor in the transaction that adds them.
func (e *Engine) enqueue(ctx context.Context, tx *sql.Tx, steps []store.StepRef) error {
	inserts := make([]river.InsertManyParams, len(steps))
	for i, s := range steps {
		opts := &river.InsertOpts{Queue: queueOf(s.Kind)}
		if s.Due.After(time.Now()) {
			opts.ScheduledAt = s.Due
		}
		inserts[i] = river.InsertManyParams{Args: stepArgs{Step: s.ID, Tenant: s.Tenant, Export: s.Export, Name: s.Kind}, InsertOpts: opts}
	}
	if _, err := e.river.InsertManyTx(ctx, tx, inserts); err != nil {
		return fmt.Errorf("hand steps to the executor: %w", err)
	}
	return nil
}

type worker struct {
	river.WorkerDefaults[stepArgs]
	engine *Engine
}

// Timeout switches the executor's own time limit off: a download takes as long
// as bytes keep coming.
func (*worker) Timeout(*river.Job[stepArgs]) time.Duration { return -1 }

// Work runs one step and records its outcome. It never returns an error that
// the executor would count: retrying is decided in advance.
func (w *worker) Work(ctx context.Context, rj *river.Job[stepArgs]) error {
	e := w.engine
	ref := store.StepRef{ID: rj.Args.Step, Tenant: rj.Args.Tenant, Export: rj.Args.Export, Kind: rj.Args.Name}
	complete := func(tx *sql.Tx) error {
		_, err := river.JobCompleteTx[*riversqlite.Driver](context.WithoutCancel(ctx), tx, rj)
		return err
	}
	again, err := e.runStep(ctx, ref, complete)
	if err == nil || ctx.Err() == nil {
		e.setTrouble(err)
	}
	switch {
	case err == nil && again == 0:
		return nil
	case err == nil:
		return river.JobSnooze(again)
	case ctx.Err() != nil || errors.Is(err, errStopping):
		return river.JobSnooze(0) // the next process takes it up
	}
	e.log.Error("step could not be recorded; it will run again", "tenant", ref.Tenant, "export", ref.Export, "step", ref.Kind, "error", err)
	return river.JobSnooze(5 * time.Second)
}

// runStep leases a step, runs it and records what came of it. again is how
// long until it must run again; 0 means it is done, or no longer ours.
func (e *Engine) runStep(ctx context.Context, ref store.StepRef, complete func(*sql.Tx) error) (again time.Duration, err error) {
	lease, due, ok, err := e.store.Take(ctx, ref, e.owner)
	if err != nil || !ok {
		return 0, err
	}
	if wait := time.Until(due); wait > 0 {
		return wait, e.store.In(ref.Tenant).Do(ctx, func(tx *store.Tx) error { return tx.Postpone(lease, due, lease.Attempt) })
	}
	x, err := e.store.In(ref.Tenant).Export(ctx, ref.Export)
	if err != nil {
		return 0, err
	}
	stepCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	e.track(lease, cancel)
	defer e.untrack(lease)
	outcome, err := e.steps.Run(stepCtx, export.Work{Lease: lease, Export: x})
	if err != nil && stepCtx.Err() != nil {
		if cause := context.Cause(stepCtx); ctx.Err() != nil || errors.Is(cause, errStopping) {
			return 0, cause
		}
		return 0, nil // its export has ended meanwhile; there is nothing to record
	}
	return e.advance(context.WithoutCancel(ctx), lease, result{outcome, err}, complete)
}

func (e *Engine) track(l store.Lease, cancel context.CancelCauseFunc) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.running[l.ID] = running{export: l.Export, cancel: cancel}
}

func (e *Engine) untrack(l store.Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, l.ID)
}

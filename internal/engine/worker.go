package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
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

// schedulerEvery is how often the executor looks at steps that are scheduled
// for later. A step that is due sooner is handed over as due at once, and
// runStep makes it wait to the moment.
const schedulerEvery = 5 * time.Second

// enqueue hands new steps to the executor in the transaction that adds them.
func (e *Engine) enqueue(ctx context.Context, tx *sql.Tx, steps []store.StepRef) error {
	inserts := make([]river.InsertManyParams, len(steps))
	for i, s := range steps {
		opts := &river.InsertOpts{Queue: queueOf(s.Kind)}
		if time.Until(s.Due) > schedulerEvery {
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
	switch {
	case err == nil:
		e.recorded(ref)
		if again == 0 {
			return nil
		}
		return river.JobSnooze(again)
	case ctx.Err() != nil || errors.Is(err, errStopping):
		return river.JobSnooze(0) // the next process takes it up
	}
	pause := e.jammed(ref, err)
	e.setTrouble(err)
	e.log.Error("step could not be recorded; it will be tried again", "tenant", ref.Tenant, "export", ref.Export, "step", ref.Kind, "after", pause.Round(time.Second).String(), "error", err)
	return river.JobSnooze(pause)
}

// runStep leases a step, runs it and records what came of it. again is how
// long until it must run again; 0 means it is done, or no longer ours.
func (e *Engine) runStep(ctx context.Context, ref store.StepRef, complete func(*sql.Tx) error) (again time.Duration, err error) {
	stepCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !e.track(ref, cancel) {
		return 0, nil // it runs here already: the executor had it twice
	}
	defer e.untrack(ref)
	lease, due, ok, err := e.store.Take(ctx, ref, e.owner)
	if err != nil || !ok {
		return 0, err
	}
	e.leased(lease)
	r, found := e.unrecordedOf(lease)
	if !found {
		if wait := time.Until(due); wait > 0 && !held(lease) {
			return wait, e.giveBack(ctx, lease, result{}, due)
		}
		x, err := e.store.In(ref.Tenant).Export(ctx, ref.Export)
		if err != nil {
			return 0, err
		}
		back, again, err := e.holdBack(ctx, lease, &x)
		if err != nil || back {
			return again, fencedIsOver(err)
		}
		if lease.Attempt >= e.patience(lease) {
			r.err = export.Exhausted(lease, errDied)
		} else {
			r.outcome, r.err = e.run(stepCtx, export.Work{Lease: lease, Export: x})
		}
		if r.err != nil && stepCtx.Err() != nil {
			return e.interrupted(ctx, lease, r, context.Cause(stepCtx))
		}
	}
	if again, err = e.advance(context.WithoutCancel(ctx), lease, r, complete); err != nil {
		e.keepUnrecorded(lease, r)
	}
	return again, err
}

// fencedIsOver is nil for a step that somebody else has: nothing is left to do
// for it here.
func fencedIsOver(err error) error {
	if errors.Is(err, store.ErrFenced) {
		return nil
	}
	return err
}

// errDied is the weather of a step at which processes keep dying.
var errDied = errors.New("the process ended while it ran")

// run runs a step. A step that panics has met a bug of ours: its export ends
// with a problem, and the others go on.
func (e *Engine) run(ctx context.Context, w export.Work) (o export.Outcome, err error) {
	defer func() {
		met := recover()
		if met == nil {
			return
		}
		what := fmt.Sprintf("%T", met) // its text may quote a record (I9)
		if fault, ok := met.(runtime.Error); ok {
			what = fault.Error()
		}
		e.log.Error("step panicked", "tenant", w.Lease.Tenant, "export", w.Lease.Export, "step", w.Lease.Kind, "panic", what, "stack", string(debug.Stack()))
		o, err = nil, problem.New(problem.Internal, "step "+w.Lease.Kind+" met a bug in bulkhead: "+what,
			"Report it with the lines of the log; when it is mended, resume with bulkhead export "+w.Lease.Tenant+" --resume.")
	}()
	return e.setup.Load().Steps.Run(ctx, w)
}

// interrupted ends a step whose context ended before it did: because bulkhead
// stops, and the next process takes it up; or because its export has ended or
// somebody else has the step, and nothing is left to record. Where neither is
// so by now, it runs again. The files that it has stored are kept.
func (e *Engine) interrupted(ctx context.Context, l store.Lease, r result, cause error) (again time.Duration, err error) {
	stopping := ctx.Err() != nil || errors.Is(cause, errStopping)
	if o, part := r.outcome.(export.Stored); stopping && (!part || len(o.Files) == 0) {
		return 0, cause
	}
	err = e.giveBack(context.WithoutCancel(ctx), l, r, time.Now())
	switch {
	case errors.Is(err, store.ErrFenced):
		return 0, nil
	case stopping:
		return 0, errors.Join(err, cause)
	}
	return time.Millisecond, err
}

func (e *Engine) giveBack(ctx context.Context, l store.Lease, r result, due time.Time) error {
	return e.store.In(l.Tenant).Do(ctx, func(tx *store.Tx) error {
		x, err := tx.Export(l.Export)
		if err != nil {
			return err
		}
		if err := errors.Join(logAsked(tx, &x, l, r), e.recordStored(tx, &x, &l, r)); err != nil {
			return err
		}
		return tx.PutOff(l, due, l.Held)
	})
}

// track notes that a step runs here; false says that it does already.
func (e *Engine) track(ref store.StepRef, cancel context.CancelCauseFunc) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, ok := e.running[ref.ID]; ok {
		return false
	}
	e.running[ref.ID] = running{tenant: ref.Tenant, export: ref.Export, kind: ref.Kind, cancel: cancel}
	return true
}

func (e *Engine) leased(l store.Lease) {
	e.mu.Lock()
	defer e.mu.Unlock()
	r := e.running[l.ID]
	r.epoch = l.Epoch
	e.running[l.ID] = r
}

func (e *Engine) untrack(ref store.StepRef) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, ref.ID)
}

// keepUnrecorded keeps what a step found out while the ledger cannot take it,
// so that the step is not run again for it: the status URL that a server gave
// is given once.
func (e *Engine) keepUnrecorded(l store.Lease, r result) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.unrecorded[l.ID] = unrecorded{epoch: l.Epoch, result: r}
}

// unrecordedOf takes what the step's last run found out, if nobody has had the
// step since.
func (e *Engine) unrecordedOf(l store.Lease) (result, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	u, ok := e.unrecorded[l.ID]
	delete(e.unrecorded, l.ID)
	return u.result, ok && u.epoch+1 == l.Epoch
}

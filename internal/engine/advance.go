package engine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/agreement"
	"github.com/bulkhead-fhir/bulkhead/internal/export"
	"github.com/bulkhead-fhir/bulkhead/internal/life"
	"github.com/bulkhead-fhir/bulkhead/internal/problem"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// A result is what a step returned.
type result struct {
	outcome export.Outcome
	err     error
}

// advance records what came of a step, in one transaction that also moves the
// export, adds the steps that follow, ends the executor's row and fills the
// slots that became free. All retry policy is here. again is how long until
// the step must run again, or 0.
func (e *Engine) advance(ctx context.Context, l store.Lease, r result, complete func(*sql.Tx) error) (again time.Duration, err error) {
	var x store.Export
	err = e.store.In(l.Tenant).Do(ctx, func(tx *store.Tx) error {
		if x, err = tx.Export(l.Export); err != nil {
			return err
		}
		if err := errors.Join(logStep(tx, &x, l, r), auditStep(tx, &x, l, r)); err != nil {
			return err
		}
		due, err := e.record(tx, &x, l, r)
		if err != nil {
			return err
		}
		if !due.IsZero() {
			again = max(due.Sub(tx.Now()), time.Millisecond)
			return e.at(l, "written")
		}
		if err := complete(tx.SQL()); err != nil {
			return err
		}
		if err := tx.Admitting(e.store, e.fill); err != nil {
			return err
		}
		return e.at(l, "written")
	})
	if err == nil {
		err = e.at(l, "committed")
	}
	if errors.Is(err, store.ErrFenced) {
		return 0, nil // somebody else has the step, or the export has ended
	}
	if err != nil {
		return 0, err
	}
	e.tell(x, l, r)
	if x.State.Over() {
		e.cancelSteps(x.ID, store.ErrFenced)
	}
	e.announce()
	return again, nil
}

// at tells a test how far the record of a step is.
func (e *Engine) at(l store.Lease, moment string) error {
	if e.point == nil {
		return nil
	}
	return e.point("record " + l.Kind + ": " + moment)
}

// record writes the outcome. It returns when the step is due again, or the
// zero time when it is done.
func (e *Engine) record(tx *store.Tx, x *store.Export, l store.Lease, r result) (time.Time, error) {
	if err := e.recordStored(tx, x, &l, r); err != nil {
		return time.Time{}, err
	}
	if r.err == nil {
		return e.recordOutcome(tx, x, l, r.outcome)
	}
	if p, ok := errors.AsType[*problem.Problem](r.err); ok { // also one whose cause is a wait that has lasted too long
		return time.Time{}, e.recordProblem(tx, x, l, p)
	}
	if later, ok := errors.AsType[*export.Later](r.err); ok {
		return later.Until, e.postpone(tx, x, l, later)
	}
	if err := tx.CountWeather(x, r.err); err != nil {
		return time.Time{}, err
	}
	asked, held := export.RetryAfter(r.err), ""
	if asked > 0 {
		held = store.HeldByServer
	}
	if l.Attempt+1 >= e.patience(l) {
		if err := tx.AskLater(x, tx.Now().Add(asked)); err != nil {
			return time.Time{}, err
		}
		return time.Time{}, e.recordProblem(tx, x, l, export.Exhausted(l, r.err))
	}
	l.Attempt++
	due := tx.Now().Add(max(e.retry.wait(l.Attempt), asked))
	return due, e.postpone(tx, x, l, &export.Later{Until: due, Held: held})
}

// postpone gives a step back until it is due. What else of the export waits,
// because the step has had it in hand, goes on; not before that time either
// where the server wants no request at all until then.
func (e *Engine) postpone(tx *store.Tx, x *store.Export, l store.Lease, until *export.Later) error {
	if until.Held == store.HeldByServer {
		if err := tx.AskLater(x, until.Until); err != nil {
			return err
		}
	}
	if err := tx.PutOff(l, until.Until, until.Held); err != nil || l.Kind != fetching(x) || x.State != life.Downloading {
		return err
	}
	return e.feed(tx, x)
}

// recordProblem ends what the step was for: a file, a courtesy to the server,
// or the whole export.
func (e *Engine) recordProblem(tx *store.Tx, x *store.Export, l store.Lease, p *problem.Problem) error {
	p = p.For(x.Tenant)
	switch {
	case l.Kind == export.Release:
		if err := tx.Finish(l); err != nil {
			return err
		}
		return tx.Note(x.ID, "engine", "release_failed", string(p.Code))
	case l.Kind == export.Download && p.Code.Kind() == problem.DownloadFailed.Kind():
		return e.recordFileFailed(tx, x, l, p)
	}
	if err := tx.Finish(l); err != nil {
		return err
	}
	return e.fail(tx, x, p)
}

func (e *Engine) fail(tx *store.Tx, x *store.Export, p *problem.Problem) error {
	if err := tx.SetProblem(x, p); err != nil {
		return err
	}
	x.ProblemCode, x.ProblemSummary, x.ProblemRemedy = string(p.Code), p.Summary, p.Remedy
	from := x.State
	if err := e.endWith(tx, x, p); err != nil {
		return err
	}
	return auditEnd(tx, x, from, p)
}

// endWith moves an export to where a problem ends it. What an agreement forbids
// before the server was asked is denied. Later it stops the export, which is
// kept and can be resumed when the agreement permits it again; unless the
// agreement is over: then the export is cancelled, at the server too.
func (e *Engine) endWith(tx *store.Tx, x *store.Export, p *problem.Problem) error {
	rule := agreement.Of(p)
	begun := x.StatusURL != "" || x.Purpose == store.Replay && x.State != life.Requested
	switch {
	case rule == "" || begun && !rule.Ends():
		return tx.Move(x, life.Refuse)
	case !begun:
		return tx.Move(x, life.Deny)
	}
	if _, err := life.Next(x.State, life.Cancel); err != nil { // a sink may have it already
		if err := tx.Move(x, life.Refuse); err != nil {
			return err
		}
	}
	if err := tx.Move(x, life.Cancel); err != nil {
		return err
	}
	return tx.AddStep(x.ID, export.Release, "", tx.Now())
}

func (e *Engine) recordOutcome(tx *store.Tx, x *store.Export, l store.Lease, outcome export.Outcome) (time.Time, error) {
	switch o := outcome.(type) {
	case export.InProgress:
		if err := tx.SetProgress(x, o.Progress, o.PollAt); err != nil {
			return time.Time{}, err
		}
		return o.PollAt, tx.Postpone(l, o.PollAt, 0)
	}
	if err := tx.Finish(l); err != nil {
		return time.Time{}, err
	}
	return time.Time{}, e.recordDone(tx, x, l, outcome)
}

func (e *Engine) recordDone(tx *store.Tx, x *store.Export, l store.Lease, outcome export.Outcome) error {
	switch o := outcome.(type) {
	case export.Accepted:
		return e.recordAccepted(tx, x, o)
	case export.Busy:
		if err := tx.SetWaiting(x, o.Until, o.Reason); err != nil {
			return err
		}
		return tx.Move(x, life.Busy)
	case export.Lost:
		if err := tx.SetProblem(x, o.Problem.For(x.Tenant)); err != nil {
			return err
		}
		return tx.Move(x, life.Lost)
	case export.Vanished:
		if err := tx.SetProblem(x, o.Problem.For(x.Tenant)); err != nil {
			return err
		}
		return tx.Move(x, life.Vanished)
	case export.Listed:
		return e.recordListed(tx, x, o)
	case export.Stored:
		return e.feed(tx, x)
	case export.Staged:
		return e.recordStaged(tx, x, l, o)
	case export.Members:
		return e.recordMembers(tx, x, o)
	case export.Attached:
		return e.recordAttached(tx, x, l, o)
	case export.Published:
		return e.recordPublished(tx, x, l, o)
	case export.Released:
		return tx.SetReleased(x)
	}
	return fmt.Errorf("step %s returned an outcome of type %T that nobody records", l.Kind, outcome)
}

func (e *Engine) recordAccepted(tx *store.Tx, x *store.Export, o export.Accepted) error {
	if err := tx.SetAccepted(x, o.StatusURL, o.Separate, o.PollAt); err != nil { // I2: before the first poll
		return err
	}
	if !o.Began.IsZero() {
		if err := tx.KickedOffBy(x, o.Began); err != nil { // I6
			return err
		}
	}
	if o.WithoutTypes {
		x.Parameters.WithoutTypes = true
		if err := tx.SetParameters(x); err != nil {
			return err
		}
	}
	if err := note(tx, x, o.Notes); err != nil {
		return err
	}
	if err := tx.Move(x, life.Accepted); err != nil {
		return err
	}
	return tx.AddStep(x.ID, export.Poll, "", o.PollAt)
}

// recordListed records a page of the manifest. The files are fetched when the
// last page is here: only then is it known what the export is.
func (e *Engine) recordListed(tx *store.Tx, x *store.Export, o export.Listed) error {
	if err := tx.SetListed(x, o.Listing); err != nil {
		return err
	}
	if err := tx.ListFiles(x, o.Page, o.Files); err != nil {
		return err
	}
	if err := logListed(tx, x, o); err != nil {
		return err
	}
	if err := note(tx, x, o.Notes); err != nil {
		return err
	}
	if len(o.NotPermitted) > 0 {
		if err := tx.Note(x.ID, "agreement", "not_permitted", strings.Join(o.NotPermitted, ",")); err != nil {
			return err
		}
	}
	if o.NextURL != "" {
		return tx.AddStep(x.ID, export.Poll, "", o.NextPoll)
	}
	if err := noteSilence(tx, x); err != nil {
		return err
	}
	if err := tx.Move(x, life.Listed); err != nil {
		return err
	}
	return e.feed(tx, x)
}

// noteSilence says that an incremental export names no deletions: whether
// there were none, or the server does not tell, only a full export shows.
func noteSilence(tx *store.Tx, x *store.Export) error {
	if x.Mode != export.Incremental || x.Purpose != store.Delivery {
		return nil
	}
	sum, err := tx.ManifestTotals(x.ID)
	if err != nil || sum.Deleted > 0 {
		return err
	}
	return tx.NoteOnce(x.ID, "engine", "deletions_not_reported", "by the server; a full export would show them")
}

func note(tx *store.Tx, x *store.Export, notes []export.Note) error {
	for _, n := range notes {
		if err := tx.Note(x.ID, "engine", n.Kind, n.Detail); err != nil {
			return err
		}
	}
	return nil
}

// tell writes what happened to the log, once.
func (e *Engine) tell(x store.Export, l store.Lease, r result) {
	log := e.log.With("tenant", x.Tenant, "export", x.ID, "step", l.Kind)
	if l.Subject != "" {
		log = log.With("subject", l.Subject)
	}
	if r.err != nil && !x.State.Over() {
		log.Warn("step must wait", "reason", r.err)
		return
	}
	log.Debug("step done", "state", x.State)
	switch {
	case l.Kind == export.Release:
	case x.State == life.Completed:
		log.Info("export completed", "mode", x.Mode, "seconds", int(time.Since(x.RequestedAt).Seconds()))
	case x.State.Over() && x.ProblemCode != "":
		log.Error("export ended", "state", x.State, "problem", x.ProblemCode, "summary", x.ProblemSummary)
	case l.Kind == export.Kickoff:
		log.Info("export kicked off", "state", x.State, "mode", x.Mode)
	}
}

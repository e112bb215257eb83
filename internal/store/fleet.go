package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A Tenant is a practice as the ledger last saw it in the configuration.
type Tenant struct {
	ID           string
	Name         string
	Registration string
	ClientID     string
	FHIRBaseURL  string
	Frozen       bool // no longer configured: kept, but nothing is done for it
}

// PutTenants makes the ledger know exactly these tenants as active; others are
// frozen, not forgotten.
func (s *Store) PutTenants(ctx context.Context, tenants []Tenant) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		q, now := gen.New(tx), ms(time.Now())
		ids := []string{""} // nobody's id: NOT IN an empty list is true of nothing
		for _, t := range tenants {
			ids = append(ids, t.ID)
			if err := q.PutTenant(ctx, gen.PutTenantParams{
				TenantID: t.ID, Name: t.Name, Registration: t.Registration, ClientID: t.ClientID,
				FhirBaseUrl: t.FHIRBaseURL, UpdatedAt: now,
			}); err != nil {
				return fmt.Errorf("record tenant %s: %w", t.ID, err)
			}
		}
		return q.FreezeTenants(ctx, gen.FreezeTenantsParams{UpdatedAt: now, TenantIds: ids})
	})
}

// Tenants gives every tenant that the ledger knows, by id.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	rows, err := s.queries().ListTenants(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list tenants: %w", err))
	}
	tenants := make([]Tenant, len(rows))
	for i, r := range rows {
		tenants[i] = Tenant{
			ID: r.TenantID, Name: r.Name, Registration: r.Registration, ClientID: r.ClientID,
			FHIRBaseURL: r.FhirBaseUrl, Frozen: r.State == "frozen",
		}
	}
	return tenants, nil
}

// A Candidate is an export that wants a slot, or holds one.
type Candidate struct {
	Export, Tenant, Registration, Endpoint, Group string
	State                                         life.State

	By    string    // who asked for it
	Since time.Time // since when it could have been admitted

	Purpose  Purpose
	FailedIn life.State // of one that is resumed: where it goes on; empty otherwise
	Parked   time.Time  // of one that is under way without a slot of this machine: since when; zero otherwise
}

// Admission is what an admission pass sees: who waits, in fair order, and who
// holds slots. Admit takes one of the waiting in; it may not be called for one
// whose tenant's endpoint is taken.
type Admission struct {
	Waiting []Candidate
	Holding []Candidate
	store   *Store
	ctx     context.Context
	tx      *sql.Tx
}

// Admitting runs f in one transaction over all tenants: what f reads cannot
// change before what it admits is written.
func (s *Store) Admitting(ctx context.Context, f func(a *Admission) error) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return s.admitting(ctx, tx, f) })
}

func (s *Store) admitting(ctx context.Context, tx *sql.Tx, f func(a *Admission) error) error {
	q := gen.New(tx)
	waiting, err := q.Candidates(ctx, ms(time.Now()))
	if err != nil {
		return fmt.Errorf("list waiting exports: %w", err)
	}
	holding, err := q.SlotHolders(ctx)
	if err != nil {
		return fmt.Errorf("list running exports: %w", err)
	}
	a := &Admission{store: s, ctx: ctx, tx: tx}
	for _, r := range waiting {
		since := r.RequestedAt
		if r.State == string(life.Waiting) {
			since = r.WaitingUntil
		}
		a.Waiting = append(a.Waiting, Candidate{
			Export: r.ExportID, Tenant: r.TenantID, Registration: r.Registration, Endpoint: r.Endpoint, Group: r.GroupID, State: life.State(r.State),
			By: r.RequestedBy, Since: at(since), Purpose: Purpose(r.Purpose), FailedIn: life.State(r.FailedIn),
		})
	}
	for _, r := range holding {
		a.Holding = append(a.Holding, Candidate{
			Export: r.ExportID, Tenant: r.TenantID, Registration: r.Registration, Endpoint: r.Endpoint, Group: r.GroupID, State: life.State(r.State),
			By: r.RequestedBy, Purpose: Purpose(r.Purpose), Parked: at(r.ParkedAt), Since: at(r.ParkedAt),
		})
	}
	return f(a)
}

// Do runs f on the tenant's part of the ledger within the admission's
// transaction. After an error nothing of f has happened, and what else the
// transaction does is not touched by it.
func (a *Admission) Do(tenant string, f func(tx *Tx) error) error {
	if _, err := a.tx.ExecContext(a.ctx, "SAVEPOINT one"); err != nil {
		return fmt.Errorf("begin a part of an admission: %w", err)
	}
	err := a.store.within(a.ctx, a.tx, tenant, f)
	if err != nil {
		if _, back := a.tx.ExecContext(a.ctx, "ROLLBACK TO one"); back != nil {
			return errors.Join(err, fmt.Errorf("undo a part of an admission: %w", back))
		}
	}
	if _, done := a.tx.ExecContext(a.ctx, "RELEASE one"); done != nil {
		err = errors.Join(err, fmt.Errorf("end a part of an admission: %w", done))
	}
	return err
}

// Admitting runs an admission pass within the transaction that frees a slot.
func (tx *Tx) Admitting(s *Store, f func(a *Admission) error) error {
	return s.admitting(tx.ctx, tx.sql, f)
}

// NextWaiting gives when the first export becomes due of those that wait until
// a time after the given one; the zero time when there is none.
func (s *Store) NextWaiting(ctx context.Context, after time.Time) (time.Time, error) {
	t, err := s.queries().NextWaiting(ctx, ms(after))
	return at(t), err
}

// Candidates counts the exports that could be admitted now, as far as they
// themselves are concerned.
func (s *Store) Candidates(ctx context.Context) (int64, error) {
	n, err := s.queries().CountCandidates(ctx, ms(time.Now()))
	return n, Explain(err)
}

// Take leases a step to owner: its epoch grows, so that whoever held it before
// is fenced. ok is false when the step is done.
func (s *Store) Take(ctx context.Context, ref StepRef, owner string) (l Lease, due time.Time, ok bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		r, err := gen.New(tx).TakeStep(ctx, gen.TakeStepParams{
			Owner: owner, HeartbeatAt: ms(time.Now()), TenantID: ref.Tenant, StepID: ref.ID,
		})
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take step: %w", err)
		}
		ok, due = true, at(r.DueAt)
		l = Lease{
			StepRef: StepRef{ID: r.StepID, Tenant: r.TenantID, Export: r.ExportID, Kind: r.Kind, Due: due},
			Subject: r.Subject, Epoch: r.Epoch, Attempt: r.Attempt, Held: r.Held,
		}
		return nil
	})
	return l, due, ok, err
}

// Beat renews the leases of steps that run in this process and gives the
// epochs of those that somebody holds: a step with another epoch, or none, is
// no longer ours.
func (s *Store) Beat(ctx context.Context, steps []int64) (held map[int64]int64, err error) {
	if len(steps) == 0 {
		return nil, nil
	}
	held = map[int64]int64{}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		rows, err := gen.New(tx).RunningSteps(ctx, steps)
		if err != nil {
			return fmt.Errorf("list running steps: %w", err)
		}
		for _, r := range rows {
			held[r.StepID] = r.Epoch
		}
		return gen.New(tx).BeatSteps(ctx, gen.BeatStepsParams{Now: ms(time.Now()), StepIds: steps})
	})
	return held, err
}

// TakeUp hands steps to the executor again that nobody runs though they
// should: those whose lease was last renewed before the given time, because
// their runner died or could not write; and those that were due before it and
// wait for an executor that did not note that they had been given back.
func (s *Store) TakeUp(ctx context.Context, before time.Time) error {
	if err := s.wakeExecutor(ctx, before); err != nil {
		return err
	}
	stale, err := s.queries().StaleSteps(ctx, ms(before))
	if err != nil {
		return Explain(fmt.Errorf("list stale steps: %w", err))
	}
	for _, r := range stale {
		err := s.In(r.TenantID).Do(ctx, func(tx *Tx) error {
			n, err := tx.q.ReadyStep(ctx, gen.ReadyStepParams{TenantID: r.TenantID, StepID: r.StepID, Before: ms(before)})
			if err == nil && n > 0 {
				tx.steps = append(tx.steps, StepRef{ID: r.StepID, Tenant: r.TenantID, Export: r.ExportID, Kind: r.Kind, Due: tx.now})
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wakeExecutor frees the executor's rows that say running of steps that the
// ledger says were due before a time, and those that say later of steps that
// are due: giving a step back and the executor's own note of it are two
// transactions, it gives the second up after three failures, and a clock may be
// set, or a step let go, between them.
func (s *Store) wakeExecutor(ctx context.Context, before time.Time) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = ?
			WHERE state = 'running' AND json_extract(args, '$.step') IN (SELECT step_id FROM step WHERE state = 'ready' AND due_at < ?)`,
			executorNow(), ms(before))
		if err != nil {
			return fmt.Errorf("wake the executor: %w", err)
		}
		return hurry(ctx, tx, time.Now())
	})
}

// Hurry has the executor run the steps now that are due, and of which it has
// noted that they are for later.
func (s *Store) Hurry(ctx context.Context) error {
	return s.inTx(ctx, func(tx *sql.Tx) error { return hurry(ctx, tx, time.Now()) })
}

func hurry(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = ?
		WHERE state IN ('retryable', 'scheduled') AND json_extract(args, '$.step') IN (SELECT step_id FROM step WHERE state = 'ready' AND due_at <= ?)`,
		executorNow(), ms(now))
	if err != nil {
		return fmt.Errorf("wake the executor: %w", err)
	}
	return nil
}

// Sweep makes every step that a dead process held ready again, one attempt
// poorer: it may be what the process died of, in the
// executor's tables too. Only the one process that holds the ledger calls it,
// before it starts to work.
func (s *Store) Sweep(ctx context.Context) (steps int64, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE step SET state = 'ready', attempt = attempt + 1 WHERE state = 'running'`); err != nil {
			return fmt.Errorf("sweep steps: %w", err)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM river_leader`); err != nil { // of a dead process, for as long as its clock said
			return fmt.Errorf("sweep the executor's leader: %w", err)
		}
		r, err := tx.ExecContext(ctx, `UPDATE river_job SET state = 'available', scheduled_at = ?
			WHERE state IN ('running', 'retryable', 'scheduled')`, executorNow())
		if err != nil {
			return fmt.Errorf("sweep the executor: %w", err)
		}
		steps, err = r.RowsAffected()
		return err
	})
	return steps, err
}

// executorNow is the present as the executor's tables write it. It is our
// clock, not SQLite's, so that tests may own the time.
func executorNow() string { return time.Now().UTC().Format("2006-01-02 15:04:05.000") }

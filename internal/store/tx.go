package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// ErrFenced says that a step is in other hands, or its export has moved on:
// the runner that gets it stops and records nothing.
var ErrFenced = errors.New("the step is no longer ours")

// A Tx is one transaction on one tenant's part of the ledger. Its methods
// happen together or not at all. It is not for concurrent use.
type Tx struct {
	ctx    context.Context
	sql    *sql.Tx
	q      *gen.Queries
	tenant string
	now    time.Time
	steps  []StepRef
}

// Do runs f in a transaction. Steps that f adds go to the executor in the same
// transaction. f must not use the Store.
func (s *Scope) Do(ctx context.Context, f func(tx *Tx) error) error {
	return s.store.inTx(ctx, func(sqlTx *sql.Tx) error { return s.store.within(ctx, sqlTx, s.tenant, f) })
}

func (s *Store) within(ctx context.Context, sqlTx *sql.Tx, tenant string, f func(tx *Tx) error) error {
	tx := &Tx{ctx: ctx, sql: sqlTx, q: gen.New(sqlTx), tenant: tenant, now: time.Now()}
	if err := f(tx); err != nil {
		return err
	}
	if len(tx.steps) == 0 || s.enqueue == nil {
		return nil
	}
	return s.enqueue(ctx, sqlTx, tx.steps)
}

// SQL is the transaction itself, for what the executor must do within it.
func (tx *Tx) SQL() *sql.Tx { return tx.sql }

// Now is the time at which everything in this transaction happens.
func (tx *Tx) Now() time.Time { return tx.now }

// Export reads an export.
func (tx *Tx) Export(id string) (Export, error) {
	r, err := tx.q.GetExport(tx.ctx, gen.GetExportParams{TenantID: tx.tenant, ExportID: id})
	if err != nil {
		return Export{}, fmt.Errorf("read export %s: %w", id, err)
	}
	return exportOf(r)
}

// Request writes an intent and returns the new export's id, which sorts by
// time and is safe in file names.
func (tx *Tx) Request(i Intent) (string, error) {
	types, err := json.Marshal(i.Types)
	if err != nil {
		return "", err
	}
	sinks, err := json.Marshal(i.Sinks)
	if err != nil {
		return "", err
	}
	parameters, err := json.Marshal(i.Parameters)
	if err != nil {
		return "", err
	}
	if i.Purpose == "" {
		i.Purpose = Delivery
	}
	id := tx.now.UTC().Format("20060102-150405-") + strings.ToLower(rand.Text()[:8])
	return id, tx.q.InsertExport(tx.ctx, gen.InsertExportParams{
		ExportID: id, TenantID: tx.tenant, Stream: i.Stream, Registration: i.Registration, Endpoint: i.Endpoint,
		Level: i.Level, GroupID: i.Group, Types: string(types), Mode: i.Mode, Since: i.Since, Sinks: string(sinks),
		RequestedBy: i.RequestedBy, RequestedAt: ms(tx.now), StateAt: ms(tx.now),
		Parameters: string(parameters), Purpose: string(i.Purpose), Origin: i.Origin,
	})
}

// Open reports how many exports of the endpoint have not ended.
func (tx *Tx) Open(endpoint string) (int64, error) {
	return tx.q.OpenExports(tx.ctx, gen.OpenExportsParams{TenantID: tx.tenant, Endpoint: endpoint})
}

// Move moves an export by an event, and x with it: the one compare-and-swap
// on its state. It is ErrFenced when the export is no longer in x's state.
func (tx *Tx) Move(x *Export, e life.Event) error {
	to, err := life.Next(x.State, e)
	if err != nil {
		return err
	}
	n, err := tx.q.MoveExport(tx.ctx, gen.MoveExportParams{
		NewState: string(to), At: ms(tx.now), Busy: flag(to.Busy()), TenantID: tx.tenant, ExportID: x.ID, OldState: string(x.State),
	})
	if err != nil {
		return fmt.Errorf("move export %s: %w", x.ID, err)
	}
	if n == 0 {
		return ErrFenced
	}
	if to.Over() {
		if err := tx.q.EndExport(tx.ctx, gen.EndExportParams{EndedAt: ms(tx.now), TenantID: tx.tenant, ExportID: x.ID}); err != nil {
			return err
		}
		if err := tx.q.DropSteps(tx.ctx, gen.DropStepsParams{TenantID: tx.tenant, ExportID: x.ID}); err != nil {
			return err
		}
	}
	x.State = to
	if to.Settled() {
		if err := tx.settleAt(x, tx.now); err != nil {
			return err
		}
	}
	if err := tx.follow(x.ID); err != nil {
		return err
	}
	return tx.Note(x.ID, "engine", string(e), string(to))
}

// Note adds an entry to an export's timeline. detail holds counts, states and
// codes, nothing of a patient and no secret.
func (tx *Tx) Note(export, actor, kind, detail string) error {
	return tx.q.InsertEvent(tx.ctx, gen.InsertEventParams{
		TenantID: tx.tenant, ExportID: export, At: ms(tx.now), Actor: actor, Kind: kind, Detail: detail,
	})
}

// NoteOnce is Note, unless the timeline has an entry of that kind.
func (tx *Tx) NoteOnce(export, actor, kind, detail string) error {
	n, err := tx.q.CountEvents(tx.ctx, gen.CountEventsParams{TenantID: tx.tenant, ExportID: export, Kind: kind})
	if err != nil || n > 0 {
		return err
	}
	return tx.Note(export, actor, kind, detail)
}

// AddStep adds a step that becomes due at due, unless the same step is open.
func (tx *Tx) AddStep(export, kind, subject string, due time.Time) error {
	id, err := tx.q.InsertStep(tx.ctx, gen.InsertStepParams{
		TenantID: tx.tenant, ExportID: export, Kind: kind, Subject: subject, DueAt: tx.due(due), CreatedAt: ms(tx.now),
	})
	if err != nil {
		return fmt.Errorf("add step %s: %w", kind, err)
	}
	tx.steps = append(tx.steps, StepRef{ID: id, Tenant: tx.tenant, Export: export, Kind: kind, Due: due})
	return nil
}

// Hold checks that the lease still holds; ErrFenced says it does not.
func (tx *Tx) Hold(l Lease) error {
	return fenced(tx.q.HoldStep(tx.ctx, gen.HoldStepParams{HeartbeatAt: ms(tx.now), TenantID: tx.tenant, StepID: l.ID, Epoch: l.Epoch}))
}

// Finish ends the leased step.
func (tx *Tx) Finish(l Lease) error {
	return fenced(tx.q.FinishStep(tx.ctx, gen.FinishStepParams{TenantID: tx.tenant, StepID: l.ID, Epoch: l.Epoch}))
}

// Postpone gives the leased step back until due, with the failures in a row.
// What it is about from now on is the lease's subject.
func (tx *Tx) Postpone(l Lease, due time.Time, attempt int64) error {
	return tx.putOff(l, due, attempt, "")
}

func fenced(rows int64, err error) error {
	if err == nil && rows == 0 {
		return ErrFenced
	}
	return err
}

// due gives a time that is yet to come as the ledger keeps it: the whole
// millisecond after it, never before, so that nothing happens sooner than a
// server allowed.
func (tx *Tx) due(t time.Time) int64 {
	if !t.After(tx.now) {
		return ms(t)
	}
	return ms(t.Add(time.Millisecond - time.Nanosecond))
}

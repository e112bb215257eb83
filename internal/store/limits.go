package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// TakeRequest counts one request to the endpoint in the present clock minute.
// ok is false when the window's limit is spent; next is when it opens again.
func (s *Scope) TakeRequest(ctx context.Context, endpoint string, limit int64) (ok bool, next time.Time, err error) {
	var now time.Time
	err = s.store.inTx(ctx, func(tx *sql.Tx) error {
		now = time.Now() // after the wait for the ledger: minutes are counted in their order
		n, err := gen.New(tx).TakeRequest(ctx, gen.TakeRequestParams{
			TenantID: s.tenant, Endpoint: endpoint, Minute: now.Unix() / 60,
		})
		if err != nil {
			return fmt.Errorf("count request: %w", err)
		}
		ok = n <= limit
		return nil
	})
	return ok, now.Truncate(time.Minute).Add(time.Minute), err
}

// Spent gives the number of requests to the endpoint that are counted in the
// present clock minute.
func (s *Scope) Spent(ctx context.Context, endpoint string) (int64, error) {
	n, err := s.store.queries().SpentRequests(ctx, gen.SpentRequestsParams{TenantID: s.tenant, Endpoint: endpoint, Minute: time.Now().Unix() / 60})
	return n, Explain(err)
}

// FillWindow marks the present clock minute as spent: the server said so.
func (s *Scope) FillWindow(ctx context.Context, endpoint string, limit int64) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).FillWindow(ctx, gen.FillWindowParams{
			TenantID: s.tenant, Endpoint: endpoint, Minute: time.Now().Unix() / 60, Requests: limit,
		})
	})
}

// A Schedule says when a tenant's next export is due.
type Schedule struct {
	Tenant string
	Spec   string // cron fields and time zone, as configured
	NextAt time.Time
}

// PutSchedule records a tenant's schedule. The next time of an unchanged spec
// stays as it is, so that a restart skips nothing; unless a clock that was
// ahead has put it off.
func (s *Scope) PutSchedule(ctx context.Context, spec string, next time.Time) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).PutSchedule(ctx, gen.PutScheduleParams{TenantID: s.tenant, Spec: spec, NextAt: ms(next)})
	})
}

// DropSchedule forgets a tenant's schedule.
func (s *Scope) DropSchedule(ctx context.Context) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error { return gen.New(tx).DropSchedule(ctx, s.tenant) })
}

// DueSchedules gives the schedules whose time has come, the longest due first.
func (s *Store) DueSchedules(ctx context.Context) ([]Schedule, error) {
	rows, err := s.queries().DueSchedules(ctx, ms(time.Now()))
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, Explain(fmt.Errorf("list due schedules: %w", err))
	}
	due := make([]Schedule, len(rows))
	for i, r := range rows {
		due[i] = Schedule{Tenant: r.TenantID, Spec: r.Spec, NextAt: at(r.NextAt)}
	}
	return due, nil
}

// MoveSchedule sets when the tenant's schedule is due next.
func (tx *Tx) MoveSchedule(next time.Time) error {
	return tx.q.MoveSchedule(tx.ctx, gen.MoveScheduleParams{NextAt: ms(next), LastAt: ms(tx.now), TenantID: tx.tenant})
}

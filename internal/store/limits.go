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
	Spec   string // cron fields, time zone and what else decides, as configured
	NextAt time.Time
	Why    string    // what makes NextAt another time than the cron fields say; empty when nothing does
	LastAt time.Time // when it started an export last, or asked for one; zero: never
}

func scheduleOf(r gen.Schedule) Schedule {
	return Schedule{Tenant: r.TenantID, Spec: r.Spec, NextAt: at(r.NextAt), Why: r.Why, LastAt: at(r.LastAt)}
}

// PutSchedule records a tenant's schedule. The next time of an unchanged spec
// stays as it is, so that a restart skips nothing; unless a clock that was
// ahead has put it off.
func (s *Scope) PutSchedule(ctx context.Context, spec string, next time.Time, why string) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error {
		return gen.New(tx).PutSchedule(ctx, gen.PutScheduleParams{TenantID: s.tenant, Spec: spec, NextAt: ms(next), Why: why})
	})
}

// DropSchedule forgets a tenant's schedule.
func (s *Scope) DropSchedule(ctx context.Context) error {
	return s.store.inTx(ctx, func(tx *sql.Tx) error { return gen.New(tx).DropSchedule(ctx, s.tenant) })
}

// Schedule gives the tenant's schedule; ok is false when it has none.
func (s *Scope) Schedule(ctx context.Context) (sc Schedule, ok bool, err error) {
	r, err := s.store.queries().GetSchedule(ctx, s.tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return sc, false, nil
	}
	if err != nil {
		return sc, false, Explain(fmt.Errorf("read schedule: %w", err))
	}
	return scheduleOf(r), true, nil
}

// Schedules gives every tenant's schedule, by tenant.
func (s *Store) Schedules(ctx context.Context) ([]Schedule, error) {
	rows, err := s.queries().AllSchedules(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list schedules: %w", err))
	}
	all := make([]Schedule, len(rows))
	for i, r := range rows {
		all[i] = scheduleOf(r)
	}
	return all, nil
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

// MoveSchedule sets when the tenant's schedule is due next, and why then, now
// that it has started an export, or asked for one.
func (tx *Tx) MoveSchedule(next time.Time, why string) error {
	return tx.q.MoveSchedule(tx.ctx, gen.MoveScheduleParams{NextAt: ms(next), LastAt: ms(tx.now), Why: why, TenantID: tx.tenant})
}

// PutOffSchedule sets when the tenant's schedule is due next, and why then.
func (tx *Tx) PutOffSchedule(next time.Time, why string) error {
	return tx.q.PutOffSchedule(tx.ctx, gen.PutOffScheduleParams{NextAt: ms(next), Why: why, TenantID: tx.tenant})
}

// ConfiguredAt gives when the configuration was changed last in what is the
// tenant's own: what it says of the tenant, of its registration, its vendor
// profile or its sinks. It is the zero time before anything was recorded.
func (s *Scope) ConfiguredAt(ctx context.Context) (time.Time, error) {
	t, err := s.store.queries().ConfiguredAt(ctx, s.tenant)
	return at(t), Explain(err)
}

// LastFull gives when the last full export of a stream that completed was
// requested; the zero time before the first.
func (s *Scope) LastFull(ctx context.Context, stream string) (time.Time, error) {
	t, err := s.store.queries().LastFull(ctx, gen.LastFullParams{TenantID: s.tenant, Stream: stream})
	return at(t), Explain(err)
}

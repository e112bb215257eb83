package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// LastExports gives the export that each active tenant asked for last, replays
// aside, by tenant.
func (s *Store) LastExports(ctx context.Context) ([]Export, error) {
	rows, err := s.queries().LastExports(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list the last exports: %w", err))
	}
	return exportsOf(rows)
}

// LastFinished gives each active tenant's delivery of a mode that completed
// last, by tenant.
func (s *Store) LastFinished(ctx context.Context, mode string) ([]Export, error) {
	rows, err := s.queries().LastFinished(ctx, mode)
	if err != nil {
		return nil, Explain(fmt.Errorf("list the last complete exports: %w", err))
	}
	return exportsOf(rows)
}

// Unfinished gives every export that has not ended, by tenant.
func (s *Store) Unfinished(ctx context.Context) ([]Export, error) {
	rows, err := s.queries().Unfinished(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list exports that have not ended: %w", err))
	}
	return exportsOf(rows)
}

// Durations gives how long the tenant's last deliveries of a mode took from
// kick-off to completion, the latest first, at most limit.
func (s *Scope) Durations(ctx context.Context, mode string, limit int) ([]time.Duration, error) {
	rows, err := s.store.queries().Durations(ctx, gen.DurationsParams{TenantID: s.tenant, Mode: mode, Limit: int64(limit)})
	if err != nil {
		return nil, Explain(fmt.Errorf("list durations: %w", err))
	}
	took := make([]time.Duration, len(rows))
	for i, r := range rows {
		took[i] = time.Duration(r) * time.Millisecond
	}
	return took, nil
}

// A RateWindow is what one tenant has asked one endpoint for in a clock minute.
type RateWindow struct {
	Tenant, Endpoint string
	Requests         int64
}

// RateWindows gives the windows of the clock minute of a time.
func (s *Store) RateWindows(ctx context.Context, now time.Time) ([]RateWindow, error) {
	rows, err := s.queries().RateWindows(ctx, now.Unix()/60)
	if err != nil {
		return nil, Explain(fmt.Errorf("list rate windows: %w", err))
	}
	windows := make([]RateWindow, len(rows))
	for i, r := range rows {
		windows[i] = RateWindow{r.TenantID, r.Endpoint, r.Requests}
	}
	return windows, nil
}

// Watch gives since when each of these tenants is watched for exports that do
// not come: it begins now with those that are new, and with those that were
// left out for a while.
func (s *Store) Watch(ctx context.Context, tenants []string) (map[string]time.Time, error) {
	rows, err := s.queries().WatchedSince(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list watched tenants: %w", err))
	}
	since, now, begun := make(map[string]time.Time, len(tenants)), time.Now(), false
	for _, r := range rows {
		if t := at(r.Since); !t.After(now) { // else the clock was set back: it begins anew
			since[r.TenantID] = t
		}
	}
	for _, t := range tenants {
		if _, ok := since[t]; !ok {
			since[t], begun = at(ms(now)), true
		}
	}
	if !begun && len(since) == len(tenants) {
		return since, nil
	}
	maps.DeleteFunc(since, func(t string, _ time.Time) bool { return !slices.Contains(tenants, t) })
	return since, s.inTx(ctx, func(tx *sql.Tx) error {
		q := gen.New(tx)
		if _, err := q.UnwatchAhead(ctx, ms(now)); err != nil {
			return fmt.Errorf("end watching tenants: %w", err)
		}
		if err := q.UnwatchTenants(ctx, append([]string{""}, tenants...)); err != nil {
			return fmt.Errorf("end watching tenants: %w", err)
		}
		return q.WatchTenants(ctx, gen.WatchTenantsParams{Now: ms(now), Watched: tenants})
	})
}

// LastWhole gives when the tenant's last delivery completed of which the server
// reported no error, or the zero time.
func (s *Scope) LastWhole(ctx context.Context) (time.Time, error) {
	t, err := s.store.queries().LastWhole(ctx, s.tenant)
	return at(t), Explain(err)
}

// Undelivered are the messages of one route that were tried and have not left.
type Undelivered struct {
	Route   string
	Notices int64
	Since   time.Time // when the oldest was made
	Why     string    // the last error, in our words
}

// Undelivered gives the routes on which messages made since a time have not
// left. One that was given up counts until a later one has left on its route.
func (s *Store) Undelivered(ctx context.Context, since time.Time) ([]Undelivered, error) {
	rows, err := s.queries().Undelivered(ctx, ms(since))
	if err != nil {
		return nil, Explain(fmt.Errorf("list undelivered messages: %w", err))
	}
	list := make([]Undelivered, len(rows))
	for i, r := range rows {
		list[i] = Undelivered{Route: r.Route, Notices: r.Notices, Since: at(r.Since), Why: r.LastError}
	}
	return list, nil
}

package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"

	gen "github.com/bulkhead-fhir/bulkhead/internal/store/sqlite"
)

// A RequestPage says which requests of other programs are wanted.
type RequestPage struct {
	Below int64  // only those with a lower number; 0: from the newest
	State string // only those in this state; empty: all
	Most  int    // at most so many
}

func (p RequestPage) below() int64 { return cmp.Or(p.Below, math.MaxInt64) }

// RequestsBelow gives a page of requests of all practices, the newest first,
// and of those that ask for a practice that there is not.
func (s *Store) RequestsBelow(ctx context.Context, p RequestPage) ([]ExportRequest, error) {
	if p.State != "" {
		return requestsOf(s.queries().RequestsBelowIn(ctx, gen.RequestsBelowInParams{State: p.State, Below: p.below(), Most: int64(p.Most)}))
	}
	return requestsOf(s.queries().RequestsBelow(ctx, gen.RequestsBelowParams{Below: p.below(), Most: int64(p.Most)}))
}

// RequestsBelow gives a page of the tenant's requests, the newest first.
func (s *Scope) RequestsBelow(ctx context.Context, p RequestPage) ([]ExportRequest, error) {
	return requestsOf(s.store.queries().TenantRequestsBelow(ctx, gen.TenantRequestsBelowParams{
		TenantID: s.tenant, Below: p.below(), State: sql.NullString{String: p.State, Valid: p.State != ""}, Most: int64(p.Most),
	}))
}

// CallbackOf gives the last call-back that a request of the tenant's has led
// to; ok is false when there is none.
func (s *Scope) CallbackOf(ctx context.Context, r ExportRequest) (c Callback, ok bool, err error) {
	row, err := s.store.queries().CallbackOfRequest(ctx, gen.CallbackOfRequestParams{TenantID: s.tenant, ExportID: r.Export, RequestID: r.ID})
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err != nil {
		return c, false, Explain(fmt.Errorf("look for a call-back: %w", err))
	}
	list, err := callbacksOf([]gen.Callback{row}, nil)
	return list[0], true, err
}

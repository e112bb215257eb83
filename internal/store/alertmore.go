package store

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/problem"
)

// LatestEndings gives the last end of an agreement of each tenant that had one,
// with its times only, by tenant.
func (s *Store) LatestEndings(ctx context.Context) (map[string]Ending, error) {
	rows, err := s.queries().LatestEndings(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("list the ends of agreements: %w", err))
	}
	list := make(map[string]Ending, len(rows))
	for _, r := range rows {
		list[r.TenantID] = Ending{OverAt: at(r.OverAt), ReturnedAt: at(r.ReturnedAt), BegunAt: at(r.BegunAt), EndedAt: at(r.EndedAt), CalledOffAt: at(r.CalledOffAt)}
	}
	return list, nil
}

// Refusals are the requests for a tenant that were refused, of one source.
type Refusals struct {
	Tenant   string // as the caller wrote it: it may be nobody's
	Source   string // FromTable, FromAPI or FromHook
	Requests int64
	Since    time.Time    // when the first was refused
	Code     problem.Code // of one of them
}

// RefusedRequests gives the requests that were refused after a time, by tenant
// and source.
func (s *Store) RefusedRequests(ctx context.Context, after time.Time) ([]Refusals, error) {
	rows, err := s.queries().RefusedRequests(ctx, ms(after))
	if err != nil {
		return nil, Explain(fmt.Errorf("count refused requests: %w", err))
	}
	list := make([]Refusals, len(rows))
	for i, r := range rows {
		list[i] = Refusals{Tenant: r.TenantID, Source: r.Source, Requests: r.Requests, Since: at(r.Since), Code: problem.Code(r.Code)}
	}
	return list, nil
}

// Untaken are the requests for a tenant that were not taken up yet.
type Untaken struct {
	Requests int64
	Since    time.Time // when the first was asked
}

// UntakenRequests gives the requests that were not taken up yet, by tenant, as
// the callers wrote it.
func (s *Store) UntakenRequests(ctx context.Context) (map[string]Untaken, error) {
	rows, err := s.queries().UntakenRequests(ctx)
	if err != nil {
		return nil, Explain(fmt.Errorf("count requests that wait: %w", err))
	}
	list := make(map[string]Untaken, len(rows))
	for _, r := range rows {
		list[r.TenantID] = Untaken{r.Requests, at(r.Since)}
	}
	return list, nil
}

package store

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/life"
)

// A Standing is how one practice stands: its latest export, and as of when its
// records are here.
type Standing struct {
	Tenant, Name, Registration string

	Frozen bool      // no longer configured
	NextAt time.Time // when its schedule is due; zero without one

	Export                   string // the latest; empty before the first
	State                    life.State
	StateAt, RequestedAt     time.Time
	Mode                     string
	Purpose                  Purpose
	WaitingUntil             time.Time
	WaitingFor, Progress     string
	Problem, Summary, Remedy string // of the latest; empty when it has none

	Completed       string    // the last export that completed; empty when there is none
	CompletedAt     time.Time // zero when there is none
	TransactionTime string    // what it holds is as of then, as the server wrote it
}

// Standings gives how every practice stands, by id, in one look at the ledger.
func (s *Store) Standings(ctx context.Context) ([]Standing, error) {
	return s.standings(ctx, "")
}

// Standing gives how one practice stands; false for one that the ledger has
// never seen.
func (s *Store) Standing(ctx context.Context, tenant string) (Standing, bool, error) {
	all, err := s.standings(ctx, tenant)
	if err != nil || len(all) == 0 || tenant == "" {
		return Standing{}, false, err
	}
	return all[0], true, nil
}

func (s *Store) standings(ctx context.Context, tenant string) ([]Standing, error) {
	rows, err := s.queries().Standings(ctx, tenant)
	if err != nil {
		return nil, Explain(fmt.Errorf("read how the practices stand: %w", err))
	}
	all := make([]Standing, len(rows))
	for i, r := range rows {
		all[i] = Standing{
			Tenant: r.TenantID, Name: r.Name, Registration: r.Registration, Frozen: r.TenantState == "frozen", NextAt: at(r.NextAt),
			Export: r.ExportID, State: life.State(r.State), StateAt: at(r.StateAt), RequestedAt: at(r.RequestedAt),
			Mode: r.Mode, Purpose: Purpose(r.Purpose), WaitingUntil: at(r.WaitingUntil), WaitingFor: r.WaitingFor, Progress: r.Progress,
			Problem: r.ProblemCode, Summary: r.ProblemSummary, Remedy: r.ProblemRemedy,
			Completed: r.CompletedExport, CompletedAt: at(r.CompletedAt), TransactionTime: r.TransactionTime,
		}
	}
	return all, nil
}

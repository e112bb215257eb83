package store

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/audit"
)

// A Sight is that somebody looked at patients' records, or signed in with a
// password beside the identity provider, once or more often. Of statements over
// the tables only those are sights that agreements did not permit (break-glass).
type Sight struct {
	Tenant string // whose records; empty: of no practice
	Action audit.Action
	Actor  string
	Last   time.Time
}

// Sights gives the sights since a time, by practice, act and person.
func (s *Store) Sights(ctx context.Context, since time.Time) ([]Sight, error) {
	rows, err := s.queries().Sights(ctx, ms(since))
	if err != nil {
		return nil, Explain(fmt.Errorf("list who looked at records: %w", err))
	}
	list := make([]Sight, len(rows))
	for i, r := range rows {
		list[i] = Sight{Tenant: r.TenantID, Action: audit.Action(r.Action), Actor: r.Actor, Last: at(r.LastAt)}
	}
	broken, err := s.queries().Emergencies(ctx, ms(since))
	if err != nil {
		return nil, Explain(fmt.Errorf("list who looked at records: %w", err))
	}
	for _, r := range broken {
		list = append(list, Sight{Action: audit.TablesQueried, Actor: r.Actor, Last: at(r.LastAt)})
	}
	return list, nil
}

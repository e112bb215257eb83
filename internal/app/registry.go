package app

import (
	"context"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// Record writes down that c is in force from now on, and by whom: its tenants
// are active, others are frozen. It gives how many of its parts changed.
func Record(ctx context.Context, s *store.Store, c *config.Config, by string) (changed int, err error) {
	if err := s.PutTenants(ctx, engine.Tenants(c)); err != nil {
		return 0, err
	}
	parts := c.Parts()
	registered := make([]store.Registered, len(parts))
	for i, p := range parts {
		registered[i] = store.Registered{Tenant: p.Tenant, Digest: p.Digest(), Text: p.Text}
	}
	return s.Apply(ctx, registered, by)
}

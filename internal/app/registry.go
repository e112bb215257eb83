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
	recorded, err := s.InForce(ctx)
	if err != nil {
		return 0, err
	}
	inForce := make([]config.Part, len(recorded))
	for i, p := range recorded {
		inForce[i] = config.Part{Tenant: p.Tenant, Text: p.Text, Frozen: p.Frozen}
	}
	parts := c.Parts()
	fields := map[string][]string{}
	var touched []string
	for _, change := range config.CompareParts(inForce, parts).Changes {
		for _, f := range change.Fields {
			fields[change.Tenant] = append(fields[change.Tenant], f.Field)
		}
		for i := range c.Tenants {
			if t := &c.Tenants[i]; change.Tenant == "" && change.Touches(c, t) {
				touched = append(touched, t.ID)
			}
		}
	}
	registered := make([]store.Registered, len(parts))
	for i, p := range parts {
		registered[i] = store.Registered{Tenant: p.Tenant, Digest: p.Digest(), Text: p.Text, Fields: fields[p.Tenant]}
		if p.Tenant == "" {
			registered[i].Touches = touched
		}
	}
	return s.Apply(ctx, registered, by)
}

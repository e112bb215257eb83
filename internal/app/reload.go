package app

import (
	"context"
	"errors"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/engine"
)

// InForce is the configuration by which the app works now. It may be called
// concurrently.
func (a *App) InForce() *config.Config { return a.inForce.Load() }

// Reload goes on by another configuration, without a pause, and records that
// it is in force, and by whom: steps that run end with what they began with,
// but for those of tenants that are gone or whose agreement has changed; those
// that follow see the new. Fields that need a start stay as they are; the
// difference that it gives is what was taken up. After an error the app works
// as before. It is called by one goroutine at a time, after Start.
func (a *App) Reload(ctx context.Context, c *config.Config, by string) (config.Diff, error) {
	before := a.InForce()
	next := c.Following(before)
	d := config.Compare(before, next)
	if d.Empty() {
		a.Refused(nil)
		return d, nil
	}
	connections, err := a.Connections.Following(next, unchanged(d))
	if err != nil {
		return d, err
	}
	steps, err := a.steps(next, connections)
	if err != nil {
		return d, err
	}
	if _, err := Record(ctx, a.Store, next, by); err != nil {
		return d, err
	}
	if err := a.Engine.Reload(ctx, engine.Setup{Config: next, Steps: steps, AtOnce: atOnce(d)}); err != nil {
		_, undone := Record(ctx, a.Store, before, by)
		return d, errors.Join(err, undone)
	}
	a.Connections = connections
	a.ways.Store(connections)
	a.sayUnusable(ctx, next)
	a.inForce.Store(next)
	a.useSinks()
	a.publishKeys(next)
	a.Refused(nil)
	return d, nil
}

// atOnce gives the tenants that are gone, or whose agreement has changed: no
// step of theirs may go on as it began (I1).
func atOnce(d config.Diff) []string {
	var tenants []string
	for i := range d.Changes {
		if c := &d.Changes[i]; c.Tenant != "" && c.Permits() {
			tenants = append(tenants, c.Tenant)
		}
	}
	return tenants
}

// unchanged reports for a tenant whether a difference leaves it as it was. What
// all tenants share may concern each of them.
func unchanged(d config.Diff) func(tenant string) bool {
	changed := map[string]bool{}
	for i := range d.Changes {
		changed[d.Changes[i].Tenant] = true
	}
	return func(tenant string) bool { return !changed[""] && !changed[tenant] }
}

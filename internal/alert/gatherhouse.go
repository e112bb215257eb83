package alert

import (
	"context"
	"slices"
	"time"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// house reads the facts that are of no one practice.
func (g *gatherer) house(ctx context.Context, c *config.Config, f *Facts, now time.Time) error {
	undelivered, err := g.o.Store.Undelivered(ctx, now.Add(-2*giveUpAfter))
	if err != nil {
		return err
	}
	for _, u := range undelivered {
		if slices.ContainsFunc(c.Alerts.Routes, func(r config.AlertRoute) bool { return r.Name == u.Route }) { // else somebody has taken it out
			f.Routes = append(f.Routes, RouteFacts(u))
		}
	}
	missed, err := g.o.Store.NotCalledBack(ctx, now.Add(-2*giveUpAfter))
	if err != nil {
		return err
	}
	for _, m := range missed {
		f.Callees = append(f.Callees, CalleeFacts(m))
	}
	seen, err := g.o.Store.Sights(ctx, now.Add(-sightTold))
	if err != nil {
		return err
	}
	for _, s := range seen {
		f.Sights = append(f.Sights, SightFact(s))
	}
	changes, err := g.o.Store.CredentialChanges(ctx, now.Add(-sightTold))
	if err != nil {
		return err
	}
	for _, ch := range changes {
		f.Credentials = append(f.Credentials, CredentialFact{Person: ch.Person, What: ch.What, Says: ch.Says(), By: ch.By, At: ch.At})
	}
	open, err := g.o.Store.OpenCircuits(ctx)
	if err != nil {
		return err
	}
	for _, o := range open {
		f.Circuits = append(f.Circuits, circuitFacts(c, o))
	}
	refused, err := g.o.Store.RefusedRequests(ctx, now.Add(-refusalTold))
	if err != nil {
		return err
	}
	f.Refusals = refusalFacts(c, refused)
	if g.o.Jams != nil {
		f.Jams = g.o.Jams()
	}
	if g.o.Files != nil {
		f.Files = g.o.Files()
	}
	if g.o.Verifies {
		f.Record.Since = g.began
	}
	f.Record.Chains, err = g.o.Store.AuditWatched(ctx)
	return err
}

// circuitFacts tells of a server that cannot be reached, and whose it is.
func circuitFacts(c *config.Config, o store.Circuit) CircuitFacts {
	f := CircuitFacts{Origin: o.Origin, Since: o.OpenedAt, Tried: o.ProbeAt, Why: o.LastError}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		if !usesServer(c, t, o.Origin) {
			continue
		}
		source := sourceOf(c, t)
		if len(f.Practices) == 0 {
			f.Source = source
		} else if f.Source != source {
			f.Source = ""
		}
		f.Practices = append(f.Practices, t.ID)
	}
	return f
}

// usesServer reports whether the configuration says that something of a
// practice is at an origin: its records or its tokens.
func usesServer(c *config.Config, t *config.Tenant, origin string) bool {
	if store.Origin(t.FHIRBaseURL) == origin {
		return true
	}
	r, ok := c.Registration(t)
	return ok && r.TokenURL != "" && store.Origin(r.TokenURL) == origin
}

// refusalFacts puts together what was refused for practices that nobody has
// configured: what their callers wrote in the place of an id is not told.
func refusalFacts(c *config.Config, list []store.Refusals) (facts []RefusalFacts) {
	for _, r := range list {
		f := RefusalFacts(r)
		if _, err := c.Tenant(r.Tenant); err == nil {
			facts = append(facts, f)
			continue
		}
		f.Tenant = ""
		i := slices.IndexFunc(facts, func(o RefusalFacts) bool { return o.Tenant == "" && o.Source == f.Source })
		if i < 0 {
			facts = append(facts, f)
			continue
		}
		facts[i].Requests += f.Requests
		if f.Since.Before(facts[i].Since) {
			facts[i].Since = f.Since
		}
	}
	return facts
}

package alert

import (
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/config"
	"github.com/bulkhead-fhir/bulkhead/internal/store"
)

// routes are the configured routes, and the practices whose alerts they take.
type routes struct {
	list    []config.AlertRoute
	tenants map[string]*config.Tenant
	config  *config.Config
}

func routesOf(c *config.Config) *routes {
	r := &routes{list: c.Alerts.Routes, tenants: make(map[string]*config.Tenant, len(c.Tenants)), config: c}
	for i := range c.Tenants {
		r.tenants[c.Tenants[i].ID] = &c.Tenants[i]
	}
	return r
}

// names gives the names of all routes.
func (r *routes) names() []string {
	names := make([]string, len(r.list))
	for i := range r.list {
		names[i] = r.list[i].Name
	}
	return names
}

// fitting gives the names of the routes on which an alert is told. That
// messages do not leave on a route is told on the others only.
func (r *routes) fitting(a store.Alert) []string {
	var names []string
	for i := range r.list {
		route := &r.list[i]
		if r.fits(route, a) && (Kind(a.Kind) != Delivery || a.Object != route.Name) {
			names = append(names, route.Name)
		}
	}
	return names
}

func (r *routes) fits(route *config.AlertRoute, a store.Alert) bool {
	if rank(a.Severity) < rank(route.Severity) {
		return false
	}
	if len(route.Kinds) > 0 && !slices.Contains(route.Kinds, a.Kind) {
		return false
	}
	if len(route.Tenants) == 0 && len(route.Owners) == 0 {
		return true
	}
	return slices.ContainsFunc(r.concerned(a), func(id string) bool {
		t, ok := r.tenants[id]
		return ok && route.Concerns(t) || !ok && slices.Contains(route.Tenants, id) // it has left the configuration
	})
}

// concerned gives the practices that an alert is about: its own, or those whose
// server cannot be reached.
func (r *routes) concerned(a store.Alert) (tenants []string) {
	switch {
	case a.Tenant != "":
		return []string{a.Tenant}
	case Kind(a.Kind) != Circuit:
		return nil
	}
	return circuitFacts(r.config, store.Circuit{Origin: a.Object}).Practices
}

package config

import (
	"fmt"
	"slices"
	"strings"
)

// Concerns reports whether a route takes alerts about a practice: it is among
// the route's tenants, or has one of its owners, or the route names neither.
func (r AlertRoute) Concerns(t *Tenant) bool {
	if len(r.Tenants)+len(r.Owners) == 0 || slices.Contains(r.Tenants, t.ID) {
		return true
	}
	return slices.ContainsFunc(r.Owners, func(owner string) bool { return owns(owner, t) })
}

// owns reports whether a name or an address is of somebody on our side of a
// practice.
func owns(owner string, t *Tenant) bool {
	return slices.ContainsFunc(t.Contacts, func(c Contact) bool {
		return c.Who == ContactUs && (c.Name != "" && strings.EqualFold(c.Name, owner) || c.Email != "" && strings.EqualFold(c.Email, owner))
	})
}

// Unheard says whose alerts would reach nobody: owners that a route names and
// no practice has, practices without a route, and what is of no practice.
func (a Alerts) Unheard(tenants []Tenant) (list []string) {
	if a.Off {
		return nil
	}
	house := false
	for _, r := range a.Routes {
		house = house || len(r.Tenants)+len(r.Owners) == 0
		for _, owner := range r.Owners {
			if !slices.ContainsFunc(tenants, func(t Tenant) bool { return owns(owner, &t) }) {
				list = append(list, fmt.Sprintf("the route %s is for %q, who is no contact on our side (who: us) of any practice", r.Name, owner))
			}
		}
	}
	if house {
		return list
	}
	var left []string
	for i := range tenants {
		if !slices.ContainsFunc(a.Routes, func(r AlertRoute) bool { return r.Concerns(&tenants[i]) }) {
			left = append(left, tenants[i].ID)
		}
	}
	if n := len(left); n > 0 {
		list = append(list, fmt.Sprintf("practices whose alerts no route takes: %d, such as %s", n, left[0]))
	}
	return append(list, "no route takes what is of no practice, such as a full disk: give one neither tenants nor owners")
}

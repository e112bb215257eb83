package config

import (
	"net/url"
	"path"
	"slices"
)

// FileAllowed reports whether an output file of the tenant's server may be
// fetched from a URL: on the origin of its FHIR base, on one that the tenant
// allows, or on one of the profile's patterns. A profile without patterns has
// no say.
func (c *Config) FileAllowed(t *Tenant, file string) bool {
	patterns := c.Profile(t).FileOrigins
	if len(patterns) == 0 {
		return true
	}
	u, err := url.Parse(file)
	if err != nil {
		return false
	}
	origin := u.Scheme + "://" + u.Host
	if base, err := url.Parse(t.FHIRBaseURL); err == nil && origin == base.Scheme+"://"+base.Host || slices.Contains(t.AllowedOrigins, origin) {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, origin)
		return ok && err == nil
	})
}

package config

import (
	"net/url"
	"path"
	"slices"
	"strings"
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
	origin := u.Scheme + "://" + strings.ToLower(u.Host)
	if base, err := url.Parse(t.FHIRBaseURL); err == nil && origin == base.Scheme+"://"+strings.ToLower(base.Host) {
		return true
	}
	if slices.ContainsFunc(t.AllowedOrigins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, origin)
		return ok && err == nil
	})
}

// FollowsRedirect reports whether the profile lets a file request of the
// tenant's server be redirected from one URL to another. Where to is another
// origin than that of the FHIR base, the profile's patterns have a say too.
func (c *Config) FollowsRedirect(t *Tenant, from, to *url.URL) bool {
	switch c.Profile(t).RedirectFiles {
	case Refuse:
		return false
	case SameOrigin:
		return from.Scheme == to.Scheme && strings.EqualFold(from.Host, to.Host)
	default:
		return c.FileAllowed(t, to.String())
	}
}

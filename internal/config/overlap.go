package config

import (
	"net/url"
	"strings"
)

// An Overlap is a practice that asks for the same patients as an earlier one.
type Overlap struct{ Tenant, Earlier string }

// Overlaps gives the practices that ask the same server for the same patients as
// an earlier one: for the same group, or both without a group for all. It can be
// meant, for other types or another purpose; mostly the file of one practice was
// copied for the next.
func (c *Config) Overlaps() []Overlap {
	var list []Overlap
	first := map[string]string{}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		of := sameURL(t.FHIRBaseURL) + " " + t.Group
		if earlier, known := first[of]; known {
			list = append(list, Overlap{Tenant: t.ID, Earlier: earlier})
			continue
		}
		first[of] = t.ID
	}
	return list
}

// sameURL writes URLs of one address alike.
func sameURL(text string) string {
	text = strings.TrimRight(text, "/")
	if u, err := url.Parse(text); err == nil {
		u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
		return u.String()
	}
	return text
}

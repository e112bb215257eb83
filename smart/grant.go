package smart

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/oauth2"
)

// A Grant compares the scopes that a server granted with those asked for.
type Grant struct {
	// Scopes are the granted ones; those asked for when the server did not say.
	Scopes []string
	// Stated says that the server named the granted scopes, as it has to.
	Stated bool
	// Missing are scopes asked for that nothing granted covers.
	Missing []string
	// Listed are the scopes for all types ("*") that were granted as a list of
	// types instead: enough, as far as the list goes.
	Listed []string
	// Beyond are granted scopes that nobody asked for, of resources and without
	// a search; Others is the number of the others, which may be any words of
	// the server's.
	Beyond []string
	Others int
}

// ReviewGrant compares what came with a token of this package with what was
// asked for.
func ReviewGrant(token *oauth2.Token, requested []string) Grant {
	granted, stated := GrantedScopes(token)
	if !stated {
		return Grant{Scopes: slices.Clone(requested)}
	}
	g := Grant{Scopes: granted, Stated: true}
	for _, text := range Missing(granted, requested) {
		if s, err := ParseScope(text); err != nil || s.Query != "" {
			g.Others++
			continue
		}
		g.Beyond = append(g.Beyond, text)
	}
	for _, text := range Missing(requested, granted) {
		if hasList(text, granted) {
			g.Listed = append(g.Listed, text)
			continue
		}
		g.Missing = append(g.Missing, text)
	}
	return g
}

// hasList reports whether a scope for all types was granted for some type.
func hasList(text string, granted []string) bool {
	want, err := ParseScope(text)
	if err != nil || want.Type != "*" {
		return false
	}
	return slices.ContainsFunc(granted, func(other string) bool {
		have, err := ParseScope(other)
		want.Type = have.Type
		return err == nil && covered(want.v2(), granted)
	})
}

// Covers reports whether the grant lets the resource type be read and searched.
func (g Grant) Covers(resourceType string) bool {
	return covered(ScopesV2.Read(resourceType), g.Scopes)
}

// Warnings says in our words what a person should know before an export.
func (g Grant) Warnings() []string {
	var list []string
	add := func(scopes []string, format string) {
		if len(scopes) > 0 {
			list = append(list, fmt.Sprintf(format, strings.Join(scopes, " ")))
		}
	}
	switch {
	case !g.Stated:
		list = append(list, "the server does not say which scopes it granted; those asked for count as granted")
	case len(g.Scopes) == 0:
		list = append(list, "the server granted no scope at all")
	}
	add(g.Missing, "not granted: %s")
	add(g.Listed, "granted for a list of types only: %s")
	add(g.Beyond, "granted though not asked for: %s")
	if g.Others > 0 {
		list = append(list, fmt.Sprintf("granted though not asked for: %d scopes of another form", g.Others))
	}
	return list
}

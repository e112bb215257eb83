package config

import (
	"slices"
	"strings"
)

// Scopes returns the scopes to ask for when the given types are exported; a
// style that is to be discovered is taken for v1. See ScopesIn.
func (p *Profile) Scopes(types []string) []string { return p.ScopesIn(p.Scope.Style, types) }

// ScopesIn returns the scopes to ask for when the given types are exported,
// without repetition: what the profile always asks for, then one scope for
// each type in the order given. No types means all of them. style spells what
// the profile does not spell itself: v2, or else v1. Since one scope too many
// fails the whole token request at some vendors, nothing else is ever added.
// https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
func (p *Profile) ScopesIn(style ScopeStyle, types []string) []string {
	letters := "read"
	if style == ScopesV2 {
		letters = "rs"
	}
	all, each := or(p.Scope.All, "system/*."+letters), or(p.Scope.Each, "system/{type}."+letters)
	scopes := slices.Clone(p.Scope.Always)
	add := func(scope string) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(types) == 0 {
		add(all)
	}
	for _, t := range types {
		if scope, ok := p.Scope.ByType[t]; ok {
			add(scope)
			continue
		}
		add(strings.ReplaceAll(each, "{type}", t))
	}
	return scopes
}

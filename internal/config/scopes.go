package config

import (
	"slices"
	"strings"
)

// Scopes returns the scopes to ask for when the given types are exported,
// without repetition: what the profile always asks for, then one scope for
// each type in the order given. No types means all of them. Since one scope
// too many fails the whole token request at some vendors, nothing else is
// ever added.
// https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html
func (p *Profile) Scopes(types []string) []string {
	scopes := slices.Clone(p.Scope.Always)
	add := func(scope string) {
		if !slices.Contains(scopes, scope) {
			scopes = append(scopes, scope)
		}
	}
	if len(types) == 0 {
		add(p.Scope.All)
	}
	for _, t := range types {
		if scope, ok := p.Scope.ByType[t]; ok {
			add(scope)
			continue
		}
		add(strings.ReplaceAll(p.Scope.Each, "{type}", t))
	}
	return scopes
}

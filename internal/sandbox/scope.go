package sandbox

import (
	"regexp"
	"slices"
	"strings"
)

// onlyR are the types for which eClinicalWorks lists no scope but .r.
var onlyR = []string{
	"Binary", "Claim", "Coverage", "Media", "MedicationDispense", "QuestionnaireResponse",
	"RelatedPerson", "ServiceRequest", "Specimen",
}

// scopes returns the scopes that a practice lists for the types it offers, as
// discovery shows them and as the token endpoint grants them.
func (p *PracticeServer) scopes(k Knobs) []string {
	suffixes := []string{".read", ".rs", ".r"}
	all := []string{"system/*.r", "system/*.read", "system/*.rs"}
	switch k.ScopeDialect {
	case ScopesMixed:
		all = all[:1]
	case ScopesRead, ScopesRS, ScopesR:
		suffixes = []string{"." + string(k.ScopeDialect)}
		all = []string{"system/*" + suffixes[0]}
	}
	for _, t := range p.offered(k) {
		if k.ScopeDialect == ScopesMixed && slices.Contains(onlyR, t) {
			all = append(all, "system/"+t+".r")
			continue
		}
		for _, suffix := range suffixes {
			all = append(all, "system/"+t+suffix)
		}
	}
	return all
}

// narrow takes from scopes what names a type of without. A scope of all types
// becomes one scope of each other type on offer.
func narrow(scopes, without, offered []string) []string {
	if len(without) == 0 {
		return scopes
	}
	var left []string
	for _, s := range scopes {
		switch t := readType(s); {
		case t == "*":
			_, suffix, _ := strings.Cut(s, ".")
			for _, other := range offered {
				if t := readType(other); t != "*" && strings.HasSuffix(other, "."+suffix) && !slices.Contains(without, t) {
					left = append(left, other)
				}
			}
		case !slices.Contains(without, t):
			left = append(left, s)
		}
	}
	return left
}

var systemScope = regexp.MustCompile(`^system/(\*|[A-Z][A-Za-z]*)\.(read|\*|c?r?u?d?s?)$`)

// readType returns the type that a scope lets a client read, "*" for all, or
// "" when it lets nothing be read.
// https://hl7.org/fhir/smart-app-launch/STU2/scopes-and-launch-context.html
func readType(scope string) string {
	m := systemScope.FindStringSubmatch(scope)
	if m == nil || (m[2] != "*" && !strings.Contains(m[2], "r")) {
		return ""
	}
	return m[1]
}

// readable picks from types those that scopes let a client read.
func readable(scopes, types []string) []string {
	return slices.DeleteFunc(slices.Clone(types), func(t string) bool {
		return !slices.ContainsFunc(scopes, func(s string) bool {
			granted := readType(s)
			return granted == "*" || granted == t
		})
	})
}

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
	ecw := p.cfg.Profile == ProfileECW
	all := []string{"system/*.r"}
	if !ecw {
		all = append(all, "system/*.read", "system/*.rs")
	}
	for _, t := range p.offered(k) {
		if ecw && slices.Contains(onlyR, t) {
			all = append(all, "system/"+t+".r")
			continue
		}
		all = append(all, "system/"+t+".read", "system/"+t+".rs", "system/"+t+".r")
	}
	return all
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

package quality

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// A Question is something that a person should look at, and who can answer it.
type Question struct {
	Kind   string `json:"kind"`             // one of the Kind constants
	About  string `json:"about"`            // a resource type, a link such as "Observation -> Patient", or empty
	Says   string `json:"says"`             // what is seen
	Remedy string `json:"remedy"`           // who can do what about it
	Weight int64  `json:"weight,omitempty"` // how many resources or links it is about
}

// The kinds of questions, the worst first.
const (
	KindVanished    = "type_vanished"    // a type that came before, and not now
	KindShrunk      = "type_shrunk"      // far fewer resources than before, in a full export
	KindQuarantined = "lines_refused"    // many lines were refused
	KindMissing     = "links_to_nothing" // many references lead to nothing
	KindErrors      = "profile_errors"   // many resources break rules of their profile
	KindGrown       = "type_grown"       // far more resources than before, in a full export
)

var kinds = []string{KindVanished, KindShrunk, KindQuarantined, KindMissing, KindErrors, KindGrown}

// When a share is worth a question.
const (
	shrunkBelow  = 0.8  // of the number before
	grownAbove   = 1.5  // of the number before
	refusedAbove = 0.01 // of all lines
	missingAbove = 0.05 // of the links of one kind
	errorsAbove  = 0.2  // of the resources of one type
	few          = 20   // below so many, shares say nothing
)

// ask looks for what a person should see. before may be nil.
func ask(s, before *Summary) []Question {
	var list []Question
	if s.Mode == "full" && before != nil {
		for _, t := range s.Types {
			list = append(list, changed(t)...)
		}
	}
	if n := s.Quarantined; n > 0 && share(n, s.Lines-s.Blank) > refusedAbove {
		list = append(list, Question{
			KindQuarantined, "", fmt.Sprintf("%d of %d lines were refused", n, s.Lines-s.Blank),
			"See bulkhead quarantine list " + s.Tenant + " for the reasons; what the server sends wrongly, its vendor must mend.", n,
		})
	}
	for _, l := range s.Links {
		if l.Missing > 0 && l.Links >= few && share(l.Missing, l.Links) > missingAbove {
			list = append(list, Question{
				KindMissing, l.From + " -> " + l.To, fmt.Sprintf("%d of %d references lead to no %s that ever came", l.Missing, l.Links, l.To),
				missingRemedy(l), l.Missing,
			})
		}
	}
	for _, t := range s.Types {
		judged := t.Verdicts.Total() // those too that were refused for what they break
		if n := t.Verdicts.Errors; judged >= few && share(n, judged) > errorsAbove {
			list = append(list, Question{
				KindErrors, t.ResourceType, fmt.Sprintf("%d of %d resources break a rule of %s%s", n, judged, GuideName(s.Guide), worst(s, t.ResourceType)),
				"The server sends them so; the practice's vendor can say why. They are delivered all the same, unless validation.on_error is quarantine.", n,
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Question) int {
		return cmp.Or(cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)), cmp.Compare(b.Weight, a.Weight))
	})
	return list
}

// GuideName calls a version of the rules by its name, for people.
func GuideName(version string) string {
	if version == string(uscore.R4) {
		return "FHIR R4"
	}
	return "US Core " + version
}

func changed(t Type) []Question {
	if t.Before == nil || *t.Before < few {
		return nil
	}
	was, now := *t.Before, t.Resources
	const remedy = "Ask the practice whether that is so; if not, compare the granted scopes with bulkhead check, and ask for the roster of the group."
	switch r := share(now, was); {
	case now == 0:
		return []Question{{KindVanished, t.ResourceType, fmt.Sprintf("none was delivered, the full export before had %d", was), remedy, was}}
	case r < shrunkBelow:
		return []Question{{KindShrunk, t.ResourceType, fmt.Sprintf("%d were delivered, the full export before had %d", now, was), remedy, was - now}}
	case r > grownAbove:
		return []Question{{
			KindGrown, t.ResourceType, fmt.Sprintf("%d were delivered, the full export before had %d", now, was),
			"Ask the practice whether the group has grown; a merged practice or another group is possible.", now - was,
		}}
	}
	return nil
}

// missingRemedy says who can see to links that lead nowhere.
func missingRemedy(l Link) string {
	if l.Missing == l.Links {
		return "No " + l.To + " ever came: add it to the types if the agreement permits it, or ask the practice whether its server exports it."
	}
	return "The server may hold results back until they are released, or leave resources outside of the group; ask the practice's vendor."
}

// worst names the most frequent error of a type.
func worst(s *Summary, resourceType string) string {
	for _, f := range s.Findings {
		if of, _, _ := strings.Cut(f.Path, "."); f.Severity == "error" && of == resourceType {
			return fmt.Sprintf(", most often %s (%s)", f.Path, f.Rule)
		}
	}
	return ""
}

func share(n, of int64) float64 { return float64(n) / float64(max(of, 1)) }

// Package judge applies the rules of a US Core guide to resources and counts
// what they say: by type, by profile, and by rule. Its counts hold no content.
//
// It never parses a resource, and never decides what becomes of one.
//
// The rules are package uscore's: https://hl7.org/fhir/us/core/
package judge

import (
	"cmp"
	"maps"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// MaxFindings is how many kinds of findings [Totals.Findings] lists.
const MaxFindings = 100

// Verdicts count resources by what the rules of a guide say about them.
type Verdicts struct {
	Conform   int64 `json:"conform,omitempty"`
	Warnings  int64 `json:"warnings,omitempty"`   // conform, with warnings
	Errors    int64 `json:"errors,omitempty"`     // break a rule
	NoProfile int64 `json:"no_profile,omitempty"` // fit no profile of the guide, and break no rule of base R4
}

// Add adds other verdicts to v.
func (v *Verdicts) Add(more Verdicts) {
	v.Conform += more.Conform
	v.Warnings += more.Warnings
	v.Errors += more.Errors
	v.NoProfile += more.NoProfile
}

// Total returns how many resources were judged.
func (v *Verdicts) Total() int64 { return v.Conform + v.Warnings + v.Errors + v.NoProfile }

func (v *Verdicts) count(l uscore.Level) {
	switch l {
	case uscore.Conforms:
		v.Conform++
	case uscore.Warning:
		v.Warnings++
	case uscore.Error:
		v.Errors++
	case uscore.NoProfile:
		v.NoProfile++
	}
}

// ProfileLines count the resources that were judged by one profile.
type ProfileLines struct {
	Profile string `json:"profile"` // canonical URL
	Verdicts
}

// A Finding counts the resources that break one rule in one place.
type Finding struct {
	Severity string `json:"severity"` // error or warning
	Profile  string `json:"profile"`  // canonical URL
	Rule     string `json:"rule"`     // see uscore.Issue
	Path     string `json:"path"`     // element id, such as Patient.identifier.system
	Lines    int64  `json:"lines"`    // how often
}

// A Judge judges the resources of one type. It belongs to one goroutine.
type Judge struct {
	checker  *uscore.Checker
	verdicts Verdicts
	profiles map[string]*Verdicts
	findings map[Finding]int64
	last     struct { // most resources in a row are of one profile
		profile string
		verdict *Verdicts
	}
}

// New returns a judge by rules; nil rules give a nil judge.
func New(rules *uscore.Rules) *Judge {
	if rules == nil {
		return nil
	}
	j := &Judge{checker: rules.NewChecker()}
	j.Reset()
	return j
}

// Reset forgets what was counted. A nil judge has counted nothing.
func (j *Judge) Reset() {
	if j != nil {
		*j = Judge{checker: j.checker, profiles: map[string]*Verdicts{}, findings: map[Finding]int64{}}
	}
}

// Check judges the resource on t, which was parsed with the shape of the rules,
// and counts it. The verdict is valid until the next Check.
func (j *Judge) Check(t *tape.Tape) uscore.Verdict {
	v := j.checker.Check(t)
	j.verdicts.count(v.Level)
	if v.Profile != "" {
		j.of(v.Profile).count(v.Level)
	}
	for _, i := range v.Issues {
		j.findings[Finding{Severity: i.Severity.String(), Profile: i.Profile, Rule: i.Rule, Path: i.Path}]++
	}
	return v
}

// FirstError returns the first issue of severity error; nil when there is none.
func FirstError(v uscore.Verdict) *uscore.Issue {
	for i := range v.Issues {
		if v.Issues[i].Severity == uscore.SeverityError {
			return &v.Issues[i]
		}
	}
	return nil
}

func (j *Judge) of(profile string) *Verdicts {
	if j.last.verdict != nil && j.last.profile == profile {
		return j.last.verdict
	}
	if j.profiles[profile] == nil {
		j.profiles[profile] = &Verdicts{}
	}
	j.last.profile, j.last.verdict = profile, j.profiles[profile]
	return j.last.verdict
}

// Totals add up what several judges saw. The zero value is ready to use; it
// belongs to one goroutine.
type Totals struct {
	types    map[string]*ofType
	findings map[Finding]int64
}

type ofType struct {
	verdicts Verdicts
	profiles map[string]*Verdicts
}

// Add adds what a judge saw of a type. A nil judge, and one that saw nothing,
// add nothing.
func (t *Totals) Add(resourceType string, j *Judge) {
	if j == nil || j.verdicts == (Verdicts{}) {
		return
	}
	if t.types == nil {
		t.types, t.findings = map[string]*ofType{}, map[Finding]int64{}
	}
	sum := t.types[resourceType]
	if sum == nil {
		sum = &ofType{profiles: map[string]*Verdicts{}}
		t.types[resourceType] = sum
	}
	sum.verdicts.Add(j.verdicts)
	for profile, v := range j.profiles {
		if sum.profiles[profile] == nil {
			sum.profiles[profile] = &Verdicts{}
		}
		sum.profiles[profile].Add(*v)
	}
	for f, n := range j.findings {
		t.findings[f] += n
	}
}

// Any reports whether a resource of the type was judged, or of any type when it
// is empty.
func (t *Totals) Any(resourceType string) bool {
	return resourceType == "" && len(t.types) > 0 || t.types[resourceType] != nil
}

// Of returns what was seen of a type, its profiles in alphabetical order.
func (t *Totals) Of(resourceType string) (Verdicts, []ProfileLines) {
	sum := t.types[resourceType]
	if sum == nil {
		return Verdicts{}, nil
	}
	var lines []ProfileLines
	for _, profile := range slices.Sorted(maps.Keys(sum.profiles)) {
		lines = append(lines, ProfileLines{profile, *sum.profiles[profile]})
	}
	return sum.verdicts, lines
}

// Findings lists what was met most often.
func (t *Totals) Findings() []Finding { return MostFrequent(t.findings) }

// MostFrequent lists counted findings, the most frequent first, at most
// MaxFindings of them. The keys have no Lines.
func MostFrequent(findings map[Finding]int64) []Finding {
	var all []Finding
	for f, n := range findings {
		f.Lines = n
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule))
	})
	return all[:min(len(all), MaxFindings)]
}

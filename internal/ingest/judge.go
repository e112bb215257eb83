package ingest

import (
	"cmp"
	"maps"
	"slices"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
	"github.com/bulkhead-fhir/bulkhead/tape"
	"github.com/bulkhead-fhir/bulkhead/uscore"
)

// maxFindings is how many kinds of findings a Summary lists.
const maxFindings = 100

// Verdicts count resources by what the rules of a guide say about them.
type Verdicts struct {
	Conform   int64 `json:"conform,omitempty"`
	Warnings  int64 `json:"warnings,omitempty"`   // conform, with warnings
	Errors    int64 `json:"errors,omitempty"`     // break a rule
	NoProfile int64 `json:"no_profile,omitempty"` // fit no profile of the guide, and no rule of base R4 is broken
}

// Add adds other verdicts to v.
func (v *Verdicts) Add(more Verdicts) {
	v.Conform += more.Conform
	v.Warnings += more.Warnings
	v.Errors += more.Errors
	v.NoProfile += more.NoProfile
}

func (v *Verdicts) count(l uscore.Level) {
	switch l {
	case uscore.Conforms:
		v.Conform++
	case uscore.Warning:
		v.Warnings++
	case uscore.Error:
		v.Errors++
	default:
		v.NoProfile++
	}
}

// ProfileLines count the resources that were judged by one profile.
type ProfileLines struct {
	Profile string `json:"profile"` // canonical URL
	Verdicts
}

// A Finding counts the resources that break one rule in one place. It holds no
// content.
type Finding struct {
	Severity string `json:"severity"` // error or warning
	Profile  string `json:"profile"`  // canonical URL
	Rule     string `json:"rule"`     // see uscore.Issue
	Path     string `json:"path"`     // element id, such as Patient.identifier.system
	Lines    int64  `json:"lines"`    // how often
}

// A judge applies a guide's rules to the resources of one type. It belongs to
// one worker.
type judge struct {
	checker  *uscore.Checker
	refuse   bool
	verdicts Verdicts
	profiles map[string]*Verdicts
	findings map[Finding]int64
	last     struct { // most resources in a row are of one profile
		profile string
		verdict *Verdicts
	}
}

func newJudge(rules *uscore.Rules, refuse bool) *judge {
	if rules == nil {
		return nil
	}
	return &judge{checker: rules.NewChecker(), refuse: refuse, profiles: map[string]*Verdicts{}, findings: map[Finding]int64{}}
}

// judge counts a resource, and returns why it is to be refused; empty when it
// is to be delivered.
func (j *judge) judge(t *tape.Tape) string {
	v := j.checker.Check(t)
	j.verdicts.count(v.Level)
	if v.Profile != "" {
		j.of(v.Profile).count(v.Level)
	}
	refused := ""
	for _, i := range v.Issues {
		j.findings[Finding{Severity: i.Severity.String(), Profile: i.Profile, Rule: i.Rule, Path: i.Path}]++
		if refused == "" && j.refuse && i.Severity == uscore.SeverityError {
			refused = quarantine.ReasonProfile + i.Rule + ":" + i.Path
		}
	}
	return refused
}

func (j *judge) of(profile string) *Verdicts {
	if j.last.verdict != nil && j.last.profile == profile {
		return j.last.verdict
	}
	if j.profiles[profile] == nil {
		j.profiles[profile] = &Verdicts{}
	}
	j.last.profile, j.last.verdict = profile, j.profiles[profile]
	return j.last.verdict
}

// report adds what was seen of a type to what all workers saw.
func (j *judge) report(t *tally, resourceType string) {
	if j == nil || j.verdicts == (Verdicts{}) {
		return
	}
	t.judged(resourceType).verdicts.Add(j.verdicts)
	for profile, v := range j.profiles {
		known := t.judged(resourceType).profiles
		sum := known[profile]
		sum.Add(*v)
		known[profile] = sum
	}
	addAll(t.findings, j.findings)
}

// judgements are what all workers saw of one type.
type judgements struct {
	verdicts Verdicts
	profiles map[string]Verdicts
}

func (t *tally) judged(resourceType string) *judgements {
	if t.judgements[resourceType] == nil {
		t.judgements[resourceType] = &judgements{profiles: map[string]Verdicts{}}
	}
	return t.judgements[resourceType]
}

// typeLines gives the counts of one type.
func (t *tally) typeLines(name string) TypeLines {
	lines := TypeLines{Type: name, Lines: t.types[name]}
	seen := t.judgements[name]
	if seen == nil {
		return lines
	}
	lines.Verdicts = seen.verdicts
	for _, profile := range slices.Sorted(maps.Keys(seen.profiles)) {
		lines.Profiles = append(lines.Profiles, ProfileLines{profile, seen.profiles[profile]})
	}
	return lines
}

// mostFrequent lists the findings that were met most often.
func mostFrequent(findings map[Finding]int64) []Finding {
	var all []Finding
	for f, n := range findings {
		f.Lines = n
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(b.Lines, a.Lines), cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule))
	})
	return all[:min(len(all), maxFindings)]
}

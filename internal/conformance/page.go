package main

import (
	"fmt"
	"strings"
)

// sections are the parts of the page, by the beginning of rules' ids.
var sections = []struct{ title, intro, prefixes string }{
	{"Bulk Data Access", "Rules of the [Bulk Data Access](https://hl7.org/fhir/uv/bulkdata/) guide for a client. Releases: 1 to 4 are STU1 (1.0.1), STU2, STU3 and STU4 (4.0.0-ballot).", "BD-"},
	{"SMART Backend Services", "Rules of [SMART Backend Services](https://hl7.org/fhir/smart-app-launch/backend-services.html) for a client. Releases: B1 is the authorization page of Bulk Data STU1; 2.0 to 2.2 are those of SMART App Launch; Bulk-1 to Bulk-4 are token rules of Bulk Data.", "BS-"},
	{"Habits of servers", "What real servers do beside the standard, and an export must survive: at kick-off (K), while polling (P), in the manifest (M), at downloads (D), in the files (N), at the token endpoint (A). The sandbox plays each; `bulkhead sandbox --list` names the knobs.", "K P M D N A"},
}

// markdown is the page. It holds nothing that differs from run to run.
func (m *matrix) markdown() string {
	var b strings.Builder
	b.WriteString("# Conformance\n\nEvery rule of the standards for a client, and the tests that show it. `make conformance` runs them and writes this page.\n" +
		"A rule is *shown* when at least one test claims it (by `t.Attr(\"shows\", …)`) and all that do pass. A rule marked * is a choice of ours where the texts are silent.\n\n" +
		"| strength | rules | shown | not shown | later |\n|---|---:|---:|---:|---:|\n")
	for _, t := range m.totals() {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", t.strength, t.rules, t.shown, t.failing+t.open, t.later)
	}
	b.WriteString("\n*Later* are the parts of release 4 that are not built yet: cohorts, publication and submission.\n")
	m.writeUnmet(&b)
	for _, s := range sections {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n| rule | strength | releases | what | result | tests |\n|---|---|---|---|---|---|\n", s.title, s.intro)
		for _, l := range m.lines {
			if l.in(s.prefixes) {
				fmt.Fprintf(&b, "| %s | %s%s | %s | %s | %s | %s |\n", l.id, l.strength, star(l.ours), l.versions, l.title, l.state(), names(l.tests))
			}
		}
	}
	return b.String()
}

// writeUnmet lists what is not met, with the reason.
func (m *matrix) writeUnmet(b *strings.Builder) {
	head := "\n## Not met\n\n| rule | strength | what | why |\n|---|---|---|---|\n"
	for _, l := range m.lines {
		if l.shown() || l.later {
			continue
		}
		why := l.reason
		if why == "" {
			why = "no test shows it"
		}
		fmt.Fprintf(b, "%s| %s | %s | %s | %s |\n", head, l.id, l.strength, l.title, why)
		head = ""
	}
}

// in reports whether the rule belongs to a section: its id begins with one of
// the words, and for the letters of quirks a number follows.
func (l line) in(prefixes string) bool {
	for p := range strings.FieldsSeq(prefixes) {
		rest, ok := strings.CutPrefix(l.id, p)
		if ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return true
		}
	}
	return false
}

func star(ours bool) string {
	if ours {
		return " \\*"
	}
	return ""
}

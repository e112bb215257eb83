package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// A line is one rule of the matrix.
type line struct {
	rule
	reason string // why it is not met, or ""
	tests  []test // that claim it
	broken []string
}

// shown reports whether a test claims the rule and all that do have passed.
func (l line) shown() bool { return len(l.tests) > 0 && len(l.broken) == 0 }

// state is one word for what came of the rule.
func (l line) state() string {
	switch {
	case len(l.broken) > 0:
		return "failing"
	case len(l.tests) > 0:
		return "shown"
	case l.later:
		return "later"
	case l.reason != "":
		return "not met"
	}
	return "not shown"
}

// A matrix is all rules with what came of them.
type matrix struct{ lines []line }

func newMatrix(book *ruleBook, claims []claim, s seen) *matrix {
	m := &matrix{}
	tests := testsOf(claims)
	for t := range s { // a test of another module's stream has no claim here
		if !slices.Contains(tests, t) {
			tests = append(tests, t)
		}
	}
	slices.SortFunc(tests, compareTests)
	for _, r := range book.rules {
		l := line{rule: r, reason: book.reasons[r.id]}
		for _, t := range tests {
			switch came, ok := s[t][r.id]; {
			case !ok:
			case came == passed:
				l.tests = append(l.tests, t)
			default:
				l.tests = append(l.tests, t)
				l.broken = append(l.broken, fmt.Sprintf("%s: %s", t, came))
			}
		}
		m.lines = append(m.lines, l)
	}
	return m
}

// leastShould is the share of SHOULD and SHOULD NOT rules that must be shown.
const leastShould = 0.95

// faults tells, one a line, what keeps the matrix from being whole.
func (m *matrix) faults() []string {
	var faults []string
	shouldAll, shouldShown := 0, 0
	for _, l := range m.lines {
		if l.strength == should || l.strength == shouldNot {
			if !l.later {
				shouldAll++
			}
			if l.shown() && !l.later {
				shouldShown++
			}
		}
		switch {
		case len(l.broken) > 0:
			faults = append(faults, fmt.Sprintf("%s (%s) fails: %s", l.id, l.strength, strings.Join(l.broken, "; ")))
		case l.shown() && l.reason != "":
			faults = append(faults, fmt.Sprintf("%s is shown, and listed as an exception", l.id))
		case l.shown() || l.later:
		case l.binding():
			faults = append(faults, fmt.Sprintf("%s (%s) is not shown by any test: %s", l.id, l.strength, l.title))
		case l.reason == "":
			faults = append(faults, fmt.Sprintf("%s (%s) is not shown by any test and has no reason: %s", l.id, l.strength, l.title))
		}
	}
	if float64(shouldShown) < leastShould*float64(shouldAll) {
		faults = append(faults, fmt.Sprintf("%d of %d SHOULD rules are shown, fewer than %.0f %%", shouldShown, shouldAll, 100*leastShould))
	}
	return faults
}

// A total counts the rules of one strength.
type total struct {
	strength                           string
	rules, shown, failing, open, later int
}

func (m *matrix) totals() []total {
	var all []total
	for _, s := range strengths {
		t := total{strength: s}
		for _, l := range m.lines {
			if l.strength != s {
				continue
			}
			t.rules++
			switch l.state() {
			case "shown":
				t.shown++
			case "failing":
				t.failing++
			case "later":
				t.later++
			default:
				t.open++
			}
		}
		all = append(all, t)
	}
	return all
}

// print writes the matrix as a table of text.
func (m *matrix) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "RULE\tSTRENGTH\tRELEASES\tRESULT\tTESTS")
	for _, l := range m.lines {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", l.id, l.strength, l.versions, l.state(), names(l.tests))
	}
	fmt.Fprintln(w, "\nSTRENGTH\tRULES\tSHOWN\tFAILING\tNOT SHOWN\tLATER")
	for _, t := range m.totals() {
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\n", t.strength, t.rules, t.shown, t.failing, t.open, t.later)
	}
	return w.Flush()
}

// names lists tests by package.
func names(tests []test) string {
	var b strings.Builder
	pkg := ""
	for _, t := range tests {
		switch {
		case t.pkg != pkg && pkg != "":
			b.WriteString("; " + t.pkg + ": ")
		case t.pkg != pkg:
			b.WriteString(t.pkg + ": ")
		default:
			b.WriteString(", ")
		}
		pkg = t.pkg
		b.WriteString(t.name)
	}
	return b.String()
}

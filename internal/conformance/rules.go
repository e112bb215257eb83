package main

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
)

//go:embed rules.csv
var rulesCSV string

//go:embed exceptions.csv
var exceptionsCSV string

// Strengths of rules. A quirk is a habit of real servers that an export must
// survive; it is as binding as what the standard tolerates.
const (
	shall     = "SHALL"
	shallNot  = "SHALL NOT"
	tolerate  = "TOLERATE"
	should    = "SHOULD"
	shouldNot = "SHOULD NOT"
	may       = "MAY"
	quirk     = "QUIRK"
)

var strengths = []string{shall, shallNot, tolerate, should, shouldNot, may, quirk}

// A rule is one line of rules.csv.
type rule struct {
	id       string
	strength string
	versions string // releases, with spaces between
	ours     bool   // a choice of ours where the texts are silent
	later    bool   // of a part of the standard that is not built yet
	title    string
}

// binding reports whether the rule must be shown, whatever the reason.
func (r rule) binding() bool {
	return slices.Contains([]string{shall, shallNot, tolerate, quirk}, r.strength)
}

// A ruleBook is all rules in their order, and why some are not met.
type ruleBook struct {
	rules   []rule
	reasons map[string]string
}

func loadRules() (*ruleBook, error) { return readRules(rulesCSV, exceptionsCSV) }

func readRules(rules, exceptions string) (*ruleBook, error) {
	book := &ruleBook{reasons: map[string]string{}}
	lines, err := readCSV(rules, "id", "strength", "versions", "origin", "when", "title")
	if err != nil {
		return nil, fmt.Errorf("read the rules: %w", err)
	}
	for _, l := range lines {
		r := rule{id: l[0], strength: l[1], versions: l[2], ours: l[3] == "ours", later: l[4] == "later", title: l[5]}
		if !slices.Contains(strengths, r.strength) || book.knows(r.id) || r.title == "" {
			return nil, fmt.Errorf("read the rules: %s is there twice, or has a strength %q or a title %q", r.id, r.strength, r.title)
		}
		book.rules = append(book.rules, r)
	}
	if lines, err = readCSV(exceptions, "id", "reason"); err != nil {
		return nil, fmt.Errorf("read the exceptions: %w", err)
	}
	for _, l := range lines {
		if !book.knows(l[0]) || book.reasons[l[0]] != "" || l[1] == "" {
			return nil, fmt.Errorf("read the exceptions: %q is no rule, is there twice, or has no reason", l[0])
		}
		book.reasons[l[0]] = l[1]
	}
	return book, nil
}

// readCSV gives the lines after a head of these names.
func readCSV(text string, head ...string) ([][]string, error) {
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = len(head)
	lines, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(lines) == 0 || !slices.Equal(lines[0], head) {
		return nil, fmt.Errorf("the first line is not %s", strings.Join(head, ","))
	}
	return lines[1:], nil
}

func (b *ruleBook) knows(id string) bool {
	return slices.ContainsFunc(b.rules, func(r rule) bool { return r.id == id })
}

// check refuses claims of rules that do not exist.
func (b *ruleBook) check(claims []claim) error {
	var unknown []error
	for _, c := range claims {
		for _, id := range c.ids {
			if !b.knows(id) {
				unknown = append(unknown, fmt.Errorf("%s claims %q, which is no rule", c.test, id))
			}
		}
	}
	return errors.Join(unknown...)
}

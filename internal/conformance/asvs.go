package main

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// asvsAttribute is the key of the attribute by which a test shows that a
// requirement of OWASP ASVS 4.0.3 is kept:
//
//	t.Attr("asvs", "3.4.2")
const asvsAttribute = "asvs"

//go:embed asvs.csv
var asvsTable string

// A requirement is one of ASVS, in our own words.
type requirement struct{ id, what, note string }

func requirements() ([]requirement, error) {
	rows, err := csv.NewReader(strings.NewReader(asvsTable)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the requirements: %w", err)
	}
	list := make([]requirement, len(rows))
	for i, r := range rows {
		list[i] = requirement{r[0], r[1], r[2]}
	}
	return list, nil
}

// scanASVS gives the tests below root that show each requirement.
func scanASVS(root string) (map[string][]test, error) {
	shown := map[string][]test{}
	err := eachTestFile(root, func(file, pkg string) error {
		claims, err := scanFile(file, pkg, asvsAttribute)
		for _, c := range claims {
			for _, id := range c.ids {
				if !slices.Contains(shown[id], c.test) {
					shown[id] = append(shown[id], c.test)
				}
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what tests show of ASVS: %w", err)
	}
	return shown, nil
}

const asvsHead = `# Security checks

The requirements of [OWASP ASVS 4.0.3](https://github.com/OWASP/ASVS/tree/v4.0.3) that apply to pages and API, to level 2, in our own words:
signing in (V2), sessions (V3), access (V4), output (V5), log and record (V7), caches and records (V8), floods (V11), the API (V13) and headers (V14).
Each names the tests that show it, by ` + "`t.Attr(\"asvs\", …)`" + `, or says how it stands. The page is written from the tests' sources
(` + "`go run ./internal/conformance --asvs`" + `). What is not listed does not apply: there are no secret questions, no SMS, no uploads, no XML, no SOAP, no GraphQL.

| requirement | what | how it stands | tests |
|---|---|---|---|
`

// asvsPage is the page of the requirements. The error names one that is neither
// shown nor explained, and a claim of one that there is not.
func asvsPage(list []requirement, shown map[string][]test) (string, error) {
	var b strings.Builder
	b.WriteString(asvsHead)
	known := map[string]bool{}
	for _, r := range list {
		known[r.id] = true
		tests, state := shown[r.id], "shown"
		if len(tests) == 0 {
			state = r.note
		} else if r.note != "" {
			state += ": " + r.note
		}
		if state == "" {
			return "", fmt.Errorf("no test shows ASVS %s, and nothing says how it stands", r.id)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", r.id, r.what, state, names(tests))
	}
	for id, tests := range shown {
		if !known[id] {
			return "", fmt.Errorf("%s shows ASVS %s, which is not in asvs.csv", tests[0], id)
		}
	}
	return b.String(), nil
}

// tellASVS writes the page, or compares it with the sources.
func tellASVS(root, page string, check bool) error {
	list, err := requirements()
	if err != nil {
		return err
	}
	shown, err := scanASVS(root)
	if err != nil {
		return err
	}
	text, err := asvsPage(list, shown)
	if err != nil {
		return err
	}
	file := filepath.Join(root, page)
	if !check {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return fmt.Errorf("write the page of ASVS: %w", err)
		}
		return nil
	}
	have, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the page of ASVS: %w", err)
	}
	if string(have) != text {
		return fmt.Errorf("%s is not what the tests show: run go run ./internal/conformance --asvs", page)
	}
	return nil
}

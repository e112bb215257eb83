package ingest

import (
	"slices"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/ndjson"
	"github.com/bulkhead-fhir/bulkhead/internal/rows"
	"github.com/bulkhead-fhir/bulkhead/internal/table"
)

// FuzzALineIsTakenOrRefused gives one line to the takers of all sections: none
// panics, each keeps the rows of whole lines only, and what a report may show
// is of a known shape.
func FuzzALineIsTakenOrRefused(f *testing.F) {
	for _, seed := range []string{
		`{"resourceType":"Patient","id":"1","name":[{"family":"A"}]}`,
		`{"resourceType":"Observation","id":"1","meta":{"tag":[{"system":"s","code":"c"}]},"subject":{"reference":"https://ehr.example/fhir/Patient/1"}}`,
		`{"resourceType":"Parameters","parameter":[{"name":"header"}]}`,
		`{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"x","diagnostics":"_since","expression":["patient"]}]}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patient/1"}},{}]}`,
		`{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"://"}}]}`,
		`[]`, `{`, "\xff",
	} {
		f.Add([]byte(seed), false)
	}
	o := testOptions(f)
	o.Base, o.Permits = base, func(string) bool { return true }
	f.Fuzz(func(t *testing.T, text []byte, organized bool) {
		line := ndjson.Line{Number: 1, Bytes: text}
		if line.Blank() || slices.Contains(text, '\n') {
			return
		}
		o := o
		o.Organized = organized
		for _, section := range []Section{Output, Deleted, Errors} {
			var tables []*rows.Writer
			taker, err := newTaker(&o, &Source{File: "0-output-0-Patient", Section: section, Type: "Patient"},
				func(shape table.Table, constant map[string]string) *rows.Writer {
					tables = append(tables, rows.NewWriter(rows.Options{Table: shape, Constant: constant}))
					return tables[len(tables)-1]
				})
			if err != nil {
				t.Fatal(err)
			}
			taker.begin([]byte("e1/0-output-0-Patient"))
			v, err := taker.take(line)
			if err != nil {
				t.Fatalf("%s: %v", section, err)
			}
			for _, to := range tables {
				if to.Pending() > 0 || v != (verdict{}) && to.Held() > 0 {
					t.Errorf("%s: table %s holds %d rows, %d of no whole line; verdict %+v", section, to.Table().Name, to.Held(), to.Pending(), v)
				}
			}
			sum := newTally()
			taker.report(sum)
			for issue := range sum.issues {
				if !issueCode.MatchString(issue.Severity) || !issueCode.MatchString(issue.Code) {
					t.Errorf("%s: a report shows %+v", section, issue)
				}
			}
			for name := range sum.parameters {
				if !slices.Contains(kickoffParameters, name) {
					t.Errorf("%s: a report shows %q", section, name)
				}
			}
		}
	})
}

package sqlonfhir_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/sqlonfhir-report.json")

// A suiteFile is a file of the conformance suite's format.
type suiteFile struct {
	Resources []json.RawMessage
	Tests     []suiteCase
}

type suiteCase struct {
	Title         string
	View          json.RawMessage
	Expect        []map[string]any
	ExpectCount   *int
	ExpectError   bool
	ExpectColumns []string
}

// A suiteResult is one of the standard test report.
type suiteResult struct {
	Name   string `json:"name"`
	Result struct {
		Passed bool   `json:"passed"`
		Reason string `json:"reason,omitempty"`
	} `json:"result"`
}

// A suiteReport is the standard test report: results by file.
type suiteReport map[string]map[string][]suiteResult

// suiteSummary is what TestMain says when all else is said.
var suiteSummary string

func TestMain(m *testing.M) {
	m.Run()
	if suiteSummary != "" {
		fmt.Println(suiteSummary)
	}
}

// TestSuite runs our own cases, which cover the whole language, and those of
// the public suite where it is. SQLONFHIR_REPORT names a file for the standard
// test report. Paths are relative to the root of the repository.
func TestSuite(t *testing.T) {
	report := suiteReport{}
	passed, failed := runFolder(t, "testdata", "testdata/", report)
	if dir := sqlonfhir.PublicSuite(); dir != "" {
		p, f := runFolder(t, dir, "", report)
		passed, failed = passed+p, failed+f
	}
	suiteSummary = fmt.Sprintf("%d passed, %d failed", passed, failed)
	name := os.Getenv("SQLONFHIR_REPORT")
	if *update && name == "" {
		name = filepath.Join("docs", "sqlonfhir-report.json")
	}
	if name == "" {
		return
	}
	if err := os.WriteFile(sqlonfhir.FromRoot(name), report.text(t), 0o644); err != nil {
		t.Fatal(err)
	}
}

// text writes a report with one line for each case.
func (r suiteReport) text(t *testing.T) []byte {
	b := bytes.NewBufferString("{")
	for i, file := range slices.Sorted(maps.Keys(r)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "\n  %q: {\"tests\": [", file)
		for j, result := range r[file]["tests"] {
			line, err := json.Marshal(result)
			if err != nil {
				t.Fatal(err)
			}
			if j > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(b, "\n    %s", line)
		}
		b.WriteString("\n  ]}")
	}
	b.WriteString("\n}\n")
	return b.Bytes()
}

// The kept report may have been written where the public suite was.
func TestTheKeptReportIsOfOurCases(t *testing.T) {
	text, err := os.ReadFile(sqlonfhir.FromRoot(filepath.Join("docs", "sqlonfhir-report.json")))
	if err != nil {
		t.Fatal(err)
	}
	var kept suiteReport
	if err := json.Unmarshal(text, &kept); err != nil {
		t.Fatal(err)
	}
	want := suiteReport{}
	runFolder(t, "testdata", "testdata/", want)
	for file := range want {
		if diff := cmp.Diff(want[file], kept[file]); diff != "" {
			t.Errorf("%s (run go test ./sqlonfhir -run TestSuite -update) (-want +got):\n%s", file, diff)
		}
	}
}

func TestTheReportHasTheStandardForm(t *testing.T) {
	var passed, failed suiteResult
	passed.Name, passed.Result.Passed = `a "quoted" case`, true
	failed.Name, failed.Result.Reason = "b", "no error"
	report := suiteReport{"x.json": {"tests": {passed, failed}}, "y.json": {"tests": {passed}}}
	var got map[string]map[string][]map[string]any
	if err := json.Unmarshal(report.text(t), &got); err != nil {
		t.Fatal(err)
	}
	yes := map[string]any{"name": `a "quoted" case`, "result": map[string]any{"passed": true}}
	no := map[string]any{"name": "b", "result": map[string]any{"passed": false, "reason": "no error"}}
	want := map[string]map[string][]map[string]any{"x.json": {"tests": {yes, no}}, "y.json": {"tests": {yes}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// runFolder runs the suite files of a folder; prefix goes before their names
// in the report.
func runFolder(t *testing.T, dir, prefix string, report suiteReport) (passed, failed int) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no suite files in %s (%v)", dir, err)
	}
	for _, name := range files {
		f := readSuite(t, name)
		key := prefix + filepath.Base(name)
		for _, c := range f.Tests {
			r := suiteResult{Name: c.Title}
			t.Run(key+"/"+c.Title, func(t *testing.T) {
				if err := c.run(f.Resources); err != nil {
					r.Result.Reason = err.Error()
					t.Error(err)
				}
			})
			if r.Result.Passed = r.Result.Reason == ""; r.Result.Passed {
				passed++
			} else {
				failed++
			}
			if report[key] == nil {
				report[key] = map[string][]suiteResult{}
			}
			report[key]["tests"] = append(report[key]["tests"], r)
		}
	}
	if passed+failed == 0 {
		t.Errorf("no cases in the files of %s", dir)
	}
	return passed, failed
}

func readSuite(t *testing.T, name string) suiteFile {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var f suiteFile
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return f
}

// run runs one case and says how it differs from what is expected.
func (c suiteCase) run(resources []json.RawMessage) error {
	columns, rows, err := evaluate(c.View, resources)
	switch {
	case c.ExpectError && err == nil:
		return errors.New("no error")
	case c.ExpectError:
		return nil
	case err != nil:
		return err
	case c.Expect == nil && c.ExpectCount == nil:
		return errors.New("the case expects nothing")
	}
	if c.ExpectCount != nil && *c.ExpectCount != len(rows) {
		return fmt.Errorf("%d rows, want %d", len(rows), *c.ExpectCount)
	}
	if c.ExpectColumns != nil && !slices.Equal(c.ExpectColumns, columns) {
		return errors.New("columns (-want +got):\n" + cmp.Diff(c.ExpectColumns, columns))
	}
	if c.Expect == nil || sameRows(c.Expect, rows) {
		return nil
	}
	return errors.New("rows (-want +got):\n" + cmp.Diff(c.Expect, rows))
}

func evaluate(definition []byte, resources []json.RawMessage) (columns []string, rows []map[string]any, err error) {
	view, err := sqlonfhir.Parse(definition)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range view.Columns() {
		columns = append(columns, c.Name)
	}
	program, err := sqlonfhir.Compile(view)
	if err != nil {
		return nil, nil, err
	}
	runner := program.NewRunner()
	for _, line := range resources {
		if err := runner.Load(line); err != nil {
			return nil, nil, err
		}
		err := runner.Rows(0, func(row []sqlonfhir.Value) error {
			m := map[string]any{}
			for i, v := range row {
				m[columns[i]] = plain(v)
			}
			rows = append(rows, m)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return columns, rows, nil
}

// plain returns what a JSON decoder would give for a value.
func plain(v sqlonfhir.Value) any {
	switch v.Kind {
	case sqlonfhir.Null:
		return nil
	case sqlonfhir.Boolean:
		return string(v.Text) == "true"
	case sqlonfhir.Integer, sqlonfhir.Decimal:
		return json.Number(v.Text)
	case sqlonfhir.String:
		return string(v.Text)
	case sqlonfhir.Collection:
		list := []any{}
		for _, x := range v.Items {
			list = append(list, plain(x))
		}
		return list
	}
	var x any
	d := json.NewDecoder(bytes.NewReader(v.Text))
	d.UseNumber()
	if err := d.Decode(&x); err != nil {
		panic(err)
	}
	return x
}

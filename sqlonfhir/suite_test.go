package sqlonfhir_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
	"github.com/google/go-cmp/cmp"
)

// A suiteFile is a file of the conformance suite's format.
type suiteFile struct {
	Title     string
	Resources []json.RawMessage
	Tests     []suiteCase
}

type suiteCase struct {
	Title         string
	Tags          []string
	View          json.RawMessage
	Expect        []map[string]any
	ExpectCount   *int
	ExpectError   bool
	ExpectColumns []string
}

// suiteDirs are the folders whose files TestSuite runs: our own cases, and the
// public suite where it is.
func suiteDirs(t *testing.T) []string {
	dirs := []string{"testdata"}
	if dir := os.Getenv("SQLONFHIR_SUITE"); dir != "" {
		return append(dirs, dir)
	}
	beside := filepath.Join("..", "..", "shared", "sql-on-fhir", "tests")
	if _, err := os.Stat(beside); err == nil {
		dirs = append(dirs, beside)
	}
	return dirs
}

func TestSuite(t *testing.T) {
	passed, failed := 0, 0
	report := map[string]any{}
	for _, dir := range suiteDirs(t) {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no suite files in %s (%v)", dir, err)
		}
		for _, name := range files {
			var results []any
			f := readSuite(t, name)
			for _, c := range f.Tests {
				err := c.run(f.Resources)
				if err == nil {
					passed++
				} else {
					failed++
					t.Errorf("%s: %s: %v", filepath.Base(name), c.Title, err)
				}
				results = append(results, map[string]any{"name": c.Title, "result": map[string]any{"passed": err == nil}})
			}
			report[filepath.Base(name)] = map[string]any{"tests": results}
		}
	}
	if name := os.Getenv("SQLONFHIR_REPORT"); name != "" {
		text, err := json.MarshalIndent(report, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d passed, %d failed", passed, failed)
}

func readSuite(t *testing.T, name string) suiteFile {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var f suiteFile
	if err := json.Unmarshal(text, &f); err != nil {
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
	}
	if c.ExpectCount != nil && *c.ExpectCount != len(rows) {
		return errors.New("wrong count: " + cmp.Diff(*c.ExpectCount, len(rows)))
	}
	if c.ExpectColumns != nil && !slices.Equal(c.ExpectColumns, columns) {
		return errors.New("columns (-want +got):\n" + cmp.Diff(c.ExpectColumns, columns))
	}
	if c.Expect == nil {
		return nil
	}
	if diff := cmp.Diff(sorted(c.Expect), sorted(rows)); diff != "" {
		return errors.New("rows (-want +got):\n" + diff)
	}
	return nil
}

// sorted returns rows as sorted JSON texts, for their order is free.
func sorted(rows []map[string]any) []string {
	texts := []string{}
	for _, row := range rows {
		text, err := json.Marshal(row)
		if err != nil {
			panic(err)
		}
		texts = append(texts, string(text))
	}
	slices.Sort(texts)
	return texts
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

// plain returns what json.Unmarshal would give for a value.
func plain(v sqlonfhir.Value) any {
	switch v.Kind {
	case sqlonfhir.Null:
		return nil
	case sqlonfhir.String:
		return strings.Clone(string(v.Text))
	case sqlonfhir.Collection:
		list := []any{}
		for _, x := range v.Items {
			list = append(list, plain(x))
		}
		return list
	}
	var x any
	if err := json.Unmarshal(v.Text, &x); err != nil {
		panic(err)
	}
	return x
}

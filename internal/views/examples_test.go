package views

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// exampleViews are the views that are documented as examples to drop in.
const exampleViews = "../../docs/examples/views"

// exampleRecords returns our records of a type and those for the examples.
func exampleRecords(t *testing.T, resourceType string) [][]byte {
	t.Helper()
	lines := records(t, resourceType)
	text, err := os.ReadFile(filepath.Join("testdata", "examples", resourceType+".ndjson"))
	if os.IsNotExist(err) {
		return lines
	}
	if err != nil {
		t.Fatal(err)
	}
	return append(lines, bytes.Split(bytes.TrimSpace(text), []byte("\n"))...)
}

func TestEveryExampleViewIsReadyToUse(t *testing.T) {
	t.Parallel()
	set, err := Load(exampleViews)
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(exampleViews, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(filepath.Join(exampleViews, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, typ := range set.Types() {
		for n, v := range set.For(typ) {
			if !strings.HasPrefix(v.File, exampleViews) {
				continue
			}
			seen++
			if !strings.Contains(string(readme), "`"+v.Name+"`") {
				t.Errorf("README.md does not name %s", v.Name)
			}
			t.Run(v.Name, func(t *testing.T) { giveRows(t, set, n, v) })
		}
	}
	if seen != len(files) || seen < 10 {
		t.Errorf("%d example views of %d files are in use", seen, len(files))
	}
}

// giveRows compares the rows of an example with a golden file, and demands a
// value in every column.
func giveRows(t *testing.T, set *Set, n int, v View) {
	text, err := os.ReadFile(v.File)
	if err != nil {
		t.Fatal(err)
	}
	checkHead(t, v.Name, text)
	checkColumns(t, v.View)
	runner := programOf(t, set, v.Resource).NewRunner()
	filled := make([]bool, len(v.Columns()))
	var b bytes.Buffer
	for i, line := range exampleRecords(t, v.Resource) {
		if err := runner.Load(line); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		err := runner.Rows(n, func(row []sqlonfhir.Value) error { return writeRow(&b, v, row, filled) })
		if err != nil {
			t.Errorf("line %d: %v", i+1, err)
		}
	}
	for i, ok := range filled {
		if !ok {
			t.Errorf("%s is null for all records", v.Columns()[i].Name)
		}
	}
	golden(t, "examples/"+v.Name+".json", b.Bytes())
}

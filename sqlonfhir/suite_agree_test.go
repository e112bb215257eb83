package sqlonfhir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// TestTheOracleAgreesOnEverySuiteCase runs the cases of TestSuite, wherever
// they are, in both ways: also their rows before an error must be the same.
func TestTheOracleAgreesOnEverySuiteCase(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("SQLONFHIR_SUITE")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "sql-on-fhir", "tests")
	}
	public, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	evaluated := 0
	for _, name := range append(files, public...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Resources []json.RawMessage
			Tests     []struct{ View json.RawMessage }
		}
		if err := json.Unmarshal(text, &f); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, c := range f.Tests {
			v, err := Parse(c.View)
			if err != nil {
				continue
			}
			for _, line := range f.Resources {
				if treeOf(jsontext.Value(line))[0].members["resourceType"][0].text != v.Resource {
					continue
				}
				agree(t, string(c.View), line)
				evaluated++
			}
		}
	}
	if evaluated < 800 {
		t.Errorf("only %d evaluations", evaluated)
	}
}

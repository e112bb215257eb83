package sqlonfhir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// PublicSuite is the folder of the public suite: the one that SQLONFHIR_SUITE
// names, or the one beside the repository; empty when there is none.
func PublicSuite() string {
	if dir := os.Getenv("SQLONFHIR_SUITE"); dir != "" {
		return FromRoot(dir)
	}
	beside := FromRoot(filepath.Join("..", "shared", "sql-on-fhir", "tests"))
	if _, err := os.Stat(beside); err != nil {
		return ""
	}
	return beside
}

// FromRoot returns a path that is relative to the root of the repository as
// one that is relative to this package, where its tests run.
func FromRoot(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join("..", path)
}

// TestTheOracleAgreesOnEverySuiteCase runs the cases of TestSuite, wherever
// they are, in both ways: also their rows before an error must be the same.
func TestTheOracleAgreesOnEverySuiteCase(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if dir := PublicSuite(); dir != "" {
		public, err := filepath.Glob(filepath.Join(dir, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, public...)
	}
	evaluated := 0
	for _, name := range files {
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

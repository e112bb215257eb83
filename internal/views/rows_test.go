package views

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// Published records, when they are there: US Core examples, and a synthetic
// practice as one gzipped file for each type.
const (
	sharedExamples = "../../../shared/us-core/examples"
	sharedPractice = "../../../shared/datasets/synthea-100"
)

// records returns the lines of testdata/<resourceType>.ndjson.
func records(t *testing.T, resourceType string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", resourceType+".ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

// TestRowsOfOurRecords compares the rows of every view with golden files, and
// demands one main row for each record and, over all records, a value in every
// column of every view: a misspelt path gives none.
func TestRowsOfOurRecords(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	for _, typ := range set.Types() {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			runner := programOf(t, set, typ).NewRunner()
			lines := records(t, typ)
			var b bytes.Buffer
			for n, v := range set.For(typ) {
				filled := make([]bool, len(v.Columns()))
				for i, line := range lines {
					if err := runner.Load(line); err != nil {
						t.Fatalf("line %d: %v", i+1, err)
					}
					rows := 0
					err := runner.Rows(n, func(row []sqlonfhir.Value) error {
						rows++
						return writeRow(&b, v, row, filled)
					})
					if err != nil {
						t.Errorf("line %d: %v", i+1, err)
					}
					if v.Main() && rows != 1 {
						t.Errorf("line %d: %s gives %d rows, want 1", i+1, v.Name, rows)
					}
				}
				for i, ok := range filled {
					if !ok {
						t.Errorf("%s.%s is null for all records", v.Name, v.Columns()[i].Name)
					}
				}
			}
			golden(t, "rows/"+typ+".json", b.Bytes())
		})
	}
}

// writeRow writes a row without its nulls, one column a line, and marks the
// columns that have a value.
func writeRow(b *bytes.Buffer, v View, row []sqlonfhir.Value, filled []bool) error {
	fmt.Fprintf(b, "{ %q: {\n", v.Name)
	separator := ""
	for i, c := range v.Columns() {
		if row[i].Kind == sqlonfhir.Null {
			continue
		}
		filled[i] = true
		text := row[i].Text
		if row[i].Kind == sqlonfhir.String {
			var quoted bytes.Buffer
			e := json.NewEncoder(&quoted)
			e.SetEscapeHTML(false)
			if err := e.Encode(string(text)); err != nil {
				return err
			}
			text = bytes.TrimSpace(quoted.Bytes())
		}
		fmt.Fprintf(b, "%s  %q: %s", separator, c.Name, text)
		separator = ",\n"
		if c.ReferenceKey {
			fmt.Fprintf(b, ", %q: %q", c.Name+"_type", row[i].RefType)
		}
	}
	b.WriteString("\n} }\n")
	return nil
}

func TestPublishedExamplesGiveOneMainRowEach(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	for _, x := range examples(t, "3.1.1", "6.1.0", "7.0.0", "8.0.0") {
		if set.For(x.typ) != nil {
			oneMainRow(t, set, x.typ, x.file, [][]byte{x.text})
		}
	}
}

func TestAPracticesRecordsGiveOneMainRowEach(t *testing.T) {
	t.Parallel()
	set := loadBuiltin(t)
	files, err := filepath.Glob(filepath.Join(sharedPractice, "*.ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		typ := strings.TrimSuffix(filepath.Base(file), ".ndjson.gz")
		if set.For(typ) != nil {
			oneMainRow(t, set, typ, filepath.Base(file), gunzip(t, file))
		}
	}
}

// oneMainRow demands one main row for each line of one type, and no error of
// any view.
func oneMainRow(t *testing.T, set *Set, typ, file string, lines [][]byte) {
	t.Helper()
	runner := programOf(t, set, typ).NewRunner()
	for i, line := range lines {
		if err := runner.Load(line); err != nil {
			t.Errorf("%s line %d: %v", file, i+1, err)
			continue
		}
		for n, v := range set.For(typ) {
			rows := 0
			if err := runner.Rows(n, func([]sqlonfhir.Value) error { rows++; return nil }); err != nil {
				t.Errorf("%s line %d: %v", file, i+1, err)
			}
			if v.Main() && rows != 1 {
				t.Errorf("%s line %d: %s gives %d rows, want 1", file, i+1, v.Name, rows)
			}
		}
	}
}

// gunzip returns the lines of a gzipped file.
func gunzip(t *testing.T, file string) [][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(text), []byte("\n"))
}

// An example is one published resource.
type example struct {
	file, typ string
	text      []byte
}

// examples returns the published resources of some US Core versions, those
// inside Bundles too; none where the folder is not there.
func examples(t *testing.T, versions ...string) []example {
	t.Helper()
	var out []example
	for _, version := range versions {
		files, err := filepath.Glob(filepath.Join(sharedExamples, version, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, unwrap(t, strings.TrimPrefix(file, sharedExamples), text)...)
		}
	}
	return out
}

// unwrap returns a resource, or those of a Bundle.
func unwrap(t *testing.T, file string, text []byte) []example {
	t.Helper()
	var r struct {
		ResourceType string
		Entry        []struct{ Resource json.RawMessage }
	}
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.ResourceType != "Bundle" {
		return []example{{file, r.ResourceType, text}}
	}
	var out []example
	for _, e := range r.Entry {
		out = append(out, unwrap(t, file, e.Resource)...)
	}
	return out
}

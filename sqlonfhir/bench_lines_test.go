package sqlonfhir_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/sqlonfhir"
)

// wideViews have the columns that a data warehouse asks of a type at least,
// all of them plain.
var wideViews = map[string]string{
	"Observation": wideView("Observation",
		`getResourceKey()`, `status`, `category.coding.first().system`, `category.coding.first().code`, `category.coding.first().display`,
		`code.coding.first().system`, `code.coding.first().code`, `code.coding.first().display`, `code.text`,
		`subject.getReferenceKey(Patient)`, `encounter.getReferenceKey(Encounter)`, `effective.ofType(dateTime)`, `issued`, `meta.lastUpdated`,
		`value.ofType(Quantity).value`, `value.ofType(Quantity).unit`, `value.ofType(Quantity).system`, `value.ofType(Quantity).code`,
		`value.ofType(CodeableConcept).coding.first().code`, `value.ofType(CodeableConcept).coding.first().display`,
		`value.ofType(CodeableConcept).text`, `value.ofType(string)`),
	"Encounter": wideView("Encounter",
		`getResourceKey()`, `status`, `class.code`, `type.first().coding.first().system`, `type.first().coding.first().code`,
		`type.first().coding.first().display`, `type.first().text`, `subject.getReferenceKey(Patient)`, `subject.display`,
		`participant.first().type.coding.first().code`, `participant.individual.reference.first()`, `participant.individual.display.first()`,
		`period.start`, `period.end`, `reasonCode.coding.first().system`, `reasonCode.coding.first().code`, `reasonCode.coding.first().display`,
		`hospitalization.dischargeDisposition.coding.first().code`, `serviceProvider.getReferenceKey(Organization)`, `serviceProvider.display`, `meta.lastUpdated`),
}

// resourceLines returns the lines of a type that the views are tried with: as
// many as there are up to a thousand of the shared set, or else our own.
func resourceLines(tb testing.TB, resourceType string) [][]byte {
	tb.Helper()
	if f, err := os.Open(filepath.Join("..", "..", "shared", "datasets", "synthea-100", resourceType+".ndjson.gz")); err == nil {
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			tb.Fatal(err)
		}
		return linesOf(tb, z, 1000)
	}
	f, err := os.Open(filepath.Join("..", "internal", "views", "testdata", resourceType+".ndjson"))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	return linesOf(tb, f, 1000)
}

func linesOf(tb testing.TB, r io.Reader, most int) (lines [][]byte) {
	tb.Helper()
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<24)
	for len(lines) < most && s.Scan() {
		lines = append(lines, bytes.Clone(s.Bytes()))
	}
	if s.Err() != nil {
		tb.Fatal(s.Err())
	}
	return lines
}

// builtInViews compiles the built-in views of a type, as files of our own name
// them.
func builtInViews(tb testing.TB, names ...string) []string {
	tb.Helper()
	var views []string
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join("..", "internal", "views", "r4", name+".json"))
		if err != nil {
			tb.Fatal(err)
		}
		views = append(views, string(text))
	}
	return views
}

// benchmarkViews measures the load of lines alone, and with the rows of all
// views.
func benchmarkViews(b *testing.B, lines [][]byte, views ...string) {
	size := 0
	for _, l := range lines {
		size += len(l)
	}
	program := mustProgram(b, views...)
	for _, with := range []struct {
		name string
		rows int
	}{{"load", 0}, {"load and rows", len(views)}} {
		b.Run(with.name, func(b *testing.B) {
			runner, cells := program.NewRunner(), 0
			emit := func(row []sqlonfhir.Value) error {
				cells += len(row[len(row)-1].Text)
				return nil
			}
			b.SetBytes(int64(size / len(lines)))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if err := runner.Load(lines[i%len(lines)]); err != nil {
					b.Fatal(err)
				}
				for v := range with.rows {
					if err := runner.Rows(v, emit); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkRowsAlone measures the rows of a line that is loaded.
func BenchmarkRowsAlone(b *testing.B) {
	for resourceType, view := range wideViews {
		b.Run(resourceType, func(b *testing.B) {
			runner := mustProgram(b, view).NewRunner()
			line := resourceLines(b, resourceType)[0]
			if err := runner.Load(line); err != nil {
				b.Fatal(err)
			}
			emit := func([]sqlonfhir.Value) error { return nil }
			for b.Loop() {
				if err := runner.Rows(0, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkTwentyTwoPlainColumnsOfObservations(b *testing.B) {
	benchmarkViews(b, resourceLines(b, "Observation"), wideViews["Observation"])
}

func BenchmarkTwentyOnePlainColumnsOfEncounters(b *testing.B) {
	benchmarkViews(b, resourceLines(b, "Encounter"), wideViews["Encounter"])
}

func BenchmarkTheBuiltInObservationViews(b *testing.B) {
	benchmarkViews(b, resourceLines(b, "Observation"), builtInViews(b, "observation", "observation_component", "observation_blood_pressure")...)
}

func BenchmarkTheBuiltInPatientViews(b *testing.B) {
	benchmarkViews(b, resourceLines(b, "Patient"), builtInViews(b, "patient", "patient_address", "patient_identifier", "patient_name", "patient_telecom")...)
}

// wideView is a view of columns with those paths.
func wideView(resource string, paths ...string) string {
	columns := make([]string, len(paths))
	for i, p := range paths {
		columns[i] = fmt.Sprintf(`{"name":"c%d","path":%q}`, i, p)
	}
	return fmt.Sprintf(`{"resource":%q,"name":"wide","select":[{"column":[%s]}]}`, resource, strings.Join(columns, ","))
}

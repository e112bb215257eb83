package ingest

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-fhir/bulkhead/internal/quarantine"
)

func TestTheNumbersOfRefusedLinesCanBeHad(t *testing.T) {
	o := testOptions(t)
	o.MaxLine = 90_000
	text := twoPatients + "{\"no\n\n" + `{"resourceType":"Patient"}` + "\n" + `{"resourceType":"Patient","x":"` + strings.Repeat("é", 40_000) + "\"}\n" +
		strings.Repeat("x", 100_000) + "\n" + "\xff\n"
	src := textSource(Output, "Patient", text)
	if s := mustRun(t, o, src); s.Quarantined != 5 {
		t.Fatalf("summary %+v", s)
	}
	got, err := quarantine.Lines(t.Context(), o.Scope, o.Export, src.File)
	if err != nil {
		t.Fatal(err)
	}
	for line := range int64(10) {
		if want := slices.Contains([]int64{3, 5, 6, 7, 8}, line); got.Has(line) != want {
			t.Errorf("line %d is refused: %v", line, got.Has(line))
		}
	}
	none, err := quarantine.Lines(t.Context(), o.Scope, o.Export, "0-output-9-Patient")
	if err != nil || none.Has(1) {
		t.Errorf("a file without refused lines: %v, %v", none, err)
	}
}

func TestASaltMakesAResourceAChangedOne(t *testing.T) {
	hashes := func(salt func(string) func([]byte) uint64) [2]string {
		o := testOptions(t)
		o.Salt = salt
		rows := tableOf(t, o, mustRun(t, o, textSource(Output, "Patient", twoPatients)), "_index")
		return [2]string{rows[1][4], rows[2][4]}
	}
	plain := hashes(nil)
	if of := hashes(func(string) func([]byte) uint64 { return nil }); of != plain {
		t.Error("no salt changes the content hash")
	}
	first := hashes(func(resourceType string) func([]byte) uint64 {
		return func(key []byte) uint64 {
			if resourceType == "Patient" && string(key) == "Patient/1" {
				return 7
			}
			return 0
		}
	})
	if first[0] == plain[0] || first[1] != plain[1] {
		t.Errorf("content hashes %v, unsalted %v: only the first must differ", first, plain)
	}
}

func TestRowsNameTheExportWhoseFileItIs(t *testing.T) {
	o := testOptions(t)
	src := textSource(Output, "Patient", twoPatients)
	src.Origin = "e0"
	rows := tableOf(t, o, mustRun(t, o, src), "_index")
	if got, want := rows[1][6], "e0/"+src.File; got != want {
		t.Errorf("source_file %q, want %q", got, want)
	}
}
